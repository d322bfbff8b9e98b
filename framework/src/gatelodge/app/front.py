"""What stands before the routes of a server: Host and Origin, and the way to the MCP endpoint past all of them.

Not here: what is behind it (``gate``, ``routes``), how it is put together (``protect``).
"""

import logging
import sys
from collections.abc import Callable

from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge.app.answers import error_answer
from gatelodge.core.errors import GatelodgeError
from gatelodge.resource_server.origin import HostRefused, OriginGuard, OriginRefused

__all__ = ["Endpoint", "Guarded", "Rest"]

logger = logging.getLogger(__name__)


class Rest(Mount):
    """Comes after every route of ours that has the path, so that a wrong method there is 405."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Never in full: then it would come before those that only want another method."""
        match, found = super().matches(scope)
        return (Match.PARTIAL if match is Match.FULL else match), found


class Endpoint:
    """Sends both spellings of the MCP path to the gate without a redirect, and other paths to FastMCP's routes."""

    def __init__(self, path: str, gate: ASGIApp, other: ASGIApp) -> None:
        self._path, self._gate, self._other = path, gate, other

    def is_for_mcp(self, scope: Scope) -> bool:
        """Whether a request is for the MCP endpoint."""
        # A route of Starlette's also matches with a line feed at its end: FastMCP's own would pass by the gate.
        return bool(scope["path"].rstrip("/\n") == self._path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.is_for_mcp(scope):
            scope = {**scope, "path": self._path, "raw_path": self._path.encode()}
            await self._gate(scope, receive, send)
        else:
            await self._other(scope, receive, send)


class Guarded:
    """Host and Origin before anything else (MCP transport 2026-07-28: Origin on all connections)."""

    def __init__(
        self,
        app: ASGIApp,
        guard: OriginGuard,
        endpoint: Endpoint,
        refused: Callable[[Scope, str], None] | None,
        free: frozenset[str],
    ) -> None:
        self._app, self._guard, self._endpoint, self._refused = app, guard, endpoint, refused
        self._free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            send = _in_words(send)
        elif scope["type"] == "http" and scope["path"] not in self._free:
            # Probes come by address; what health answers is the same for everyone.
            try:
                self._guard.check(scope["headers"])
            except (OriginRefused, HostRefused) as error:
                logger.warning("refused: %s", error.detail)
                if self._refused is not None:
                    self._refused(scope, "origin" if isinstance(error, OriginRefused) else "host")
                mcp = self._endpoint.is_for_mcp(scope)
                await error_answer(error, "forbidden", mcp=mcp)(scope, receive, send)
                return
            if self._endpoint.is_for_mcp(scope):
                # No route comes before this one: the walk through all of them costs every call.
                await self._endpoint(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _in_words(send: Send) -> Send:
    """A send that gives the reason of a refused start as text; a traceback helps nobody who configures."""

    async def told(message: Message) -> None:
        error = sys.exception()
        if message["type"] == "lifespan.startup.failed" and isinstance(error, GatelodgeError):
            message = {**message, "message": f"{error.detail}\n  next step: {error.hint}"}
        await send(message)

    return told
