"""The last good copy of a fetched document: its age, the one fetch in flight, and the pause between fetches.

Invariants: at most one fetch at a time and one per cool-down, whoever asks; a caller that goes away does not end the
fetch others wait for; only a newer good copy replaces a good copy, which serves through an outage up to its limit.

Not here: what is fetched and what a failure means to callers (``metadata``, ``keys``).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError

__all__ = ["LastGood"]

T = TypeVar("T")

# Part of the life after which a fetch starts in the background, so that requests need not wait for one.
AHEAD = 0.8
# Pause after a failure while there is no copy at all: nothing can be served, so try sooner.
FIRST_RETRY = 1.0

logger = logging.getLogger(__name__)


class LastGood(Generic[T]):
    """Keeps what ``fetch`` returns. ``fetch`` fails with a GatelodgeError only. All times are in seconds.

    ``ttl`` bounds the age of the copy while the source answers, ``stale_limit`` while it does not; ``unfetched`` is what
    callers get while there was neither an answer nor a failure.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        clock: Clock,
        *,
        unfetched: GatelodgeError,
        ttl: float,
        cooldown: float,
        stale_limit: float = float("inf"),
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._ttl = ttl
        self._cooldown = cooldown
        self._stale_limit = stale_limit
        self._value: T | None = None
        self._fetched = 0.0
        self._started: float | None = None
        self._failure = unfetched
        self._failed: float | None = None
        self._flight: asyncio.Task[None] | None = None

    async def get(self) -> T:
        """A copy young enough to use, fetched first when needed. Raises: the error of the last fetch."""
        if self._age() >= self._ttl * AHEAD:
            flight = self._begin()
            if flight is not None and self._must_wait():
                # Shielded: the fetch belongs to all who wait, not to the caller that happened to be first.
                await asyncio.shield(flight)
        if self._value is not None and self._age() <= self._stale_limit:
            return self._value
        # A new object each time: raising a kept one again and again would grow its traceback.
        raise type(self._failure)(self._failure.detail, hint=self._failure.hint) from self._failure

    async def renew(self) -> None:
        """Fetch now, or join the fetch in flight; nothing happens when the cool-down forbids it."""
        flight = self._begin()
        if flight is not None:
            await asyncio.shield(flight)

    def _age(self) -> float:
        return float("inf") if self._value is None else self._clock.monotonic() - self._fetched

    def _must_wait(self) -> bool:
        """Whether the copy at hand must not be used while the fetch runs.

        In an outage seen less than a life ago it may be used: waiting for the next time-out would help nobody.
        """
        if self._value is None or self._age() > self._stale_limit:
            return True
        if self._age() < self._ttl:
            return False
        return self._failed is None or self._clock.monotonic() - self._failed >= self._ttl

    def _begin(self) -> asyncio.Task[None] | None:
        """The fetch in flight, started when the cool-down allows one; None when it does not."""
        if self._flight is not None and not self._flight.done():
            return self._flight
        now = self._clock.monotonic()
        pause = self._cooldown if self._value is not None else min(FIRST_RETRY, self._cooldown)
        if self._started is not None and now - self._started < pause:
            return None
        self._started = now
        self._flight = asyncio.create_task(self._run())
        return self._flight

    async def _run(self) -> None:
        try:
            value = await self._fetch()
        except GatelodgeError as error:
            self._failure, self._failed = error, self._clock.monotonic()
            logger.warning("%s: %s", error.code.value, error.detail)
            return
        self._value, self._fetched = value, self._clock.monotonic()
