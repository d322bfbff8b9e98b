"""One look-up of a tool where a call would need three: at the gate, to decide inside FastMCP, and to run it.

A look-up walks through all providers and costs about an eighth of FastMCP's own time for a call. The gate, which only
chooses the form of a refusal, goes by what it found up to ``MAX_AGE`` ago, and looks up anew at once when the server's
own tools, providers, transforms or middlewares have changed. Inside FastMCP nothing old counts: the tool is looked up
for each call, decided on, and the very object that the decision was about is handed on to be run.
Not here: any decision.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from fastmcp import FastMCP
from fastmcp.tools.base import Tool
from fastmcp.utilities.versions import VersionSpec

from gatelodge.access.requirement import Requirement
from gatelodge.core.clock import Clock

__all__ = ["MAX_AGE", "HandOn", "RecentTools"]

MAX_AGE = 1.0  # seconds

# Names that one server's tools and their versions can have at once; beyond, all are looked up again.
_MAX_ENTRIES = 10_000


class RecentTools:
    """Tools with their rules as the gate found them, by name and version; names without a tool are never kept."""

    def __init__(self, server: FastMCP[Any], clock: Clock) -> None:
        self._server, self._clock = server, clock
        self._found: dict[tuple[str, str | None], tuple[float, Tool, Requirement | None]] = {}
        self._parts: list[object] = []

    def get(self, name: str, version: str | None) -> tuple[Tool, Requirement | None] | None:
        """What was found under this name less than ``MAX_AGE`` ago, if the server is still made of the same parts."""
        parts = self._parts_now()
        if parts != self._parts:
            self._found.clear()
            self._parts = parts
        entry = self._found.get((name, version))
        if entry is None or self._clock.monotonic() - entry[0] >= MAX_AGE:
            return None
        return entry[1:]

    def put(self, name: str, version: str | None, tool: Tool, rule: Requirement | None) -> None:
        """Keep what was found just now."""
        if len(self._found) >= _MAX_ENTRIES:
            self._found.clear()
        self._found[name, version] = (self._clock.monotonic(), tool, rule)

    def _parts_now(self) -> list[object]:
        # Other providers tell nobody when their tools change; for those there is MAX_AGE.
        server = self._server
        own = server.local_provider._components.values()
        return [*server.middleware, *server.transforms, *server.providers, *own]


@dataclass(slots=True)
class _Held:
    """The tool found for one call, until it is handed on."""

    asked: tuple[str, VersionSpec | None] | None = None
    tool: Tool | None = None


class HandOn:
    """Stands in for a server's ``get_tool``: FastMCP, in a call, gets the tool that was found and decided on just before.

    It covers all that FastMCP does in a look-up: transforms, what a session hides (a read of its state store for each
    signed-in caller), checks of a component. All of them were asked in the same request, a moment ago.
    """

    def __init__(self, server: FastMCP[Any]) -> None:
        self._held: ContextVar[_Held | None] = ContextVar("gatelodge_held", default=None)
        self._find = server.get_tool
        # FastMCP has no place for this: a transform stands below what a session hides.
        server.get_tool = self.get_tool  # type: ignore[method-assign]

    @contextmanager
    def one_call(self) -> Iterator[None]:
        """Within it the first tool that is found is given again, once, to whoever asks for the same."""
        token = self._held.set(_Held())
        try:
            yield
        finally:
            self._held.reset(token)

    async def get_tool(self, name: str, version: VersionSpec | None = None) -> Tool | None:
        """The held tool, or what the server finds."""
        held, asked = self._held.get(), (name, version)
        if held is None:
            return await self._find(name, version)
        if held.asked == asked and held.tool is not None:
            tool, held.tool = held.tool, None
            return tool
        found = await self._find(name, version)
        if held.asked is None and found is not None:
            held.asked, held.tool = asked, found
        return found
