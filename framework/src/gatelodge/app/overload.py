"""Capacity of one process: so many requests in work, a short line of waiting ones, and for the rest 503 at once.

RFC 9110, sections 15.6.4 (503) and 10.2.3 (Retry-After). Invariants: whoever waits is served in the order of arrival, and
not longer than ``PATIENCE``; health is never refused; an answer without an end is work until it begins, and what bounds
streams is ``throttling.AtOnce``; who lets us wait for a body is no work meanwhile, so that a hundred slow clients do not
keep everyone else out (how long they may take: ``slow_clients``), and goes on when there is a place for him again. A server
that takes everything does not serve more under overload, it serves all of it late.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge.app.backlog import BACKLOG_KEY, GRACE, Backlog
from gatelodge.app.health import health_paths
from gatelodge.app.throttling import limited_answer
from gatelodge.core.clock import Clock
from gatelodge.ratelimit.bursts import Bursts
from gatelodge.ratelimit.errors import Overloaded

__all__ = ["PATIENCE", "Shedding"]

# Seconds: in the line, and for a part of a body.
PATIENCE = 0.5
_BODY = 0.05
# A turn of the event loop that takes longer is late: what needs many turns, such as a database, then waits for seconds. When
# no more than so many wait to begin it was a pause, and not too many callers.
_LATE = 0.1
_FEW = 100


class _NoPlace(Exception):
    """A body that was late is whole, and there is no place for its request any more."""


class Shedding:
    """At most ``most`` requests of ``app`` in work and ``line`` waiting; ``most`` 0: no limit. ``free`` paths are health's.

    ``mcp``: its clients get the type of MCP's errors, others that of problem details.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        most: int,
        line: int,
        clock: Clock,
        patience: float = PATIENCE,
        few: int = _FEW,
        free: frozenset[str] = health_paths(),
        mcp: bool = True,
    ) -> None:
        self._free, self._few, self._mcp = free, few, mcp
        self._app, self._most, self._line, self._patience = app, most, line, patience
        self._clock = clock
        self._working = self._beginning = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._bursts = Bursts("requests", clock)

    @property
    def working(self) -> int:
        """How many requests are in work."""
        return self._working

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._most or scope["type"] != "http" or scope["path"] in self._free:
            await self._app(scope, receive, send)
            return
        backlog: Backlog | None = scope.get(BACKLOG_KEY)
        if backlog is not None and (queued := backlog.too_long()):
            await self._refuse(scope, receive, send, f"{queued} connections waiting for {GRACE} s and more")
            return
        if not await self.admit():
            await self._refuse(scope, receive, send, f"{self._most} in work, {len(self._waiting)} waiting")
            return
        place = _Place(self, receive, send, streams=_is_stream(scope))
        try:
            # A call that never has to wait is over before the next one is looked at. So whoever came in the same turn of
            # the event loop is counted first: else nobody sees how long the line is.
            late = await self._begin()
            if late > _LATE and self._beginning >= self._few:
                await self._refuse(scope, receive, send, f"{self._beginning} more to begin, a turn of {late:.1f} s")
            else:
                await self._app(scope, place.receive, place.send)
        except _NoPlace:
            if place.begun:
                raise
        finally:
            place.leave()
        if place.refused and not place.begun:
            await self._refuse(scope, receive, send, "no place when the body was whole")

    async def _begin(self) -> float:
        """Let a turn of the event loop pass; the seconds it took."""
        asked = self._clock.monotonic()
        self._beginning += 1
        try:
            await asyncio.sleep(0)
        finally:
            self._beginning -= 1
        return self._clock.monotonic() - asked

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, why: str) -> None:
        self._bursts.refused("all callers", why)
        error = Overloaded("as many requests in work and waiting as may be")
        await limited_answer(error, mcp=self._mcp)(scope, receive, send)

    async def admit(self) -> bool:
        """Take a place, after a wait in the line where none is free; whether there was one."""
        if self._working < self._most:
            self._working += 1
            return True
        return await self._turn()

    async def _turn(self) -> bool:
        """Wait for a place, which is then this request's; whether one came in time."""
        if len(self._waiting) >= self._line:
            return False
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(self._patience):
                await mine
        except TimeoutError:
            # The place may have come at the last moment.
            if mine.cancelled():
                self._forget(mine)
                return False
        except asyncio.CancelledError:
            if mine.cancelled():
                self._forget(mine)
            else:
                self.pass_on()
            raise
        return True

    def _forget(self, turn: "asyncio.Future[None]") -> None:
        with suppress(ValueError):
            self._waiting.remove(turn)

    def pass_on(self) -> None:
        """Give a place to who waits for longest; else it is free."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._working -= 1


class _Place:
    """One request's place: left at its end, where an answer without an end begins, and while its body is late."""

    __slots__ = ("_held", "_more", "_receive", "_send", "_shedding", "_streams", "begun", "refused")

    def __init__(self, shedding: Shedding, receive: Receive, send: Send, *, streams: bool) -> None:
        self._shedding, self._receive, self._send, self._streams = shedding, receive, send, streams
        self._held = self._more = True
        self.begun = self.refused = False

    async def receive(self) -> Message:
        if not self._more:
            return await self._receive()
        late = asyncio.get_running_loop().call_later(_BODY, self.leave)
        try:
            message = await self._receive()
        finally:
            late.cancel()
        self._more = message.get("more_body", False)
        # Were they let on at once, any number of late bodies that end together would be in work together.
        if not self._held and not self._more and message["type"] == "http.request":
            self._held = await self._shedding.admit()
            if not self._held:
                self.refused = True
                raise _NoPlace
        return message

    # No coroutine of its own: it runs for each part of a stream.
    def send(self, message: Message) -> Awaitable[None]:
        if self.refused and not self.begun:
            # An application that answers every failure, as Starlette does: the refusal comes in that answer's place.
            return _dropped()
        self.begun = True
        return self._sent(message) if self._streams else self._send(message)

    async def _sent(self, message: Message) -> None:
        await self._send(message)
        self.leave()

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._shedding.pass_on()


async def _dropped() -> None:
    """A message that nobody gets."""


def _is_stream(scope: Scope) -> bool:
    """Whether a request asks, by its head, for an answer without an end."""
    if scope["method"] == "GET":
        return any(name == b"accept" and b"text/event-stream" in value for name, value in scope["headers"])
    return (b"mcp-method", b"subscriptions/listen") in scope["headers"]
