"""Capacity of one process: so many requests in work, a short line of waiting ones, and for the rest 503 at once.

RFC 9110, sections 15.6.4 (503) and 10.2.3 (Retry-After). Invariants: whoever waits is served in the order of arrival, and
not longer than ``PATIENCE``; health is never refused; an answer without an end is work until it begins, and what bounds
streams is ``throttling.AtOnce``; who lets us wait for a body is no work meanwhile, so that a hundred slow clients do not
keep everyone else out (how long they may take: ``slow_clients``). A server that takes everything does not serve more under overload, it serves all of it late.
"""

import asyncio
from collections import deque
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge.app.health import health_paths
from gatelodge.app.throttling import limited_answer
from gatelodge.core.clock import Clock
from gatelodge.ratelimit.bursts import Bursts
from gatelodge.ratelimit.errors import Overloaded

__all__ = ["PATIENCE", "Shedding"]

# Seconds: in the line, and for a part of a body.
PATIENCE = 0.5
_BODY = 0.05


class Shedding:
    """At most ``most`` requests of ``app`` in work and ``line`` waiting; ``most`` 0: no limit. ``free`` paths are health's."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        most: int,
        line: int,
        clock: Clock,
        patience: float = PATIENCE,
        free: frozenset[str] = health_paths(),
    ) -> None:
        self._free = free
        self._app, self._most, self._line, self._patience = app, most, line, patience
        self._clock = clock
        self._working = 0
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
        came = self._clock.monotonic()
        if self._working < self._most:
            self._working += 1
        elif not await self._turn():
            await self._refuse(scope, receive, send)
            return
        place = _Place(self, receive, send)
        try:
            # A call that never has to wait is over before the next one is looked at. So whoever came in the same turn of
            # the event loop is counted first: else nobody sees how long the line is.
            await asyncio.sleep(0)
            if self._clock.monotonic() - came > self._patience:
                await self._refuse(scope, receive, send)
            else:
                await self._app(scope, place.receive, place.send if _is_stream(scope) else send)
        finally:
            place.leave()

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._bursts.refused("all callers", f"{self._most} in work, {self._line} waiting")
        await limited_answer(Overloaded("as many requests in work and waiting as may be"))(scope, receive, send)

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

    def add(self) -> None:
        """A request goes on with its work, whether a place is free or not: it was let in before."""
        self._working += 1

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

    __slots__ = ("_held", "_more", "_receive", "_send", "_shedding")

    def __init__(self, shedding: Shedding, receive: Receive, send: Send) -> None:
        self._shedding, self._receive, self._send = shedding, receive, send
        self._held = self._more = True

    async def receive(self) -> Message:
        if not self._more:
            return await self._receive()
        late = asyncio.get_running_loop().call_later(_BODY, self.leave)
        try:
            message = await self._receive()
        finally:
            late.cancel()
        self._more = message.get("more_body", False)
        if not self._held:
            self._held = True
            self._shedding.add()
        return message

    async def send(self, message: Message) -> None:
        await self._send(message)
        self.leave()

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._shedding.pass_on()


def _is_stream(scope: Scope) -> bool:
    """Whether a request asks, by its head, for an answer without an end."""
    if scope["method"] == "GET":
        return any(name == b"accept" and b"text/event-stream" in value for name, value in scope["headers"])
    return (b"mcp-method", b"subscriptions/listen") in scope["headers"]
