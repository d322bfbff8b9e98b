"""Events found in a trail: by kind, who acted or whose account it was about, outcome, rule and time; oldest first.

Not here: how they are shown (``cli``).
"""

import json
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from gatelodge.audit.chain import Recorded
from gatelodge.audit.errors import EventRefused, TrailBroken
from gatelodge.audit.event import Event
from gatelodge.storage.database import Database, Row

__all__ = ["Filter", "latest", "search"]

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """What is wanted; None of a member means all. ``since <= at < until``, in seconds since the epoch.

    ``whose`` is an actor: found is what they did and what others did about their accounts (the detail ``owner``).
    """

    kinds: Collection[str] | None = None
    actor: str | None = None
    since: float | None = None
    until: float | None = None
    outcome: str | None = None
    whose: str | None = None

    def conditions(self) -> tuple[str, dict[str, str | float]]:
        """SQL to follow another condition, and its values."""
        names = {f"kind{index}": kind for index, kind in enumerate(sorted(self.kinds or ()))}
        where = " AND kind IN (" + ", ".join(f":{name}" for name in names) + ")" if names else ""
        if self.kinds is not None and not names:
            where = " AND 1 = 0"
        values = dict[str, str | float](names)
        for name, condition, value in (
            ("actor", "actor = :actor", self.actor),
            ("since", "at >= :since", self.since),
            ("until", "at < :until", self.until),
            ("outcome", "outcome = :outcome", self.outcome),
            ("whose", "(actor = :whose OR subject LIKE :owner ESCAPE '!')", self.whose),
        ):
            if value is not None:
                where += f" AND {condition}"
                values[name] = value
        if self.whose is not None:
            values["owner"] = f'%"owner":"{_literally(self.whose)}"%'
        return where, values


async def search(db: Database, wanted: Filter, *, after: int = 0, limit: int | None = None) -> AsyncIterator[Recorded]:
    """Events behind row ``after``, at most ``limit``. Raises: TrailBroken, for a row that is no event."""
    where, values = wanted.conditions()
    left = limit
    while left is None or left > 0:
        page = _PAGE if left is None else min(left, _PAGE)
        rows = await db.rows(
            f"SELECT * FROM audit_log WHERE seq > :after{where} ORDER BY seq LIMIT :page",  # noqa: S608 - our own words
            after=after,
            page=page,
            **values,
        )
        for row in rows:
            yield _recorded(row)
        if len(rows) < page:
            return
        after, left = rows[-1]["seq"], None if left is None else left - len(rows)


async def latest(db: Database, wanted: Filter, number: int) -> list[Recorded]:
    """The newest ``number`` events, oldest first. Raises: TrailBroken."""
    where, values = wanted.conditions()
    rows = await db.rows(
        f"SELECT * FROM audit_log WHERE seq > 0{where} ORDER BY seq DESC LIMIT :number",  # noqa: S608 - our own words
        number=number,
        **values,
    )
    return [_recorded(row) for row in reversed(rows)]


def _recorded(row: Row) -> Recorded:
    try:
        subject = json.loads(row["subject"])
        event = Event(row["kind"], row["actor"], subject, row["outcome"], row["rule"], row["request_id"])
    except (EventRefused, ValueError, TypeError) as error:
        raise TrailBroken(f"Row {row['seq']} of the audit trail is no event.", hint="Verify the trail.") from error
    return Recorded(row["seq"], row["at"], event, row["previous"], row["digest"])


def _literally(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
