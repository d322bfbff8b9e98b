"""Traefik's configuration for one checkout: the static file rendered, the dynamic one used as it is."""

import json
from pathlib import Path
from string import Template

from gatelodge.ops.stack.authority import Certificates
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.record import write_private

__all__ = ["edge_environment", "render_static"]

READ_TIMEOUT = "60s"


def render_static(infra: Path, target: Path, *, bind: str, ports: Ports, read_timeout: str = READ_TIMEOUT) -> None:
    """Write Traefik's static configuration to ``target``. Raises: DiskRefused."""
    template = Template((infra / "traefik" / "traefik.yaml").read_text(encoding="utf-8"))
    host = f"[{bind}]" if ":" in bind else bind
    values = {
        "public_address": f"{host}:{ports.public}",
        "ping_address": f"127.0.0.1:{ports.ping}",
        "dynamic_file": str(infra / "traefik" / "dynamic.yaml"),
        "read_timeout": read_timeout,
    }
    # JSON escapes are YAML's inside double quotes: a folder name may hold any character.
    write_private(target, template.substitute({name: json.dumps(value)[1:-1] for name, value in values.items()}))


def edge_environment(ports: Ports, certificates: Certificates) -> dict[str, str]:
    """The variables that ``dynamic.yaml`` reads."""
    return {
        "GATELODGE_EDGE_KEYCLOAK_URL": f"http://127.0.0.1:{ports.keycloak}",
        "GATELODGE_EDGE_DESK_URL": f"http://127.0.0.1:{ports.desk}",
        "GATELODGE_EDGE_SERVER_URL": f"http://127.0.0.1:{ports.server}",
        "GATELODGE_EDGE_CERT_FILE": str(certificates.cert_file),
        "GATELODGE_EDGE_KEY_FILE": str(certificates.key_file),
    }
