"""The parts of the native stack, as processes: Keycloak, the desk, the servers, Traefik, in start order."""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gatelodge.ops.realm.sign_in import GITHUB_VARIABLES
from gatelodge.ops.stack.authority import Certificates
from gatelodge.ops.stack.binaries import Binaries
from gatelodge.ops.stack.credentials import ADMINISTRATOR, Credentials
from gatelodge.ops.stack.documents import document_environment
from gatelodge.ops.stack.edge import edge_environment
from gatelodge.ops.stack.keycloak import keycloak_command
from gatelodge.ops.stack.options import REALM, StackOptions
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.probes import all_of, answers
from gatelodge.ops.stack.process import Part
from gatelodge.ops.stack.prometheus import prometheus_command
from gatelodge.ops.stack.servers import ServerFolder
from gatelodge.outbound.client import Outbound

__all__ = ["Composition", "compose"]


@dataclass(frozen=True, slots=True)
class Composition:
    """Everything that a set of parts is made from.

    ``scopes`` are those of the servers behind the desk; ``outbound`` sends the probes and trusts the local authority;
    ``prometheus`` is its program, where there is one.
    """

    options: StackOptions
    ports: Ports
    binaries: Binaries
    certificates: Certificates
    credentials: Credentials
    scopes: tuple[str, ...]
    outbound: Outbound
    prometheus: Path | None = None

    @property
    def keycloak_url(self) -> str:
        """Keycloak's internal address."""
        return f"http://127.0.0.1:{self.ports.keycloak}"


def compose(given: Composition, *, ensure_realm: Callable[[], Awaitable[None]]) -> tuple[Part, ...]:
    """The parts in start order; ``ensure_realm`` runs as soon as Keycloak is ready, the others wait for it by theirs."""
    further = (_further(given, *pair) for pair in zip(given.options.servers, given.ports.servers, strict=True))
    observed = () if given.prometheus is None else (_prometheus(given, given.prometheus),)
    return (_keycloak(given, ensure_realm), _desk(given), _server(given), *further, _traefik(given), *observed)


def _keycloak(given: Composition, ensure_realm: Callable[[], Awaitable[None]]) -> Part:
    options, layout = given.options, given.options.layout
    return Part(
        name="keycloak",
        command=keycloak_command(given.binaries.java, layout.keycloak, options, given.ports),
        # Read on the first start only, when the administrator is made.
        environment=_inherited("KC_", "JAVA", "JDK_")
        | {
            "KC_BOOTSTRAP_ADMIN_USERNAME": ADMINISTRATOR,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": given.credentials.admin.reveal(),
        },
        log=layout.log("keycloak"),
        probe=answers(given.outbound, f"http://127.0.0.1:{given.ports.management}/health/ready"),
        folder=layout.keycloak,
        after_ready=ensure_realm,
        ready_seconds=180.0,
        stop_seconds=20.0,
    )


def _desk(given: Composition) -> Part:
    layout = given.options.layout
    return Part(
        name="desk",
        command=(sys.executable, "-m", "gatelodge", "desk"),
        environment=_audited()
        | _python_environment(given, "desk", given.ports.desk)
        | document_environment(layout, given.ports.documents)
        | {
            "GATELODGE_SCOPES": ",".join(given.scopes),
            "GATELODGE_STATE_DIR": str(layout.state / "desk"),
            "GATELODGE_CLIENT_DOCUMENTS_FOLDER": str(layout.infra / "keycloak" / "clients"),
            # Named, not given: an environment can be read by more than the process itself.
            "GATELODGE_DESK_SECRET_FILE": str(given.credentials.desk_file),
        },
        log=layout.log("desk"),
        probe=answers(given.outbound, f"http://127.0.0.1:{given.ports.desk}/health/ready"),
        folder=layout.checkout,
    )


