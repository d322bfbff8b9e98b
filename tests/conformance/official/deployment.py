"""The protected fixture server with all that it needs, on loopback: issuer, server, injecting proxy.

They run under real uvicorn servers in one thread of its own, the server with the product's settings, so the keys are
fetched over HTTP and every request of the suite passes the whole gate.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from conformance.official.fixture_server import fixture_server
from conformance.official.fixture_tools import READ, WRITE
from conformance.official.injecting_proxy import injecting_proxy
from gatelodge import protect
from gatelodge.app.serve import server_config
from gatelodge.core.clock import SystemClock
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

__all__ = ["Deployment", "deployed"]

_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Deployment:
    """``url``: the MCP endpoint behind the proxy; ``bare_url``: the same server without it."""

    url: str
    bare_url: str
    tokens: TokenFactory
    issuer: FakeIssuer


@contextlib.contextmanager
def deployed() -> Iterator[Deployment]:
    """Start issuer, server and proxy; stop them at the end."""
    with contextlib.ExitStack() as stack:
        issuer_socket, server_socket, proxy_socket = (stack.enter_context(_listening()) for _ in range(3))
        url = f"{_origin(proxy_socket)}/mcp"
        # The clients' URL is the audience: the server has the proxy in front of it, as it has Traefik.
        tokens = TokenFactory(f"{_origin(issuer_socket)}/realms/mcp", url, SystemClock())
        issuer = FakeIssuer(tokens, scopes=(READ, WRITE))
        app = protect(fixture_server(), ServerSettings(public_url=url, issuer=tokens.issuer))
        servers = [(_server(issuer, issuer_socket), issuer_socket), (_server(app, server_socket), server_socket)]
        proxy = injecting_proxy(
            proxy_socket, server_socket.getsockname(), lambda: tokens.token(scope=f"{READ} {WRITE}")
        )
        stack.enter_context(_running(servers, proxy))
        yield Deployment(url, f"{_origin(server_socket)}/mcp", tokens, issuer)


def _listening() -> socket.socket:
    # Bound before anything starts, so that every part knows the others' ports.
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


def _origin(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _server(app: ASGIApp, listener: socket.socket) -> uvicorn.Server:
    return uvicorn.Server(server_config(app, bind="127.0.0.1", port=listener.getsockname()[1]))


@contextlib.contextmanager
def _running(
    servers: list[tuple[uvicorn.Server, socket.socket]], proxy: contextlib.AbstractAsyncContextManager[None]
) -> Iterator[None]:
    """All parts in one loop in a thread of its own. Raises: RuntimeError when one does not start."""

    async def run() -> None:
        async with proxy:
            await asyncio.gather(*(server.serve([listener]) for server, listener in servers))

    with ThreadPoolExecutor(max_workers=1) as pool:
        done = pool.submit(asyncio.run, run())
        try:
            for _ in range(_START_SECONDS * 20):
                if all(server.started for server, _ in servers):
                    break
                # A part that cannot start ends the run, and its fault is raised here.
                with contextlib.suppress(TimeoutError):
                    done.result(timeout=0.05)
            else:
                raise RuntimeError(f"the fixture server did not start within {_START_SECONDS} s")
            yield
        finally:
            for server, _ in servers:
                server.should_exit = True
