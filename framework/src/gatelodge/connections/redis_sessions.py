"""Sealed sessions on Redis or Valkey, for several replicas without a shared database. Needs the extra ``redis``.

Invariant: Redis gets digests and sealed bytes with an end, so it cleans up by itself and a copy of it opens nothing.
"""

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.storage.errors import StorageUnavailable

__all__ = ["RedisSessions"]

_PREFIX = "gatelodge:web-session:"
_TIMEOUT = 5.0


class RedisSessions:
    """A ``SessionStore``; ``url`` is as in GATELODGE_REDIS_URL."""

    def __init__(self, url: Secret, clock: Clock) -> None:
        self._clock = clock
        self._redis: Redis = Redis.from_url(
            url.reveal(), socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, decode_responses=False
        )

    async def put(self, digest: str, sealed: bytes, expires_at: float) -> None:
        life = max(1, int((expires_at - self._clock.now()) * 1000))
        try:
            await self._redis.set(_PREFIX + digest, sealed, px=life)
        except RedisError as error:
            raise _away(error) from error

    async def get(self, digest: str) -> bytes | None:
        try:
            found = await self._redis.get(_PREFIX + digest)
        except RedisError as error:
            raise _away(error) from error
        return found if isinstance(found, bytes) else None

    async def delete(self, digest: str) -> None:
        try:
            await self._redis.delete(_PREFIX + digest)
        except RedisError as error:
            raise _away(error) from error

    async def sweep(self) -> int:
        """Redis does that itself."""
        return 0

    async def aclose(self) -> None:
        await self._redis.aclose()


def _away(error: RedisError) -> StorageUnavailable:
    # The message may hold the address with its password.
    return StorageUnavailable(
        f"Redis, which keeps the sessions, does not answer: {type(error).__name__}",
        hint="Look at GATELODGE_REDIS_URL and at the Redis server.",
    )
