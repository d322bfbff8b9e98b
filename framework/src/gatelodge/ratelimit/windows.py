"""Where events are counted: in this process, or in Redis for all replicas together.

Invariant: counting never fails. While Redis is away each process counts for itself, from empty windows, so nobody is
without a limit; the log says so once a minute, and every few seconds one request looks whether Redis is back.
"""

import logging
from typing import Protocol

from gatelodge.core.clock import Clock
from gatelodge.ratelimit.bounded_storage import BoundedStorage
from gatelodge.ratelimit.rate import Rate

__all__ = ["FallbackWindows", "LocalWindows", "Windows", "WindowsAway"]

logger = logging.getLogger(__name__)

# Seconds.
_LOOK_AGAIN, _SAY_AGAIN = 5.0, 60.0
_SOON = 0.001


class WindowsAway(Exception):
    """The shared windows cannot be reached; the message names the kind of error and nothing of an address."""


class Windows(Protocol):
    """Moving windows by key."""

    async def take(self, rate: Rate, key: str) -> float:
        """Count one event: 0, or the seconds until one more is possible. Raises: WindowsAway."""

    async def wait(self, rate: Rate, key: str) -> float:
        """As ``take``, without counting. Raises: WindowsAway."""


class LocalWindows:
    """In memory, bounded; never away. One for each limit, so that one's keys push out none of another's."""

    def __init__(self, clock: Clock, *, most: int = 10_000) -> None:
        self._clock = clock
        self.storage = BoundedStorage(clock, most=most)

    async def take(self, rate: Rate, key: str) -> float:
        # Past the library's strategy, which costs each call more than the counting.
        if await self.storage.acquire_entry(key, rate.amount, rate.seconds):
            return 0.0
        # Never 0, should the window have moved on meanwhile: nothing was counted.
        return max(_SOON, await self.wait(rate, key))

    async def wait(self, rate: Rate, key: str) -> float:
        oldest, count = await self.storage.get_moving_window(key, rate.amount, rate.seconds)
        return max(0.0, oldest + rate.seconds - self._clock.monotonic()) if count >= rate.amount else 0.0


class Outage:
    """Whether the shared windows are away; one for all limits of a process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self._look_at = self._said = 0.0

    def look(self) -> bool:
        """Whether to ask them now: always while they work, else every few seconds and one request at a time."""
        if self._since is None:
            return True
        now = self._clock.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + _LOOK_AGAIN
        return True

    def failed(self, error: WindowsAway) -> None:
        now = self._clock.monotonic()
        self._look_at = now + _LOOK_AGAIN
        if self._since is None or now - self._said >= _SAY_AGAIN:
            self._said = now
            logger.error(
                "limits: Redis does not answer (%s); each process counts for itself"
                " (next step: look at GATELODGE_REDIS_URL and at the Redis server)",
                error,
            )
        self._since = now if self._since is None else self._since

    def worked(self) -> None:
        if self._since is not None:
            logger.warning("limits: Redis is back after %.0f s", self._clock.monotonic() - self._since)
            self._since = None


class FallbackWindows:
    """The shared windows, and this process's own while they are away."""

    def __init__(self, shared: Windows, own: Windows, outage: Outage) -> None:
        self._shared, self._own, self._outage = shared, own, outage

    async def take(self, rate: Rate, key: str) -> float:
        if self._outage.look():
            try:
                found = await self._shared.take(rate, key)
            except WindowsAway as error:
                self._outage.failed(error)
            else:
                self._outage.worked()
                return found
        return await self._own.take(rate, key)

    async def wait(self, rate: Rate, key: str) -> float:
        if self._outage.look():
            try:
                found = await self._shared.wait(rate, key)
            except WindowsAway as error:
                self._outage.failed(error)
            else:
                self._outage.worked()
                return found
        return await self._own.wait(rate, key)
