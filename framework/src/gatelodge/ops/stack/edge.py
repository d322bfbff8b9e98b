"""Traefik's configuration for one checkout: the static file rendered, the dynamic one as it is, routes beside it."""

import json
from collections.abc import Sequence
from pathlib import Path
from string import Template

from gatelodge.ops.stack.authority import Certificates
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.record import write_private
from gatelodge.ops.stack.servers import ServerFolder, routes_of

__all__ = ["edge_environment", "render_routes", "render_static"]

READ_TIMEOUT = "60s"
_SERVERS = "servers.yaml"


def render_static(infra: Path, target: Path, *, bind: str, ports: Ports, read_timeout: str = READ_TIMEOUT) -> None:
    """Write Traefik's static configuration to ``target``. Raises: DiskRefused."""
    template = Template((infra / "traefik" / "traefik.yaml").read_text(encoding="utf-8"))
    host = f"[{bind}]" if ":" in bind else bind
    values = {
        "public_address": f"{host}:{ports.public}",
        "ping_address": f"127.0.0.1:{ports.ping}",
        "dynamic_folder": str(target.parent / "dynamic"),
        "read_timeout": read_timeout,
    }
    # JSON escapes are YAML's inside double quotes: a folder name may hold any character.
    write_private(target, template.substitute({name: json.dumps(value)[1:-1] for name, value in values.items()}))


def render_routes(infra: Path, folder: Path, *, servers: Sequence[ServerFolder], ports: Ports) -> None:
    """Fill the folder that Traefik watches: the shared file and the routes of further servers. Raises: DiskRefused."""
    shared = (infra / "traefik" / "dynamic.yaml").read_text(encoding="utf-8")
    write_private(folder / "dynamic.yaml", shared)
    if servers:
        write_private(folder / _SERVERS, routes_of(servers, [f"http://127.0.0.1:{port}" for port in ports.servers]))
    else:
        (folder / _SERVERS).unlink(missing_ok=True)


def edge_environment(ports: Ports, certificates: Certificates) -> dict[str, str]:
    """The variables that ``dynamic.yaml`` reads."""
    return {
        "GATELODGE_EDGE_KEYCLOAK_URL": f"http://127.0.0.1:{ports.keycloak}",
        "GATELODGE_EDGE_DESK_URL": f"http://127.0.0.1:{ports.desk}",
        "GATELODGE_EDGE_SERVER_URL": f"http://127.0.0.1:{ports.server}",
        # One process per server here.
        "GATELODGE_EDGE_SERVER_2_URL": "",
        "GATELODGE_EDGE_CERT_FILE": str(certificates.cert_file),
        "GATELODGE_EDGE_KEY_FILE": str(certificates.key_file),
    }
