"""The requests of the load: which there are, how each is sent in either revision, and when its answer is right.

Not here: when they are sent (``load``), the message forms (``ops.verify.messages``).
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatelodge.ops.slo.timing import TimingTransport
from gatelodge.ops.verify.messages import LEGACY, MODERN, Mcp, result_of
from gatelodge.ops.verify.wire import Reply, Wire

__all__ = ["ERAS", "EVENTS", "Asked", "Door", "plan"]

ERAS = (MODERN, LEGACY)
# Progress notifications of one streamed call.
EVENTS = 5
_PAUSE = 0.02
_SECONDS = 20.0
_AGENT = "gatelodge-slo/1"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its kind in the report, the JSON-RPC method and its parameters."""

    kind: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def right(self, reply: Reply) -> str:
        """What is wrong about the answer; empty when nothing is."""
        result = result_of(reply)
        if reply.error or not reply.ended:
            return (reply.error or "cut short").partition(":")[0][:80]
        if result is None:
            return f"status {reply.status}, no result"
        if result.get("isError"):
            return "the tool's own error"
        if self.kind == "stream" and reply.text.count('"notifications/progress"') != EVENTS:
            return "not all events of the stream"
        return ""


class Door:
    """One way to one server: ``lane`` is edge, direct or open. ``host`` replaces the Host header."""

    def __init__(
        self, url: str, lane: str, server: str, transport: TimingTransport, *, host: str | None = None
    ) -> None:
        self.url = url
        self.lane = lane
        self.server = server
        self.transport = transport
        self._wire = Wire(transport, agent=_AGENT, seconds=_SECONDS)
        self._headers = {"host": host} if host else {}

    async def ask(self, asked: Asked, era: str, token: str | None) -> Reply:
        """Send one request; the timing is the transport's ``last``."""
        endpoint = Mcp(self._wire, self.url, era, token)
        return await endpoint.request(asked.method, asked.params, headers=self._headers, seconds=_SECONDS)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._wire.aclose()


def _tool(kind: str, name: str, **arguments: Any) -> Asked:
    params: dict[str, Any] = {"name": name, "arguments": arguments}
    if kind == "stream":
        params["_meta"] = {"progressToken": "slo"}
    return Asked(kind, "tools/call", params)


def plan(*, query: str, document: str | None, writes: bool, chance: random.Random) -> dict[str, Asked]:
    """The requests by kind; ``document`` is the id that is fetched."""
    found = {
        "list": Asked("list", "tools/list"),
        "search": _tool("search", "search", query=query),
        "stream": _tool("stream", "stream", events=EVENTS, pause=_PAUSE),
        "add": _tool("add", "add", a=chance.randrange(100), b=chance.randrange(100)),
    }
    if document is not None:
        found["fetch"] = _tool("fetch", "fetch", id=document)
    if writes:
        found["note"] = _tool("note", "save_note", title="Service level", text="A note of a run of gatelodge slo.")
    return found
