"""Named leases: one holder at a time, for a while, across processes.

Invariant: the fence of a name grows with every new holder, so that work done under a lost lease is seen and refused:
check ``held`` in the transaction that writes the result. The clocks of the processes must agree to within the time
that a lease leaves between its end and the next use.
"""

from dataclasses import dataclass

from gatelodge.core.clock import Clock
from gatelodge.storage.database import Database, Transaction
from gatelodge.storage.errors import Conflict

__all__ = ["Lease", "Leases"]


@dataclass(frozen=True, slots=True)
class Lease:
    """Held by ``holder`` until ``expires_at`` (seconds since the epoch); ``fence`` tells it from every earlier one."""

    name: str
    holder: str
    fence: int
    expires_at: float


class Leases:
    """The leases kept in one database. A holder's name must be unique to one task, such as a random id."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Take a lease that is free or has run out; None while somebody holds it, this holder included."""
        now = self._clock.now()
        async with self._db.transaction() as transaction:
            row = await transaction.one(
                "INSERT INTO leases (name, holder, fence, expires_at) VALUES (:name, :holder, 1, :expires)"
                " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = leases.fence + 1,"
                " expires_at = excluded.expires_at WHERE leases.expires_at <= :now RETURNING fence",
                name=name,
                holder=holder,
                expires=now + seconds,
                now=now,
            )
        return Lease(name, holder, row["fence"], now + seconds) if row else None

    async def renew(self, lease: Lease, seconds: float) -> Lease:
        """Hold it for ``seconds`` from now.

        Raises: Conflict, when it ran out or was taken by another.
        """
        now = self._clock.now()
        async with self._db.transaction() as transaction:
            if not await self._set_end(transaction, lease, now + seconds, now):
                raise Conflict(f"The lease {lease.name} is no longer held.")
        return Lease(lease.name, lease.holder, lease.fence, now + seconds)

    async def release(self, lease: Lease) -> bool:
        """Give it back; False when it was lost before."""
        now = self._clock.now()
        async with self._db.transaction() as transaction:
            return await self._set_end(transaction, lease, 0.0, now)

    async def held(self, lease: Lease, transaction: Transaction) -> bool:
        """Whether it is still held, for the whole of ``transaction``: nobody can take it before that one ends."""
        lock = " FOR UPDATE" if transaction.dialect == "postgresql" else ""
        row = await transaction.one(f"SELECT fence, expires_at FROM leases WHERE name = :name{lock}", name=lease.name)  # noqa: S608 - our own words
        return row is not None and row["fence"] == lease.fence and row["expires_at"] > self._clock.now()

    async def _set_end(self, transaction: Transaction, lease: Lease, end: float, now: float) -> bool:
        touched = await transaction.execute(
            "UPDATE leases SET expires_at = :end WHERE name = :name AND fence = :fence AND expires_at > :now",
            end=end,
            name=lease.name,
            fence=lease.fence,
            now=now,
        )
        return touched == 1
