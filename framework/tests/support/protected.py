"""FastMCP servers to protect, and the client side of a protected one."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from fastmcp import FastMCP
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gatelodge import current_principal, public, requires
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

PUBLIC_URL = "https://localhost:8443/mcp"
ISSUER = "https://localhost:8443/realms/mcp"
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


@dataclass
class Served:
    """A protected server, the client that talks to it and the issuer behind it."""

    http: httpx2.AsyncClient
    tokens: TokenFactory
    issuer: FakeIssuer
    clock: ManualClock

    def bearer(self, *scopes: str, **claims: Any) -> dict[str, str]:
        """An Authorization header with these scopes."""
        return {"authorization": f"Bearer {self.tokens.token(scope=' '.join(scopes), **claims)}"}

    async def rpc(
        self, method: str, params: dict[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """One request of the 2026-07-28 era."""
        wire = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": method,
        }
        params = params or {}
        if "name" in params:
            wire["mcp-name"] = params["name"]
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": MODERN}}
        return await self.http.post("/mcp", content=json.dumps(body), headers={**wire, **(headers or {})})


def result_of(response: httpx2.Response) -> dict[str, Any]:
    """The JSON-RPC message in a JSON or an SSE answer."""
    assert response.status_code == 200, response.text
    text = response.text
    if "text/event-stream" in response.headers["content-type"]:
        text = next(line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: "))
    message: dict[str, Any] = json.loads(text)
    return message


def private_server() -> FastMCP[Any]:
    """Nothing public: one reading, one writing tool, one for an admin role, one for a user, a prompt, resources."""
    mcp: FastMCP[Any] = FastMCP("private")

    @mcp.tool
    @requires("notes:read")
    async def read() -> str:
        caller = current_principal()
        assert caller is not None
        return caller.subject

    @mcp.tool
    @requires("notes:write")
    async def write() -> str:
        return "written"

    @mcp.tool
    @requires("notes:read", roles=["admin"])
    async def purge() -> str:
        return "purged"

    @mcp.prompt
    @requires("notes:read")
    async def summary() -> str:
        return "Summarise."

    @mcp.prompt
    @requires(roles=["admin"])
    async def secret_summary() -> str:
        return "Summarise the secret."

    @mcp.resource("notes://all")
    @requires("notes:read")
    async def everything() -> str:
        return "all notes"

    @mcp.resource("notes://secret")
    @requires(roles=["admin"])
    async def secret() -> str:
        return "the secret"

    @mcp.resource("notes://by-id/{note}")
    @requires("notes:write")
    async def one(note: str) -> str:
        return note

    return mcp


def mixed_server() -> FastMCP[Any]:
    """A public tool and route next to a protected tool."""
    mcp: FastMCP[Any] = FastMCP("mixed")

    @mcp.tool
    @public
    async def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    @requires("notes:read")
    async def read() -> str:
        return "read"

    @mcp.custom_route("/page", methods=["GET"])
    @public
    async def page(_: Request) -> Response:
        return PlainTextResponse("page")

    return mcp


Serve = Callable[..., Awaitable[Served]]
