"""Fills the volumes of compose.yaml: passwords, the local authority, Traefik's static configuration, Keycloak's secrets.

Runs before every start, as root without any right but ``chown``. What was made once stays; each file belongs to the one
user that reads it, mode 0600. Not here: the realm (``realm.py``).
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import yaml

from gatelodge.core.clock import SystemClock
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import read_or_create
from gatelodge.ops.stack.authority import ensure_certificates
from gatelodge.ops.stack.credentials import ADMINISTRATOR, prepare_credentials
from gatelodge.ops.stack.edge import READ_TIMEOUT
from gatelodge.ops.stack.prometheus import scrape_targets
from gatelodge.ops.stack.record import write_private
from gatelodge.ops.stack.servers import ServerFolder, of_profiles, read_servers, routes_of
from gatelodge.vault.key_source import make_key_file

# The users of the images.
TRAEFIK, KEYCLOAK, POSTGRES, APP, PROMETHEUS, GRAFANA = 65532, 1000, 999, 10001, 65534, 472
# The servers that have a profile and volumes in compose.yaml; each listens on the same port of its own container.
FURTHER = ("toolbox", "workspace")
# Where the desk and each server show their figures, and where Traefik does.
FIGURES, PING = 9464, 8080
_LOOPBACK = "127.0.0.1"


def static_configuration(
    template: str, *, host: str = "", email: str = "", acme_server: str = "", figures_at: str = _LOOPBACK
) -> str:
    """Traefik's static configuration from ``infra/traefik/traefik.yaml``; with ``host`` and ACME for it.

    ``figures_at`` is the address of its figures and its ping.
    """
    values = {
        "public_address": ":8443",
        "ping_address": f"{figures_at}:{PING}",
        "dynamic_folder": "/routes",
        "read_timeout": READ_TIMEOUT,
    }
    text = Template(template).substitute(values)
    if not host:
        return text
    document: dict[str, Any] = yaml.safe_load(text)
    document["entryPoints"]["public"]["http"]["tls"] = {"certResolver": "acme", "domains": [{"main": host}]}
    # TLS-ALPN-01: the challenge comes to the public port itself.
    acme: dict[str, Any] = {"email": email, "storage": "/certificates/acme.json", "tlsChallenge": {}}
    if acme_server:
        acme["caServer"] = acme_server
    document["certificatesResolvers"] = {"acme": {"acme": acme}}
    return yaml.safe_dump(document, sort_keys=False)


def refusal(*, host: str, email: str) -> str | None:
    """What is wrong with the two variables of a public host, or ``None``."""
    if host and not email:
        return (
            "GATELODGE_PUBLIC_HOST is set and ACME_EMAIL is not: set it to the address for notices about certificates"
        )
    if host and (host != host.lower() or not all(c.isalnum() or c in "-." for c in host) or "." not in host):
        return f"GATELODGE_PUBLIC_HOST is {host!r}: set the host name alone, in lower case, such as mcp.example.com"
    return None


def further_routes(servers: Sequence[ServerFolder]) -> str:
    """Traefik's routes to these servers: as the native stack's, to the services of their names."""
    return routes_of(servers, [f"http://{server.name}:8002" for server in servers])


def hand_out(path: Path, text: str, owner: int) -> None:
    """Write a file that only ``owner`` reads."""
    write_private(path, text)
    os.chown(path, owner, -1)


def prepare(
    root: Path,
    infra: Path,
    *,
    host: str,
    email: str,
    acme_server: str,
    further: Sequence[ServerFolder] = (),
    figures_at: str = _LOOPBACK,
    replicas: int = 1,
) -> None:
    """Fill the volumes below ``root``; ``further`` servers get routes and secrets. Raises: DiskRefused."""
    given = prepare_credentials(root / "operator" / "secrets")
    database = read_or_create(root / "operator" / "secrets" / "database").reveal()
    hand_out(root / "postgres" / "password", database, POSTGRES)
    hand_out(root / "desk" / "desk", given.desk.reveal(), APP)
    keycloak = {
        "db-password": database,
        "bootstrap-admin-username": ADMINISTRATOR,
        "bootstrap-admin-password": given.admin.reveal(),
    }
    hand_out(
        root / "keycloak" / "keycloak.conf",
        "".join(f"{name}={value}\n" for name, value in keycloak.items()),
        KEYCLOAK,
    )
    tls = root / "operator" / "tls"
    tls.mkdir(exist_ok=True, mode=0o700)
    files = ensure_certificates(tls, SystemClock())
    for file in (files.ca_file, files.cert_file, files.key_file):
        hand_out(root / "edge" / file.name, file.read_text(encoding="utf-8"), TRAEFIK)
    template = (infra / "traefik" / "traefik.yaml").read_text(encoding="utf-8")
    static = static_configuration(template, host=host, email=email, acme_server=acme_server, figures_at=figures_at)
    hand_out(root / "edge" / "traefik.yaml", static, TRAEFIK)
    os.chown(root / "certificates", TRAEFIK, -1)
    hand_out_further(root, further, given.web.reveal())
    for name, text in targets(further, replicas).items():
        hand_out(root / "prometheus" / name, text, PROMETHEUS)
    hand_out(root / "grafana" / "password", read_or_create(root / "operator" / "secrets" / "grafana").reveal(), GRAFANA)


def targets(further: Sequence[ServerFolder], replicas: int) -> dict[str, str]:
    """What Prometheus reads: the desk, the sample and its second replica, further servers, Keycloak, Traefik."""
    names = ["desk", "sample", *(["sample-2"] if replicas > 1 else []), *(server.name for server in further)]
    return scrape_targets(
        {name: f"{name}:{FIGURES}" for name in names}, keycloak="keycloak:9000", traefik=f"traefik:{PING}"
    )


def hand_out_further(root: Path, servers: Sequence[ServerFolder], web_secret: str) -> None:
    """Routes, the pages' secret and the vault's key for these servers; of all others routes and secret are taken away."""
    routes, chosen = root / "routes" / "servers.yaml", {server.name for server in servers}
    if servers:
        hand_out(routes, further_routes(servers), TRAEFIK)
    else:
        # Traefik takes no file of its folder when one of them has no routes in it.
        routes.unlink(missing_ok=True)
    for name in FURTHER:
        web = root / name / "web"
        if name in chosen:
            hand_out(web, web_secret, APP)
            keep_vault_key(root / "vaults" / name)
        else:
            # A server that is started without its profile says that it has no secret, instead of running without routes.
            web.unlink(missing_ok=True)


def keep_vault_key(folder: Path) -> None:
    """Make the vault's key on the first start; the folder is the server's, so that it can rotate the key."""
    make_key_file(folder / "key")
    os.chown(folder / "key", APP, -1)
    os.chown(folder, APP, -1)


def main() -> int:
    """Exit code 0 when everything is there, 2 for variables that do not fit, else 1."""
    host, email = os.environ.get("GATELODGE_PUBLIC_HOST", ""), os.environ.get("ACME_EMAIL", "")
    if wrong := refusal(host=host, email=email):
        sys.stderr.write(f"prepare: {wrong}\n")
        return 2
    profiles = os.environ.get("FURTHER_SERVERS", "")
    watched = bool({"observability", "*"} & {name.strip() for name in profiles.split(",")})
    try:
        prepare(
            Path("/"),
            Path("/infra"),
            host=host,
            email=email,
            acme_server=os.environ.get("ACME_SERVER", ""),
            further=read_servers(of_profiles(Path("/"), profiles)),
            figures_at=os.environ["INTERNAL_ADDRESS"] if watched else _LOOPBACK,
            replicas=2 if os.environ.get("SECOND_REPLICA") else 1,
        )
    except GatelodgeError as error:
        sys.stderr.write(f"prepare: {error.detail}\n  next step: {error.hint}\n")
        return 1
    sys.stdout.write(json.dumps({"prepared": host or "localhost"}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
