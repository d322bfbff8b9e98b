"""The last good copy of a fetched document: its age, the one fetch in flight, and the pauses between fetches.

Invariants: at most one fetch at a time, whoever asks; what strangers provoke (``renew``) is one fetch per cool-down,
without a retry, and what age provokes does not use that up, so a renewal never waits longer than a cool-down; a caller
that goes away does not end the fetch others wait for; only a newer good copy replaces a good copy, which serves through
an outage up to its limit. A copy restored at the start serves only once the source was asked.

Not here: what is fetched and what a failure means to callers (``metadata``, ``keys``), the file (``disk_copy``).
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gatelodge.core.clock import Clock
from gatelodge.issuer.errors import Unavailable

__all__ = ["LastGood"]

T = TypeVar("T")

# Part of the life after which a fetch starts in the background, so that requests need not wait for one.
AHEAD = 0.8
# Pause after a failure while there is no copy to serve: try sooner.
FIRST_RETRY = 1.0
# Seconds between two log lines of one and the same failure: an outage is one line a minute, not one a try.
_SAID_AGAIN = 60.0
# Seconds for one fetch with its retry. Time-outs of single reads do not end an answer that comes byte by byte.
DEADLINE = 5.0

logger = logging.getLogger(__name__)


class LastGood(Generic[T]):
    """Keeps what ``fetch`` returns. ``fetch`` fails with an Unavailable only. All times are in seconds.

    ``ttl`` bounds the age of the copy while the source answers, ``stale_limit`` while it does not; ``unfetched`` is what
    callers get while there was neither an answer nor a failure; ``restore`` gives a copy from before and its age.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        clock: Clock,
        *,
        unfetched: Unavailable,
        ttl: float,
        cooldown: float,
        stale_limit: float = math.inf,
        restore: Callable[[], tuple[T, float] | None] = lambda: None,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._ttl = ttl
        self._cooldown = cooldown
        self._stale_limit = stale_limit
        self._restore = restore
        self._value: T | None = None
        self._fetched = 0.0
        self._started: float | None = None
        self._renewed = -math.inf
        self._answered = False
        self._took = 0.0
        self._unfetched = self._failure = unfetched
        self._failed: float | None = None
        self._said = ("", -math.inf)
        self._flight: asyncio.Task[None] | None = None

    async def get(self) -> T:
        """A copy young enough to use, fetched first when needed. Raises: the error of the last fetch."""
        if not self._answered or self._age() >= self._ttl * AHEAD:
            flight = self._begin()
            if flight is not None and self._must_wait():
                # Shielded: the fetch belongs to all who wait, not to the caller that happened to be first.
                await asyncio.shield(flight)
        if self._value is not None and self._usable():
            return self._value
        raise self._refusal() from self._failure

    async def renew(self) -> None:
        """Fetch now, or join the fetch in flight; nothing happens when the cool-down forbids it."""
        flight = self._begin(renewal=True)
        if flight is not None:
            await asyncio.shield(flight)

    @property
    def found(self) -> tuple[float, float]:
        """Age of the copy, and how long its fetch took; of a restored one nobody knows that."""
        return self._age(), self._took

    async def aclose(self) -> None:
        """End the fetch in flight, if there is one."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait({self._flight})

    def _age(self) -> float:
        return math.inf if self._value is None else self._clock.monotonic() - self._fetched

    def _usable(self) -> bool:
        return self._value is not None and self._age() <= self._stale_limit

    def _must_wait(self) -> bool:
        """Whether the copy at hand must not be used while the fetch runs.

        In an outage seen just now it may be used: waiting for the next time-out would help nobody.
        """
        if not self._answered or not self._usable():
            return True
        if self._age() < self._ttl:
            return False
        return self._failed is None or self._clock.monotonic() - self._failed >= 2 * self._cooldown

    def _begin(self, *, renewal: bool = False) -> asyncio.Task[None] | None:
        """The fetch in flight, started when the cool-down allows one; None when it does not."""
        if self._flight is not None and not self._flight.done():
            return self._flight
        now = self._clock.monotonic()
        if self._started is None:
            copy = self._restore()
            if copy is not None:
                self._value, self._fetched = copy[0], now - copy[1]
        elif self._pause(now, renewal=renewal) > 0:
            return None
        self._started = now
        if renewal:
            self._renewed = now
        # A second try where a hiccup is likely: not for strangers, and not in a lasting outage.
        self._flight = asyncio.create_task(self._run(now, retry=not renewal and self._failed is None))
        return self._flight

    def _pause(self, now: float, *, renewal: bool) -> float:
        """Seconds until a fetch may start."""
        if renewal and self._failed is None:
            return self._renewed + self._cooldown - now
        pause = self._cooldown if self._usable() else min(FIRST_RETRY, self._cooldown)
        return (self._started or 0.0) + pause - now

    def _refusal(self) -> Unavailable:
        """A new object each time: raising a kept one again and again would grow its traceback."""
        refusal = type(self._failure)(self._failure.detail, hint=self._failure.hint)
        refusal.retry_after = max(1, math.ceil(self._pause(self._clock.monotonic(), renewal=False)))
        return refusal

    async def _run(self, started: float, *, retry: bool) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                value = await self._tried(retry=retry)
        except TimeoutError:
            self._fail(type(self._unfetched)(f"{self._unfetched.detail}: no whole answer within {DEADLINE:g} seconds"))
        except Unavailable as error:
            self._fail(error)
        else:
            # Its age counts from the question: the source may have changed right after.
            self._value, self._fetched, self._failed = value, started, None
            self._said = ("", -math.inf)
            self._took = self._clock.monotonic() - started
        self._answered = True

    async def _tried(self, *, retry: bool) -> T:
        try:
            return await self._fetch()
        except Unavailable as error:
            if not retry:
                raise
            logger.info("%s: %s; trying once more", error.code.value, error.detail)
        return await self._fetch()

    def _fail(self, error: Unavailable) -> None:
        self._failure, self._failed = error, self._clock.monotonic()
        text, when = self._said
        if error.detail != text or self._failed - when >= _SAID_AGAIN:
            self._said = (error.detail, self._failed)
            logger.warning("%s: %s", error.code.value, error.detail)
