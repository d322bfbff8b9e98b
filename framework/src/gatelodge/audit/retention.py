"""Old events removed from the start of a trail, so that the rest can still be verified.

Invariant: what is removed is told in the same transaction by an event of the trail itself (``admin.trail``, action
``prune``), with the number of the first row that is kept and the digest of the last one that is not. The check goes by
the newest such event, so a start that is missing without one shows. Nothing but the start is ever removed. The clock is
not believed alone: a pause in the trail counts for a quarter of the retention at most, so a clock that jumps years ahead
costs no more than the oldest quarter, whether or not events were written by it.
"""

import logging
from datetime import UTC, datetime

from gatelodge.audit.actor import SYSTEM
from gatelodge.audit.errors import TrailBroken
from gatelodge.audit.event import Event
from gatelodge.audit.trail import Trail
from gatelodge.audit.verdict import PRUNED, fault
from gatelodge.core.clock import Clock
from gatelodge.storage.database import Database, Transaction

__all__ = ["DAY", "prune"]

DAY = 86_400.0  # seconds
# A pause counts for one of so many parts of the retention at most, but for a day in any case.
_PARTS = 4
# Rows of one transaction: others wait for it.
_AT_ONCE = 5_000
logger = logging.getLogger(__name__)
_LOOK = "Run gatelodge audit verify, and keep a copy of the database."


async def prune(
    db: Database, trail: Trail, clock: Clock, *, days: int, actor: str = SYSTEM, by_clock: bool = False
) -> int:
    """Remove what is older than so many days (0: keep everything), and give the number of events removed.

    ``by_clock``: by the clock alone, where somebody looked at it.
    Raises: as ``Trail.record``; TrailBroken also for a start that is not whole.
    """
    removed = 0
    if days <= 0:
        return removed
    before = clock.now() - days * DAY
    oldest = await db.row("SELECT MIN(at) AS at FROM audit_log")
    if oldest is None or oldest["at"] is None or oldest["at"] >= before:
        return removed
    if not by_clock:
        before = await _believed(db, clock.now(), days)
    while True:
        async with db.transaction() as transaction:
            done = await _removed(transaction, trail, before, days, actor)
        removed += done
        if done < _AT_ONCE:
            return removed


async def _believed(db: Database, now: float, days: int) -> float:
    """The moment before which events are old, seen from ``now``, with long pauses between events cut short."""
    most = max(DAY, days * DAY / _PARTS)
    newest = await db.row("SELECT MAX(at) AS at FROM audit_log WHERE at <= :now", now=now)
    if newest is None or newest["at"] is None:
        return now - days * DAY
    # By their moments, not their order: what a wrong clock wrote stands apart there. No more than this many fit.
    pauses = await db.rows(
        "SELECT at, later FROM (SELECT at, LEAD(at) OVER (ORDER BY at) AS later FROM audit_log WHERE at <= :now) steps"
        " WHERE later - at > :most ORDER BY at DESC LIMIT :limit",
        now=now,
        most=most,
        limit=_PARTS + 1,
    )
    before = now - days * DAY
    for begin, end in [(newest["at"], now), *((pause["at"], pause["later"]) for pause in pauses)]:
        if end <= before:
            break
        if end - begin > most:
            before -= end - begin - most
    await _tell(db, now, before, days)
    return before


async def _tell(db: Database, now: float, before: float, days: int) -> None:
    """Say what is kept that the clock calls old."""
    old = "SELECT COUNT(*) AS number FROM audit_log WHERE at >= :before AND at < :by_clock"
    held = await db.row(old, before=before, by_clock=now - days * DAY)
    if held is not None and held["number"]:
        logger.warning(
            "%d events of the audit trail are kept although they are older than %d days by the clock, which says %s: "
            "there is a long pause before that (next step: look at the clock; if it is right and nothing happened "
            "meanwhile, gatelodge audit prune --by-clock removes them)",
            held["number"],
            days,
            datetime.fromtimestamp(now, UTC).isoformat(timespec="minutes"),
        )


async def _removed(transaction: Transaction, trail: Trail, before: float, days: int, actor: str) -> int:
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
