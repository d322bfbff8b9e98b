"""The check of a trail: the first row that is changed, missing, inserted or moved, or an end that is cut off.

A trail may begin later than at row 1 when its newest recorded pruning (``retention``) says so, and only then. What the
check cannot find: an old copy of the whole database put back, head row and all, or a chain written anew by someone who
may write the database. An anchor that was kept elsewhere finds both, as far as the anchor is newer than the copy.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatelodge.audit.chain import Anchor, digest
from gatelodge.storage.database import Database, Row

__all__ = ["PRUNED", "Verdict", "fault", "verify"]

_PAGE = 1000
# What the event of a pruning says under ``action``; its kind is ``admin.trail``.
PRUNED = "prune"
_START = (1, "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``checked`` rows were good; ``broken`` is the number of the first that is not, and ``why`` says what is wrong."""

    checked: int
    broken: int | None = None
    why: str | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None


async def verify(db: Database, anchors: Sequence[Anchor] = ()) -> Verdict:
    """Walk the whole chain against the head row and the anchors, while others may append and prune."""
    while True:
        head = await _head(db)
        if head is None:
            return Verdict(0, 1, "the head row is missing")
        found = await _walk(db, head, anchors)
        now = await _head(db)
        # Pruned while it was read: what was missing then is missing rightly.
        if now is None or now["first_seq"] == head["first_seq"]:
            return found


async def _walk(db: Database, head: Row, anchors: Sequence[Anchor]) -> Verdict:
    end, known = head["seq"], {anchor.seq: anchor.digest for anchor in anchors}
    seq, previous, checked = head["first_seq"] - 1, head["first_previous"], 0
    if known.get(seq, previous) != previous:
        return Verdict(0, seq + 1, "the trail does not begin behind the row of the anchor")
    begins = _START
    # The first page begins before the first row: nothing belongs there.
    after, rows = -(2**62), [head]
    while rows:
        async with db.reading() as transaction:
            rows = await transaction.all(
                "SELECT * FROM audit_log WHERE seq > :after ORDER BY seq LIMIT :page", after=after, page=_PAGE
            )
        for row in rows:
            why = fault(row, seq + 1, previous, known)
            if why is not None:
                return Verdict(checked, seq + 1, why)
            seq, previous, checked = row["seq"], row["digest"], checked + 1
            if seq == end and previous != head["digest"]:
                return Verdict(checked - 1, seq, "the head row names another digest")
            begins = _pruned(row) or begins if seq <= end else begins
        after = seq
    if begins != (head["first_seq"], head["first_previous"]):
        return Verdict(0, head["first_seq"], "the trail begins elsewhere than its last recorded pruning says")
    return await _ending(db, Verdict(checked), seq, end, anchors)


def _pruned(row: Row) -> tuple[int, str] | None:
    """Where the trail begins since this event, when it tells of a pruning."""
    if row["kind"] != "admin.trail":
        return None
    try:
        subject = json.loads(row["subject"])
    except ValueError:
        # Written by no program of ours, with a digest that fits.
        return None
    if not isinstance(subject, dict) or subject.get("action") != PRUNED:
        return None
    return subject.get("first_seq", 0), subject.get("first_previous", "")


def fault(row: Row, expected: int, previous: str, known: Mapping[int, str]) -> str | None:
    """What is wrong with a row that has to be number ``expected`` behind the digest ``previous``."""
    if row["seq"] != expected:
        return f"another row stands there: {row['seq']}"
    if row["previous"] != previous:
        return "the row does not follow the one before it"
    if digest(dict(row)) != row["digest"]:
        return "the row was changed"
    if known.get(expected, row["digest"]) != row["digest"]:
        return "the row is not the one of the anchor: the chain was written anew"
    return None


async def _ending(db: Database, good: Verdict, seq: int, end: int, anchors: Sequence[Anchor]) -> Verdict:
    if seq < end:
        return Verdict(good.checked, seq + 1, f"the rows up to {end} are missing: the end was cut off")
    if seq > end:
        # Rows of others that came meanwhile moved the head too; rows that were slipped in did not.
        head = await _head(db)
        if head is None or head["seq"] < seq:
            return Verdict(good.checked, end + 1, "the row is beyond the head row: it was inserted")
    beyond = [anchor.seq for anchor in anchors if anchor.seq > seq]
    if beyond:
        why = f"an anchor names row {max(beyond)}: the end was cut off, or an old copy was put back"
        return Verdict(good.checked, seq + 1, why)
    return good


async def _head(db: Database) -> Row | None:
    async with db.reading() as transaction:
        return await transaction.one("SELECT seq, digest, first_seq, first_previous FROM audit_head WHERE id = 1")
