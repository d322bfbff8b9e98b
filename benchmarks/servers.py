"""The servers that are compared, each run in a process of its own: ``python servers.py NAME PORT ISSUER_URL``.

All offer the one tool ``add`` at ``/mcp``, stateless, under one uvicorn configuration. They differ in what stands in
front of the tool. Not here: the load and the issuer's documents (``run``).
"""

import asyncio
import atexit
import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import JWTVerifier
from mcp.server import MCPServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from gatelodge import protect, requires
from gatelodge.app.serve import run
from gatelodge.settings.server import ServerSettings

__all__ = ["SCOPE", "SERVERS", "WAITING", "application"]

SCOPE = "bench:read"
# Seconds of ``ours-waiting``, which is no part of the comparison.
WAIT = 0.2
WAITING = "ours-waiting"
# Ends with the process.
_KEPT = ExitStack()
atexit.register(_KEPT.close)


def _starlette(_port: int, _issuer: str) -> ASGIApp:
    async def answer(request: Request) -> JSONResponse:
        message = json.loads(await request.body())
        arguments = message["params"]["arguments"]
        total = str(arguments["a"] + arguments["b"])
        return JSONResponse(
            {"jsonrpc": "2.0", "id": message["id"], "result": {"content": [{"type": "text", "text": total}]}}
        )

    return Starlette(routes=[Route("/mcp", answer, methods=["POST"])])


def _sdk(_port: int, _issuer: str) -> ASGIApp:
    server = MCPServer("bench")

    @server.tool()
    async def add(a: int, b: int) -> int:
        return a + b

    return server.streamable_http_app(stateless_http=True, json_response=True)


def _fastmcp(_port: int, _issuer: str) -> ASGIApp:
    return _server().http_app(path="/mcp", stateless_http=True)


def _fastmcp_json(_port: int, _issuer: str) -> ASGIApp:
    return _server().http_app(path="/mcp", stateless_http=True, json_response=True)


def _fastmcp_jwt(port: int, issuer: str) -> ASGIApp:
    auth = JWTVerifier(
        jwks_uri=f"{issuer}/protocol/openid-connect/certs",
        issuer=issuer,
        audience=_url(port),
        algorithm="RS256",
        required_scopes=[SCOPE],
    )
    return _server(auth=auth).http_app(path="/mcp", stateless_http=True)


def _ours(port: int, issuer: str) -> ASGIApp:
    return protect(_server(), ServerSettings(public_url=_url(port), issuer=issuer))


def _ours_waiting(port: int, issuer: str) -> ASGIApp:
    """Its tool waits for something else, so its capacity is the requests it may have in work, whatever the processor."""
    mcp: FastMCP[Any] = FastMCP("bench")

    @mcp.tool
    @requires(SCOPE)
    async def add(a: int, b: int) -> int:
        await asyncio.sleep(WAIT)
        return a + b

    return protect(mcp, ServerSettings(public_url=_url(port), issuer=issuer))


def _ours_audited(port: int, issuer: str) -> ASGIApp:
    """Each call is an event, kept in groups: the tool says that it only reads."""
    return _audited(port, issuer, reads=True)


def _ours_audited_writes(port: int, issuer: str) -> ASGIApp:
    """Each call is an event that is durable before the tool runs."""
    return _audited(port, issuer, reads=False)


def _audited(port: int, issuer: str, *, reads: bool) -> ASGIApp:
    # The state of this run: named by whoever starts the server, else a folder that goes with the process.
    state = Path(os.environ.get("BENCHMARK_STATE") or _KEPT.enter_context(TemporaryDirectory()))
    settings = ServerSettings(public_url=_url(port), issuer=issuer, audit="on", state_dir=state)
    return protect(_server(reads=reads), settings)


def _server(*, reads: bool = False, **options: Any) -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("bench", **options)

    @mcp.tool(annotations={"readOnlyHint": True} if reads else None)
    @requires(SCOPE)
    async def add(a: int, b: int) -> int:
        return a + b

    return mcp


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/mcp"


SERVERS: dict[str, Callable[[int, str], ASGIApp]] = {
    "starlette": _starlette,
    "sdk": _sdk,
    "fastmcp": _fastmcp,
    "fastmcp-json": _fastmcp_json,
    "fastmcp-jwt": _fastmcp_jwt,
    # Under the same bare uvicorn as the others, and as `gatelodge serve` runs it.
    "ours-bare": _ours,
    "ours": _ours,
    "ours-audit": _ours_audited,
    "ours-audit-writes": _ours_audited_writes,
}


def application(name: str, port: int, issuer: str) -> ASGIApp:
    """The ASGI application of a server in ``SERVERS``."""
    return (_ours_waiting if name == WAITING else SERVERS[name])(port, issuer)


def main(name: str, port: str, issuer: str) -> None:
    """Serve until stopped, with the options of ``gatelodge serve``."""
    app = application(name, int(port), issuer)
    if name.startswith("ours") and name != "ours-bare":
        run(app, bind="127.0.0.1", port=int(port))
        return
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