def _server(given: Composition) -> Part:
    layout = given.options.layout
    return Part(
        name="server",
        command=(sys.executable, "-m", "gatelodge", "serve", given.options.application),
        environment=_audited()
        | _python_environment(given, "server", given.ports.server)
        | {
            "GATELODGE_PUBLIC_URL": given.options.mcp_url,
            "GATELODGE_STATE_DIR": str(layout.state / "server"),
        },
        log=layout.log("server"),
        probe=answers(given.outbound, f"http://127.0.0.1:{given.ports.server}/health/ready"),
        folder=layout.checkout,
    )


def _further(given: Composition, server: ServerFolder, port: int) -> Part:
    layout = given.options.layout
    python = server.python(sys.executable)
    # Its own environment has its package; the stack's has not.
    found = {"PYTHONPATH": server.import_path()} if python == sys.executable else {}
    # Whether its own environment could keep a trail is not known here: there it is on with linked accounts.
    audited = _audited() if python == sys.executable else {}
    if server.realm.accounts:
        found["GATELODGE_WEB_CLIENT_SECRET_FILE"] = str(given.credentials.web_file)
    return Part(
        name=server.part,
        command=(python, "-m", "gatelodge", "serve", server.application),
        environment=audited
        | _python_environment(given, server.part, port)
        | found
        | {
            "GATELODGE_PUBLIC_URL": given.options.url_of(server),
            "GATELODGE_STATE_DIR": str(layout.state / server.part),
        },
        log=layout.log(server.part),
        probe=answers(given.outbound, f"http://127.0.0.1:{port}/health/ready"),
        folder=server.folder,
    )


def _traefik(given: Composition) -> Part:
    layout, base = given.options.layout, given.options.local_base
    return Part(
        name="traefik",
        command=(str(given.binaries.traefik), f"--configFile={layout.state / 'traefik' / 'traefik.yaml'}"),
        environment=_inherited("TRAEFIK_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        | edge_environment(given.ports, given.certificates),
        log=layout.log("traefik"),
        # The second one proves certificate, routes and a backend at once.
        probe=all_of(
            answers(given.outbound, f"http://127.0.0.1:{given.ports.ping}/ping"),
            answers(given.outbound, f"{base}/health/live"),
        ),
        folder=layout.state,
        stop_seconds=6.0,
    )


def _prometheus(given: Composition, program: Path) -> Part:
    layout = given.options.layout
    return Part(
        name="prometheus",
        command=prometheus_command(program, layout, given.ports),
        environment=_inherited("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "GATELODGE_"),
        log=layout.log("prometheus"),
        probe=answers(given.outbound, f"http://127.0.0.1:{given.ports.prometheus}/-/ready"),
        folder=layout.prometheus,
        ready_seconds=60.0,
    )


def _python_environment(given: Composition, part: str, port: int) -> dict[str, str]:
    return _inherited("PYTHON") | {
        "PYTHONUNBUFFERED": "1",
        "GATELODGE_MODE": "development",
        "GATELODGE_ISSUER": given.options.issuer,
        "GATELODGE_ISSUER_INTERNAL_URL": f"{given.keycloak_url}/realms/{REALM}",
        "GATELODGE_BIND": "127.0.0.1",
        "GATELODGE_PORT": str(port),
        "GATELODGE_METRICS_BIND": "127.0.0.1",
        "GATELODGE_METRICS_PORT": str(given.ports.metrics.get(part, 0)),
    }


def _audited() -> dict[str, str]:
    """The audit trail in each part's state folder, where the database drivers are installed; the caller may say no."""
    return {"GATELODGE_AUDIT": "on"} if find_spec("sqlalchemy") and find_spec("aiosqlite") else {}


def _inherited(*without: str, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without the variables that would change how a part runs, whatever their case.

    Nor has a part what is for the realm alone.
    """
    values = os.environ if environment is None else environment
    return {name: value for name, value in values.items() if not name.upper().startswith((*without, GITHUB_VARIABLES))}
