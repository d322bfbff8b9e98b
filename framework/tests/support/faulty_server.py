"""A whole MCP server behind one origin that does everything right, but for the faults it is given by name."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastmcp import Context, FastMCP
from faulty_accounts import PATHS, FaultyAccounts
from faulty_issuer import READ, WRITE, FaultyIssuer
from lifespan import alive
from scripted_realm import ISSUER, MCP_URL, ORIGIN
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from gatelodge import protect, requires
from gatelodge.ops.verify.run import Verification
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

Run = Callable[..., Awaitable[Verification]]
_READS = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False}
_WRITES = {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False}
_LIMIT = 5
_HTML = "<!doctype html><html><title>App</title></html>"


class FaultyServer:
    """The ASGI app of everything at the origin: MCP server, its metadata, and the issuer."""

    def __init__(self, tokens: TokenFactory, clock: ManualClock, folder: Path, *faults: str) -> None:
        self.faults = frozenset(faults)
        self.clock = clock
        self.issuer = FaultyIssuer(tokens, self.faults)
        # Pages of connected accounts are only there where a fault of theirs, or the name alone, asks for them.
        self.accounts = FaultyAccounts(self.faults) if any(one.startswith("accounts") for one in faults) else None
        self.released = asyncio.Event()
        self.requests = 0
        keys = FakeIssuer(tokens, scopes=(READ, WRITE))
        settings = ServerSettings(
            public_url=MCP_URL, issuer=ISSUER, state_dir=folder, allowed_origins=frozenset({"http://localhost:6274"})
        )
        self._app = protect(self._tools(), settings, outbound=keys.outbound(), clock=clock)

    def has(self, *names: str) -> bool:
        """Whether one of these faults is on."""
        return not self.faults.isdisjoint(names)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FaultyServer"]:
        """Serve until the block ends."""
        async with alive(self._app):
            yield self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        body = b""
        if self.accounts is not None and path.startswith(PATHS):
            await self.accounts(scope, receive, send)
            return
        if path.rstrip("/") == "/mcp":
            body, receive = await _read(receive)
        if answer := self._instead(scope, path, body):
            await answer(scope, receive, send)
            return
        if path.startswith(("/realms/", "/own/")) or path == "/.well-known/oauth-authorization-server/realms/mcp":
            await self.issuer.app(scope, receive, _open(send, scope))
            return
        await self._app(scope, receive, self._changed(send, path, body))

    def _tools(self) -> FastMCP[Any]:
        mcp: FastMCP[Any] = FastMCP("faulty")
        hints = None if self.has("no_hints") else _READS

        @mcp.tool(annotations=hints)
        @requires(READ)
        async def search(query: str) -> dict[str, Any]:
            """Search."""
            url = "d1.html" if self.has("relative_url") else "https://login.test/d1"
            return {"results": [{"id": "d1", "title": query, "url": url}]}

        @mcp.tool(annotations=_READS)
        @requires(READ)
        async def fetch(id: str) -> dict[str, Any]:  # noqa: A002 - the contract's name
            """Fetch."""
            return {"id": "d2" if self.has("other_id") else id, "title": "One", "text": "text", "url": ""}

        @mcp.tool(annotations=_READS)
        @requires(READ)
        async def report(context: Context) -> str:
            """Report, then wait for the reader."""
            await context.report_progress(1, 2, "half")
            await self.released.wait()
            return "done"

        @mcp.tool(annotations=_WRITES)
        @requires(WRITE)
        async def save() -> str:
            """Save."""
            return "saved"

        return mcp

    def _instead(self, scope: Scope, path: str, body: bytes) -> Response | None:
        """The answer of a fault that leaves no request to the server."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if path.startswith("/.well-known/"):
            return self._document_instead(path)
        if path.rstrip("/") != "/mcp":
            return None
        self.requests += 1
        walls: dict[str, tuple[bool, Response]] = {
            "login_wall": (True, RedirectResponse("https://access.example/login", 302)),
            "slash_redirect": (path == "/mcp/", RedirectResponse("http://login.test/mcp", 307)),
            "firewall": (True, HTMLResponse(_HTML, 403)),
            "host_refused": (True, JSONResponse({"error": "host"}, 421)),
            "limited": (self.requests > _LIMIT, JSONResponse({"error": "slow down"}, 429)),
            "get_refused": (scope["method"] == "GET", JSONResponse({"error": "method"}, 405)),
        }
        for fault, (meant, answer) in walls.items():
            if meant and self.has(fault):
                return answer
        return self._refused_message(json.loads(body) if body[:1] == b"{" else {}, headers)

    def _document_instead(self, path: str) -> Response | None:
        suffix = "/.well-known/oauth-protected-resource"
        if self.has("root_missing") and path == suffix:
            return JSONResponse({"error": "not_found"}, 404)
        # Another server's document at the root: one that is there (shared), and one that nobody serves (stray).
        other = {"resource": f"{ORIGIN}/other/mcp", "authorization_servers": [ISSUER]}
        if (self.has("root_shared") or self.has("root_stray")) and path == suffix:
            return JSONResponse(other)
        if self.has("root_shared") and path == f"{suffix}/other/mcp":
            return JSONResponse(other)
        known = (suffix, f"{suffix}/mcp", "/.well-known/oauth-authorization-server/realms/mcp")
        if self.has("html_well_known") and path not in known:
            return HTMLResponse(_HTML, 200)
        if self.has("resource_is_origin") and path.startswith(suffix):
            return JSONResponse({"resource": ORIGIN, "authorization_servers": [ISSUER], "scopes_supported": [READ]})
        return None

    def _refused_message(self, message: dict[str, Any], headers: dict[str, str]) -> Response | None:
        bearer = headers.get("authorization")
        if bearer is None:
            return None
        method, number = message.get("method"), message.get("id")
        called = message.get("params", {}).get("name")
        foreign = any(name.startswith("openai/") for name in message.get("params", {}).get("_meta", {}))
        jwt = "eyJ" in bearer
        lost = {"content": [{"type": "text", "text": "unknown session"}], "isError": True}
        refusals: dict[str, tuple[bool, Response]] = {
            "post_405": (True, Response(status_code=405)),
            "discover_422": (method == "server/discover", JSONResponse({"detail": "unprocessable"}, 422)),
            "meta_422": (foreign, JSONResponse({"detail": "extra fields not permitted"}, 422)),
            "session_state": (called == "fetch", JSONResponse({"jsonrpc": "2.0", "id": number, "result": lost})),
            "expired_taken": (
                method == "tools/list" and jwt,
                JSONResponse({"jsonrpc": "2.0", "id": number, "result": {"tools": []}}),
            ),
            "token_repeated": (not jwt, JSONResponse({"error": f"bad token {bearer}"}, 401)),
        }
        for fault, (meant, answer) in refusals.items():
            if meant and self.has(fault):
                return answer
        return None

    def _changed(self, send: Send, path: str, body: bytes) -> Send:
        """The answer with a fault in it."""
        mcp, held = path.rstrip("/") == "/mcp", list[Message]()
        if self.has("slow_call") and mcp and b'"tools/call"' in body:
            self.clock.advance(56)

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._headers(message["headers"], mcp)}
            elif mcp and self.has("buffered"):
                self.released.set()
                held.append(message)
                if not message.get("more_body"):
                    await send({**message, "body": b"".join(part["body"] for part in held)})
                return
            elif mcp and self.has("endless") and b'"tools/list"' in body:
                await send({**message, "body": b": more\n\n", "more_body": True})
                await asyncio.Event().wait()
            await send(message)

        return changed

    def _headers(self, headers: list[tuple[bytes, bytes]], mcp: bool) -> list[tuple[bytes, bytes]]:
        if not mcp:
            return headers
        if self.has("no_challenge"):
            return [(name, value) for name, value in headers if name != b"www-authenticate"]
        if self.has("no_pointer"):
            return [
                (name, b'Bearer scope="notes:read"' if name == b"www-authenticate" else value)
                for name, value in headers
            ]
        if self.has("compressed") and (b"content-type", b"text/event-stream") in [
            (name, value.split(b";")[0]) for name, value in headers
        ]:
            return [*headers, (b"content-encoding", b"br-of-a-proxy")]
        return headers


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The whole body, and a receive that gives it again."""
    message = await receive()
    first = [message]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return message.get("body", b""), again


def _open(send: Send, scope: Scope) -> Send:
    """Answers that a browser's page may read; a preflight is answered with 204."""

    async def opened(message: Message) -> None:
        if message["type"] == "http.response.start":
            status = 204 if scope["method"] == "OPTIONS" else message["status"]
            headers = [one for one in message["headers"] if not (status == 204 and one[0] == b"content-length")]
            message = {**message, "status": status, "headers": [*headers, (b"access-control-allow-origin", b"*")]}
        elif scope["method"] == "OPTIONS":
            message = {**message, "body": b""}
        await send(message)

    return opened
