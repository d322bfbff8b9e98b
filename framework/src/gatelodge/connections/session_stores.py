"""Where sealed sessions are kept: memory for development, the database for one server or more.

Invariant: a store sees digests and sealed bytes only, and gives back nothing whose time is over. Not here: what a session
is (``sessions``), the store on Redis (``redis_sessions``), which is imported by those who use it.
"""

from typing import Protocol

from gatelodge.core.clock import Clock
from gatelodge.storage.database import Database

__all__ = ["DatabaseSessions", "MemorySessions", "SessionStore"]


class SessionStore(Protocol):
    """Sealed sessions by the digest of their id. Raises: StorageUnavailable, StorageFault."""

    async def put(self, digest: str, sealed: bytes, expires_at: float) -> None:
        """Keep a new session until then (seconds since the epoch)."""

    async def get(self, digest: str) -> bytes | None:
        """The session; None when there is none or its time is over."""

    async def delete(self, digest: str) -> None:
        """Forget it; one that is not there is no error."""

    async def sweep(self) -> int:
        """Remove those whose time is over; how many."""

    async def aclose(self) -> None:
        """Close what belongs to this store alone."""


class MemorySessions:
    """Of one process, gone with it; of too many the oldest go."""

    def __init__(self, clock: Clock, *, most: int = 10_000) -> None:
        self._clock, self._most = clock, most
        self._kept: dict[str, tuple[bytes, float]] = {}

    async def put(self, digest: str, sealed: bytes, expires_at: float) -> None:
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[digest] = (sealed, expires_at)

    async def get(self, digest: str) -> bytes | None:
        sealed, expires_at = self._kept.get(digest, (None, 0.0))
        return sealed if self._clock.now() < expires_at else None

    async def delete(self, digest: str) -> None:
        self._kept.pop(digest, None)

    async def sweep(self) -> int:
        now = self._clock.now()
        over = [digest for digest, (_, expires_at) in self._kept.items() if expires_at <= now]
        for digest in over:
            del self._kept[digest]
        return len(over)

    async def aclose(self) -> None:
        self._kept.clear()


class DatabaseSessions:
    """On SQLite or PostgreSQL; the database is closed by whoever opened it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def put(self, digest: str, sealed: bytes, expires_at: float) -> None:
        async with self._db.transaction() as tx:
            await tx.execute(
                "INSERT INTO web_sessions (digest, sealed, expires_at) VALUES (:digest, :sealed, :expires_at)",
                digest=digest,
                sealed=sealed,
                expires_at=expires_at,
            )

    async def get(self, digest: str) -> bytes | None:
        row = await self._db.row(
            "SELECT sealed FROM web_sessions WHERE digest = :digest AND expires_at > :now",
            digest=digest,
            now=self._clock.now(),
        )
        return None if row is None else bytes(row["sealed"])

    async def delete(self, digest: str) -> None:
        async with self._db.transaction() as tx:
            await tx.execute("DELETE FROM web_sessions WHERE digest = :digest", digest=digest)

    async def sweep(self) -> int:
        async with self._db.transaction() as tx:
            return await tx.execute("DELETE FROM web_sessions WHERE expires_at <= :now", now=self._clock.now())

    async def aclose(self) -> None:
        """Nothing of its own to close."""
