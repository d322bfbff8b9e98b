"""Servers that a run starts beside a local stack: one that streams, behind a Traefik of its own, and its open copy.

Invariant: they take the stack's own routes, certificates and pins, listen on loopback only, and end with the run, however it
ends. Not here: the server's code (``benchmarks/slo_server.py``).
"""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gatelodge.core.clock import Clock
from gatelodge.ops.slo.faults import RunFailed
from gatelodge.ops.slo.place import Local, Place
from gatelodge.ops.stack.authority import ensure_certificates
from gatelodge.ops.stack.binaries import find_binaries
from gatelodge.ops.stack.edge import edge_environment, render_routes, render_static
from gatelodge.ops.stack.options import REALM
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.probes import answers
from gatelodge.ops.stack.process import Part, spawn, stop, until_ready
from gatelodge.ops.stack.versions import read_versions
from gatelodge.outbound.client import Outbound

__all__ = ["Beside", "start_beside"]

_SERVER = "slo_server"
_READY = 40.0


@dataclass(frozen=True, slots=True)
class Beside:
    """MCP URLs of the streaming server: through Traefik, at its own port, and of its open copy."""

    edge: str
    direct: str
    open: str


@asynccontextmanager
async def start_beside(place: Place, local: Local, clock: Clock) -> AsyncIterator[Beside]:
    """Start the three processes, wait until they answer, stop them in the end. Raises: RunFailed, PartFailed."""
    program = local.layout.checkout / "benchmarks" / f"{_SERVER}.py"
    if not program.is_file():
        raise RunFailed(f"{program} is missing", hint="Run it inside a whole checkout.")
    async with AsyncExitStack() as kept:
        folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="gatelodge-slo-")))
        outbound = Outbound(ca_file=place.ca_file)
        kept.push_async_callback(outbound.aclose)
        public, ping, management, server, bare = _free_ports(5)
        inside = {part: int(local.internal[f"{part}_url"].rpartition(":")[2]) for part in ("keycloak", "desk")}
        ports = Ports(public, ping, inside["keycloak"], management, inside["desk"], server)
        render_static(local.layout.infra, folder / "traefik.yaml", bind="127.0.0.1", ports=ports)
        (folder / "dynamic").mkdir()
        render_routes(local.layout.infra, folder / "dynamic", servers=(), ports=ports)
        edge = edge_environment(ports, ensure_certificates(local.layout.tls, clock))
        parts = (
            _server(place, local, folder, outbound, port=server),
            _copy(folder, program, port=bare),
            _traefik(local, folder, outbound, edge, port=public),
        )
        for part in parts:
            process = await spawn(part)
            kept.push_async_callback(stop, process, part.stop_seconds, asyncio.Event())
            await until_ready(part, process)
        yield Beside(
            f"https://localhost:{public}/mcp", f"http://127.0.0.1:{server}/mcp", f"http://127.0.0.1:{bare}/mcp"
        )


def _server(place: Place, local: Local, folder: Path, outbound: Outbound, *, port: int) -> Part:
    environment = _python(local) | {
        "GATELODGE_MODE": "development",
        "GATELODGE_PUBLIC_URL": place.mcp_url,
        "GATELODGE_ISSUER": place.issuer or "",
        "GATELODGE_ISSUER_INTERNAL_URL": f"{local.internal['keycloak_url']}/realms/{REALM}",
        "GATELODGE_BIND": "127.0.0.1",
        "GATELODGE_PORT": str(port),
        "GATELODGE_STATE_DIR": str(folder / "server"),
    }
    return Part(
        "streaming-server",
        (sys.executable, "-m", "gatelodge", "serve", f"{_SERVER}:app"),
        environment,
        folder / "server.log",
        answers(outbound, f"http://127.0.0.1:{port}/health/ready"),
        folder,
        ready_seconds=_READY,
    )


def _copy(folder: Path, program: Path, *, port: int) -> Part:
    command = (sys.executable, str(program), str(port))
    return Part(
        "open-copy", command, _inherited(), folder / "open.log", lambda: _listens(port), folder, ready_seconds=_READY
    )


def _traefik(local: Local, folder: Path, outbound: Outbound, edge: Mapping[str, str], *, port: int) -> Part:
    traefik = find_binaries(read_versions(local.layout.infra / "versions.toml")).traefik
    return Part(
        "traefik-beside",
        (str(traefik), f"--configFile={folder / 'traefik.yaml'}"),
        {**_inherited(), **edge},
        folder / "traefik.log",
        answers(outbound, f"https://localhost:{port}/health/ready"),
        folder,
        ready_seconds=_READY,
        stop_seconds=6.0,
    )


def _python(local: Local) -> dict[str, str]:
    return {**_inherited(), "PYTHONPATH": str(local.layout.checkout / "benchmarks")}


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def _inherited() -> dict[str, str]:
    # Settings of another server or proxy in the caller's shell would change what is measured.
    without = ("GATELODGE_", "TRAEFIK_", "PYTHON", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(without)}


def _free_ports(count: int) -> list[int]:
    # All are held until the last is chosen: the kernel must not give one number twice.
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [int(listener.getsockname()[1]) for listener in held]
    for listener in held:
        listener.close()
    return numbers
