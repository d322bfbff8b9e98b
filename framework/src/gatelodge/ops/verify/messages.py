"""MCP messages of three revisions, written by hand: what clients send, to the header.

MCP 2026-07-28 (every request carries its protocol in ``_meta`` and headers, no session), 2025-11-25 and 2025-06-18
(``initialize`` first, maybe a session id). Not here: what an answer means.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.ops.verify.wire import Reply, Wire

__all__ = ["LEGACY", "MODERN", "OLDER", "Mcp", "result_of", "rpc_message"]

MODERN, LEGACY, OLDER = "2026-07-28", "2025-11-25", "2025-06-18"
_CLIENT = {"name": "gatelodge-verify", "version": "1"}
_PREFIX = "io.modelcontextprotocol/"
# Constant: a session id never guesses another's answer, every request has a connection's own answer.
_ID = 7
# Just over what clients wait.
_CALL_SECONDS = 60.0


def rpc_message(reply: Reply) -> dict[str, Any]:
    """The JSON-RPC message of a JSON or event-stream answer; empty when there is none."""
    if reply.media_type != "text/event-stream":
        return reply.json()
    found: dict[str, Any] = {}
    for event in reply.text.replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:"))
        try:
            message = json.loads(data) if data else None
        except ValueError:
            continue
        if isinstance(message, dict) and ("result" in message or "error" in message):
            found = message
    return found


def result_of(reply: Reply) -> dict[str, Any] | None:
    """The result of a JSON-RPC answer with status 200, else None."""
    result = rpc_message(reply).get("result") if reply.status == 200 else None
    return result if isinstance(result, dict) else None


@dataclass(frozen=True, slots=True)
class Mcp:
    """One MCP endpoint, spoken to in one revision. ``session`` is the session id of a legacy session, if any."""

    wire: Wire
    url: str
    era: str = MODERN
    token: str | None = None
    session: str | None = None

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        until: str = "",
        seconds: float | None = None,
    ) -> Reply:
        """Send one request; ``headers`` and ``params['_meta']`` add to what the revision asks for."""
        return await self.wire.send(
            "POST",
            self.url,
            headers={**self._headers(method, params or {}), **(headers or {})},
            content=json.dumps(self._body(method, dict(params or {}))).encode(),
            until=until,
            seconds=seconds,
        )

    async def initialize(self) -> tuple[Reply, "Mcp"]:
        """The handshake of a legacy revision, and the endpoint with its session."""
        params = {"protocolVersion": self.era, "capabilities": {}, "clientInfo": _CLIENT}
        reply = await self.request("initialize", params)
        result = result_of(reply)
        if result is None:
            return reply, self
        agreed = str(result.get("protocolVersion", self.era))
        opened = Mcp(self.wire, self.url, agreed, self.token, reply.headers.get("mcp-session-id"))
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await self.wire.send(
            "POST", self.url, headers=opened._headers(note["method"], {}), content=json.dumps(note).encode()
        )
        return reply, opened

    async def opened(self) -> "Mcp":
        """Ready for requests: itself in the modern era, a new session in a legacy one."""
        return self if self.era == MODERN else (await self.initialize())[1]

    async def call(self, tool: str, arguments: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> Reply:
        """Call a tool."""
        params = {"name": tool, "arguments": dict(arguments)}
        return await self.request("tools/call", params, headers=headers, seconds=_CALL_SECONDS)

    def _headers(self, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        sent = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        if self.token is not None:
            sent["authorization"] = f"Bearer {self.token}"
        if self.session is not None:
            sent["mcp-session-id"] = self.session
        if method != "initialize":
            sent["mcp-protocol-version"] = self.era
        if self.era == MODERN:
            sent["mcp-method"] = method
            if "name" in params:
                sent["mcp-name"] = str(params["name"])
        return sent

    def _body(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if self.era == MODERN:
            own = {
                f"{_PREFIX}protocolVersion": MODERN,
                f"{_PREFIX}clientCapabilities": {},
                f"{_PREFIX}clientInfo": _CLIENT,
            }
            params["_meta"] = {**own, **params.get("_meta", {})}
        return {"jsonrpc": "2.0", "id": _ID, "method": method, "params": params}
