"""A protected server over real sockets in a thread of this process, and the real Traefik in front of it.

Invariant: it is served with the product's own uvicorn configuration; only tests of limits have others, to be quick.
``records`` is what the application saw of each request, in front of all of our checks.
"""

import asyncio
import gc
import json
import os
import re
import resource
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastmcp import Context, FastMCP
from native_stack import CHECKOUT, free_port
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge import current_principal, protect, requires
from gatelodge.app.serve import server_config
from gatelodge.app.slow_clients import Limits
from gatelodge.core.clock import SystemClock
from gatelodge.ops.stack.authority import ensure_certificates
from gatelodge.ops.stack.binaries import find_binaries
from gatelodge.ops.stack.edge import edge_environment, render_routes, render_static
from gatelodge.ops.stack.ports import Ports
from gatelodge.ops.stack.versions import read_versions
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

HOST = "localhost:8443"
PUBLIC_URL = f"https://{HOST}/mcp"
QUICK = Limits(head=1, stall=1, body=2, idle=1, write=1)
_ISSUER = f"https://{HOST}/realms/mcp"


@dataclass
class Seen:
    """One request as the application saw it."""

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    client: Any
    scheme: str
    body: bytes = b""
    status: int | None = None

    def values(self, name: bytes) -> list[bytes]:
        """The values of a header, in order."""
        return [value for key, value in self.headers if key == name]


@dataclass
class Work:
    """What tools did, counted in the server's own loop."""

    started: int = 0
    ended: int = 0
    finished: int = 0


@dataclass
class Surface:
    """A running server: its port, what it saw, its loop, and tokens for it."""

    port: int
    records: list[Seen]
    work: Work
    loop: asyncio.AbstractEventLoop
    tokens: TokenFactory = field(repr=False)

    def bearer(self, subject: str = "alice") -> str:
        """An Authorization value of one user."""
        return f"Bearer {self.tokens.token(scope='notes:read', sub=subject)}"

    def tasks(self) -> int:
        """Tasks that live in the server's loop."""

        async def count() -> int:
            return len(asyncio.all_tasks()) - 1

        return asyncio.run_coroutine_threadsafe(count(), self.loop).result(60)


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until a condition holds; fails after ``seconds``."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        pause.wait(0.01)


def descriptors() -> int:
    """Open descriptors of this process, in which the server is too."""
    return len(list(Path("/dev/fd").iterdir()))


@contextmanager
def surface(limits: Limits | None = None, *, bare: bool = False, mcp: FastMCP[Any] | None = None) -> Iterator[Surface]:
    """Serve a protected server on a free port; ``bare``: with uvicorn's own protocol, for negative controls.

    ``mcp``: a server of the test's own in place of the one with the usual tools.
    """
    clock = SystemClock()
    tokens = TokenFactory(_ISSUER, PUBLIC_URL, clock)
    issuer = FakeIssuer(tokens, scopes=("notes:read",))
    work, records, loops = Work(), list[Seen](), list[asyncio.AbstractEventLoop]()
    settings = ServerSettings(public_url=PUBLIC_URL, issuer=_ISSUER, mode="production")
    app = protect(mcp or _tools(work), settings, outbound=issuer.outbound(), clock=clock)
    config = server_config(_recorded(app, records, loops), bind="127.0.0.1", port=0, limits=limits)
    if bare:
        config.http = "httptools"
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive(), "the server did not start")
            assert thread.is_alive()
            # As the product's server does: else what is measured is how long a collection of this process takes.
            gc.freeze()
            yield Surface(int(listening.getsockname()[1]), records, work, loops[0], tokens)
        finally:
            gc.unfreeze()
            server.should_exit = True
            thread.join(60)
    assert not thread.is_alive()


def _tools(work: Work) -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("surface")

    @mcp.tool
    @requires("notes:read")
    async def whoami(canary: str) -> dict[str, str]:
        """The caller, and what the caller said, after a turn of the loop in which others run."""
        await asyncio.sleep(0)
        caller = current_principal()
        assert caller is not None
        return {"subject": caller.subject, "canary": canary}

    async def ask(upstream: int) -> str:
        work.started += 1
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", upstream)
            try:
                writer.write(b"?")
                await reader.read()
                work.finished += 1
            finally:
                writer.close()
        finally:
            work.ended += 1
        return "answered"

    @mcp.tool
    @requires("notes:read")
    async def wait(upstream: int) -> str:
        """Ask a server that never answers."""
        return await ask(upstream)

    @mcp.tool
    @requires("notes:read")
    async def stream(upstream: int, context: Context) -> str:
        """As ``wait``, with the answer begun: a client that wants to know of progress gets a stream."""
        await context.report_progress(1, 2)
        return await ask(upstream)

    return mcp


