"""One limit by its name: counts for a key, and refuses with what the caller is told.

Invariant: what is kept and logged of a key is a digest; what is logged of an address is the name that the maker of limits
gives it, for all addresses there are could be tried against a plain digest.
"""

import hashlib
import ipaddress
from collections.abc import Callable, Mapping

from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.ratelimit.bursts import Bursts
from gatelodge.ratelimit.errors import LimitReached, limit_headers
from gatelodge.ratelimit.rate import Rate
from gatelodge.ratelimit.windows import FallbackWindows, LocalWindows, Outage, Windows

__all__ = ["Limit", "Limits", "digest"]


def digest(*parts: str) -> str:
    """What a key is kept as: parts cannot be read from it, and (ab, c) is not (a, bc)."""
    together = "|".join([f"{len(part)}|{part}" for part in parts])
    return hashlib.sha256(together.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Limit:
    """``rate`` None: no limit. ``hint`` tells operators which setting it is; ``named`` is what the log calls an address."""

    def __init__(
        self,
        name: str,
        rate: Rate | None,
        windows: Windows,
        clock: Clock,
        *,
        hint: str | None = None,
        named: Callable[[str], str] | None = None,
    ) -> None:
        self.name, self.rate, self._hint, self._named = name, rate, hint, named
        self._windows, self._bursts = windows, Bursts(name, clock)

    async def count(self, *key: str) -> float:
        """Count one event for a key: 0, or the seconds until one more is possible, and nothing was counted."""
        if self.rate is None:
            return 0.0
        found = digest(*key)
        return self._told(key, found, await self._windows.take(self.rate, f"{self.name}:{found}"))

    async def wait(self, *key: str) -> float:
        """As ``count``, without counting."""
        if self.rate is None:
            return 0.0
        found = digest(*key)
        return self._told(key, found, await self._windows.wait(self.rate, f"{self.name}:{found}"))

    async def take(self, *key: str) -> None:
        """Count one event for a key. Raises: LimitReached, counting nothing."""
        wait = await self.count(*key)
        if wait and self.rate is not None:
            raise LimitReached(self.name, self._detail, wait=wait, rate=self.rate, hint=self._hint)

    def headers(self, wait: float) -> Mapping[str, str]:
        """What an answer says that refuses for so many seconds."""
        return limit_headers(self.name, self.rate, wait)

    @property
    def _detail(self) -> str:
        return f"more than {self.rate.amount} within {self.rate.seconds} s" if self.rate is not None else ""

    def _told(self, key: tuple[str, ...], found: str, wait: float) -> float:
        if wait:
            named = self._named if key and _is_address(key[-1]) else None
            self._bursts.refused(found[:12] if named is None else named(key[-1]), self._detail)
        return wait


class Limits:
    """Makes the limits of a process; ``redis_url`` where its replicas, which have the same ``owner``, count together."""

    def __init__(
        self,
        clock: Clock,
        redis_url: Secret | None = None,
        *,
        owner: str = "",
        named: Callable[[str], str] | None = None,
    ) -> None:
        """Raises: ModuleNotFoundError, when there is a URL and the extra ``redis`` is not installed."""
        self._clock, self._outage, self._named = clock, Outage(clock), named
        self._shared = None
        if redis_url is not None:
            # The extra `redis`, which other processes do without.
            from gatelodge.ratelimit.redis_windows import RedisWindows  # noqa: PLC0415

            # Servers share a Redis, and have tools and users of the same names.
            self._shared = RedisWindows(redis_url, f"gatelodge:limit:{digest(owner)[:12]}")

    def limit(self, name: str, rate: Rate | None, *, hint: str | None = None, most: int = 10_000) -> Limit:
        """A limit; ``most`` keys are remembered in this process."""
        own: Windows = LocalWindows(self._clock, most=most)
        windows = own if self._shared is None else FallbackWindows(self._shared, own, self._outage)
        return Limit(name, rate, windows, self._clock, hint=hint, named=self._named)

    @property
    def shared(self) -> bool:
        """Whether they are counted in Redis."""
        return self._shared is not None

    async def ping(self) -> None:
        """Whether Redis answers. Raises: WindowsAway."""
        if self._shared is not None:
            await self._shared.ping()

    async def aclose(self) -> None:
        """Close what reaches Redis."""
        if self._shared is not None:
            await self._shared.aclose()


def _is_address(text: str) -> bool:
    """Whether a part of a key is what ``address.caller`` gives."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
