"""Windows in Redis or Valkey, for several replicas. Needs the extra ``redis``.

Invariant: Redis gets digests and moments, each key with an end. A request waits for it a second at most.
"""

import time
from typing import Any

from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gatelodge.core.secret import Secret
from gatelodge.ratelimit.rate import Rate
from gatelodge.ratelimit.windows import WindowsAway

__all__ = ["RedisWindows"]

# Seconds.
_PATIENCE = 0.25
# More connections make nothing faster; opening one for each of many callers at once costs more than their counting.
_CONNECTIONS = 16
_SOON = 0.001


class RedisWindows:
    """``Windows`` of all processes that have this address and prefix; on the wall clock, which they share."""

    def __init__(self, url: Secret, prefix: str, *, patience: float | None = None) -> None:
        """``patience``: seconds for a free connection, to connect, and for an answer; a quarter where none is said."""
        patience = _PATIENCE if patience is None else patience
        self._pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            url.reveal(),
            max_connections=_CONNECTIONS,
            timeout=patience,
            socket_timeout=patience,
            socket_connect_timeout=patience,
            # The second try is for a connection that a restart of Redis has ended.
            retry=Retry(NoBackoff(), 1),
        )
        # The address is the pool's; the library needs one for its own form, and asks nothing of it.
        options: dict[str, Any] = {"connection_pool": self._pool}
        storage = RedisStorage("async+redis://", implementation="redispy", key_prefix=prefix, **options)
        self._strategy = MovingWindowRateLimiter(storage)

    async def take(self, rate: Rate, key: str) -> float:
        try:
            if await self._strategy.hit(rate.item, key):
                return 0.0
        except (RedisError, OSError) as error:
            raise WindowsAway(type(error).__name__) from error
        # Never 0, should the window have moved on meanwhile: nothing was counted.
        return max(_SOON, await self.wait(rate, key))

    async def wait(self, rate: Rate, key: str) -> float:
        try:
            found = await self._strategy.get_window_stats(rate.item, key)
        except (RedisError, OSError) as error:
            raise WindowsAway(type(error).__name__) from error
        return max(0.0, found.reset_time - time.time()) if found.remaining <= 0 else 0.0

    async def ping(self) -> None:
        """Whether it answers. Raises: WindowsAway."""
        try:
            # The pool stays open: it is the windows' own.
            await Redis(connection_pool=self._pool).ping()
        except (RedisError, OSError) as error:
            raise WindowsAway(type(error).__name__) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.disconnect()