def _recorded(app: ASGIApp, records: list[Seen], loops: list[asyncio.AbstractEventLoop]) -> ASGIApp:
    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            loops.append(asyncio.get_running_loop())
            await app(scope, receive, send)
            return
        seen = Seen(
            scope["method"],
            scope["path"],
            scope["raw_path"],
            scope["query_string"],
            # The list itself: what a parser adds to it later is part of what the application sees.
            scope["headers"],
            scope["client"],
            scope["scheme"],
        )
        records.append(seen)

        async def receiving() -> Message:
            message = await receive()
            seen.body += message.get("body", b"")
            return message

        async def sending(message: Message) -> None:
            seen.status = message.get("status", seen.status)
            await send(message)

        await app(scope, receiving, sending)

    return recorded


@dataclass
class Edge:
    """A running Traefik: its port, the trust for it, and its log."""

    port: int
    context: ssl.SSLContext
    log: Path

    def accesses(self) -> list[dict[str, Any]]:
        """The lines of its access log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def edge(
    folder: Path, server: int, *, read_timeout: str = "60s", idle_timeout: str | None = None, desk: int | None = None
) -> Iterator[Edge]:
    """The stack's own Traefik configuration in front of the server at a port, with nothing behind the other routes.

    ``desk``: the port of what stands for the desk.
    """
    ports = Ports(free_port(), free_port(), free_port(), free_port(), desk or free_port(), server)
    configuration, log = folder / "traefik.yaml", folder / "traefik.log"
    (folder / "tls").mkdir()
    certificates = ensure_certificates(folder / "tls", SystemClock())
    render_static(CHECKOUT / "infra", configuration, bind="127.0.0.1", ports=ports, read_timeout=read_timeout)
    if idle_timeout:
        text, count = re.subn(r"(?m)^( +idleTimeout: ).*$", rf"\g<1>{idle_timeout}", configuration.read_text())
        assert count == 1
        configuration.write_text(text)
    (folder / "dynamic").mkdir()
    render_routes(CHECKOUT / "infra", folder / "dynamic", servers=(), ports=ports)
    # What stands for the desk is not taken out because the machine stands still for a second.
    shared = folder / "dynamic" / "dynamic.yaml"
    shared.write_text(shared.read_text().replace("timeout: 1s", "timeout: 60s"))
    binary = find_binaries(read_versions(CHECKOUT / "infra" / "versions.toml")).traefik
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [str(binary), f"--configFile={configuration}"],
            env=dict(os.environ) | edge_environment(ports, certificates),
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            until(lambda: _up(ports) or process.poll() is not None, "Traefik did not start")
            assert process.poll() is None, log.read_text()
            context = ssl.create_default_context(cafile=str(certificates.ca_file))
            running = Edge(ports.public, context, log)
            until(lambda: _routed(running), "Traefik has no route to the server")
            yield running
        finally:
            process.terminate()
            process.wait(60)


def _up(ports: Ports) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports.ping}/ping", timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _routed(running: Edge) -> bool:
    try:
        url = f"https://localhost:{running.port}/health/live"
        with urllib.request.urlopen(url, timeout=60, context=running.context) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def call(
    authorization: str,
    tool: str,
    arguments: Mapping[str, Any],
    *,
    modern: bool = True,
    extra: str = "",
    number: int = 1,
) -> bytes:
    """The bytes of one tools/call."""
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    lines = [
        "POST /mcp HTTP/1.1",
        f"Host: {HOST}",
        f"Authorization: {authorization}",
        "Accept: application/json, text/event-stream",
        "Content-Type: application/json",
    ]
    if modern:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        lines += ["MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", f"Mcp-Name: {tool}"]
    body = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).encode()
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n" + extra.encode() + b"\r\n" + body


def enough_descriptors(wanted: int) -> None:
    """Let this process open as many files, both ends being in it; skip by name where it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"RLIMIT_NOFILE is {hard}; this test needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
