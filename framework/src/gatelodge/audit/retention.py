"""Old events removed from the start of a trail, so that the rest can still be verified.

Invariant: what is removed is told in the same transaction by an event of the trail itself (``admin.trail``, action
``prune``), with the number of the first row that is kept and the digest of the last one that is not. The check goes by
the newest such event, so a start that is missing without one shows. Nothing but the start is ever removed.
"""

from gatelodge.audit.actor import SYSTEM
from gatelodge.audit.errors import TrailBroken
from gatelodge.audit.event import Event
from gatelodge.audit.trail import Trail
from gatelodge.audit.verdict import PRUNED, fault
from gatelodge.core.clock import Clock
from gatelodge.storage.database import Database, Transaction

__all__ = ["DAY", "prune"]

DAY = 86_400.0  # seconds
# Rows of one transaction: others wait for it.
_AT_ONCE = 5_000
_LOOK = "Run gatelodge audit verify, and keep a copy of the database."


async def prune(db: Database, trail: Trail, clock: Clock, *, days: int, actor: str = SYSTEM) -> int:
    """Remove what is older than so many days (0: keep everything), and give the number of events removed.

    Raises: as ``Trail.record``; TrailBroken also for a start that is not whole.
    """
    removed = 0
    before = clock.now() - days * DAY
    while days > 0:
        async with db.transaction() as transaction:
            done = await _part(transaction, trail, before, days, actor)
        removed += done
        if done < _AT_ONCE:
            break
    return removed


async def _part(transaction: Transaction, trail: Trail, before: float, days: int, actor: str) -> int:
    lock = " FOR UPDATE" if transaction.dialect == "postgresql" else ""
    head = await transaction.one(f"SELECT first_seq, first_previous FROM audit_head WHERE id = 1{lock}")  # noqa: S608 - our own words
    if head is None:
        return 0
    first, previous = head["first_seq"], head["first_previous"]
    rows = await transaction.all("SELECT * FROM audit_log ORDER BY seq LIMIT :most", most=_AT_ONCE)
    for row in rows:
        # The first row that is young enough ends it, whatever clocks said later: only a start can go.
        if row["at"] >= before:
            break
        why = fault(row, first, previous, {})
        if why is not None:
            # Removing it would remove what shows the tampering.
            raise TrailBroken(f"Row {first} of the audit trail: {why}; nothing is removed from it.", hint=_LOOK)
        first, previous = first + 1, row["digest"]
    removed: int = first - head["first_seq"]
    if removed:
        about = {"action": PRUNED, "removed": removed, "days": days, "first_seq": first, "first_previous": previous}
        await trail.record(Event("admin.trail", actor, about, rule="retention"), tx=transaction)
        await transaction.execute(
            "UPDATE audit_head SET first_seq = :first, first_previous = :previous WHERE id = 1",
            first=first,
            previous=previous,
        )
        await transaction.execute("DELETE FROM audit_log WHERE seq < :first", first=first)
    return removed
