"""The trail on a database: events appended one after the other, durable at once or in groups.

Invariants: ``record`` returns when the event is durable (or, in a caller's transaction, is kept exactly when that one
is); ``note`` costs the caller no waiting and loses nothing silently: what it took is kept within ``WINDOW`` while the
database works, and when the queue is full the caller is told so.
Not here: the check of a trail (``verdict``), what is found in one (``finding``), what leaves it (``retention``).
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from itertools import islice

from gatelodge.audit.chain import Anchor, Recorded, link
from gatelodge.audit.errors import TrailBroken
from gatelodge.audit.event import Event
from gatelodge.audit.finding import Filter, search
from gatelodge.audit.unkept import NoTrail
from gatelodge.audit.verdict import Verdict, verify
from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.observability.metrics import audit_event, audit_queue
from gatelodge.storage.database import Database, Row, Transaction
from gatelodge.storage.errors import StorageUnavailable

__all__ = ["WINDOW", "NoTrail", "Trail", "head"]

WINDOW = 1.0  # seconds from note() to the commit that keeps it
_QUEUE = 10_000
# Others that write wait for so many.
_GROUP = 4_000
# The digests of so many rows hold the loop up for some milliseconds. Each part is several hops to a driver's thread, each
# of which waits for a turn of the loop: of a long queue the parts are larger, else it would not get shorter under load.
_PART, _PARTS = 500, 4
_RETRY = 1.0
_log = logging.getLogger(__name__)
_INSERT = (
    "INSERT INTO audit_log (seq, at, kind, actor, subject, outcome, rule, request_id, previous, digest) VALUES"
    " (:seq, :at, :kind, :actor, :subject, :outcome, :rule, :request_id, :previous, :digest)"
)


class Trail:
    """One trail; any number of processes append to the same one."""

    def __init__(self, db: Database, clock: Clock, *, queue: int = _QUEUE, window: float = WINDOW) -> None:
        self._db, self._clock = db, clock
        self._largest, self._window = queue, window
        self._queued: deque[tuple[Event, float]] = deque()
        self._writing, self._recording = asyncio.Lock(), asyncio.Lock()
        # Those that can still be joined, and every group that is not kept yet.
        self._joining: tuple[list[tuple[Event, float]], asyncio.Task[None]] | None = None
        self._keeping: set[asyncio.Task[None]] = set()
        self._in_doubt: tuple[int, Anchor] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._closing = asyncio.Event()

    async def record(self, event: Event, *, tx: Transaction | None = None) -> None:
        """Append; durable on return, or with the caller's own transaction.

        In a transaction, record last: until it ends no one else can append.
        Raises: StorageUnavailable, StorageFault, Conflict, TrailBroken.
        """
        if tx is not None:
            await self._append(tx, [(event, self._clock.now())])
        else:
            await self._with_others((event, self._clock.now()))
        audit_event(event.kind, event.outcome)

    async def _with_others(self, event: tuple[Event, float]) -> None:
        """Append in one transaction with all that come before it can begin: a commit waits for the disk, however many it is for."""
        # A group whose transaction did not begin is over without having been closed to others.
        if self._joining is None or self._joining[1].done():
            group = [event]
            task = asyncio.get_running_loop().create_task(self._keep(group))
            self._joining = group, task
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)
        else:
            group, task = self._joining
            group.append(event)
        # Who gives up takes nothing from the others.
        await asyncio.shield(task)

    async def _keep(self, group: list[tuple[Event, float]]) -> None:
        async with self._recording, self._db.transaction() as transaction:
            self._joining = None
            await self._append(transaction, group)

    def note(self, event: Event, *, done: bool = False) -> None:
        """Queue an event that is kept within ``WINDOW``: for reads, whose answer must not wait for a disk.

        ``done``: what the event tells has happened and is durable. A full queue takes it too, for an error would deny it;
        a closed one leaves it to the log.
        Raises: StorageUnavailable, when the queue is full: the database has not kept up, so the read is refused.
        """
        if done and self._closed:
            _log.error("the audit trail is closed and lacks: %s by %s, %s", event.kind, event.actor, event.outcome)
            return
        if self._closed or (len(self._queued) >= self._largest and not done):
            raise StorageUnavailable(
                f"The audit queue is {'closed' if self._closed else f'full ({self._largest} events)'}.",
                hint="Nothing is done that cannot be recorded: make the database work, and it goes on by itself.",
            )
        self._queued.append((event, self._clock.now()))
        audit_event(event.kind, event.outcome)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._keep_up())

    async def flush(self) -> None:
        """Keep what is queued now.

        Raises: as ``record``; what could not be kept stays queued.
        """
        async with self._writing:
            await self._settle()
            # Not what comes meanwhile: a busy server would write one small group after the other without end.
            left = len(self._queued)
            while left:
                group = list(islice(self._queued, min(left, _GROUP)))
                async with self._db.transaction() as transaction:
                    self._in_doubt = len(group), await self._append(transaction, group)
                self._forget(len(group))
                left -= len(group)

    async def _settle(self) -> None:
        """After a commit whose end is unknown (a lost connection, a cancelled task): see whether its events are kept."""
        if self._in_doubt is None:
            return
        count, end = self._in_doubt
        async with self._db.reading() as transaction:
            kept = await transaction.one("SELECT digest FROM audit_log WHERE seq = :seq", seq=end.seq)
        self._forget(count if kept is not None and kept["digest"] == end.digest else 0)

    def _forget(self, count: int) -> None:
        self._in_doubt = None
        for _ in range(count):
            self._queued.popleft()
        audit_queue(len(self._queued))

    async def aclose(self) -> None:
        """Keep what is queued and take no more."""
        self._closed = True
        # A group that is being kept is not cut off: only the pause before the next one ends.
        self._closing.set()
        if under_way := {*self._keeping, *({self._task} if self._task is not None else ())}:
            await asyncio.wait(under_way)
        await self.flush()

    async def anchor(self) -> Anchor:
        """Where the trail ends now, what is queued included; keep it elsewhere and hand it to ``verify`` later."""
        await self.flush()
        return await head(self._db)

    async def verify(self, *anchors: Anchor) -> Verdict:
        """Walk the chain from its start: the first place where it is broken, and why."""
        await self.flush()
        return await verify(self._db, anchors)

    async def search(
        self,
        *,
        kinds: Collection[str] | None = None,
        actor: str | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int = 1000,
    ) -> AsyncIterator[Recorded]:
        """Events, oldest first, of these kinds and this actor, with ``since <= at < until`` (seconds since the epoch)."""
        wanted = Filter(kinds=kinds, actor=actor, since=since, until=until)
        async for recorded in search(self._db, wanted, limit=limit):
            yield recorded

    async def _append(self, transaction: Transaction, events: Sequence[tuple[Event, float]]) -> Anchor:
        lock = " FOR UPDATE" if transaction.dialect == "postgresql" else ""
        end = _anchor(await transaction.one(f"SELECT seq, digest FROM audit_head WHERE id = 1{lock}"))  # noqa: S608 - our own words
        # Part by part: the loop serves others while each is written.
        most = max(_PART, len(events) // _PARTS)
        for start in range(0, len(events), most):
            rows = []
            for event, at in events[start : start + most]:
                rows.append(link(event, end, at))
                end = Anchor(rows[-1]["seq"], rows[-1]["digest"])
            await transaction.many(_INSERT, rows)
        await transaction.execute(
            "UPDATE audit_head SET seq = :seq, digest = :digest WHERE id = 1", seq=end.seq, digest=end.digest
        )
        return end

    async def _keep_up(self) -> None:
        wait = self._window
        while self._queued and not await self._closes_within(wait):
            audit_queue(len(self._queued))
            try:
                await self.flush()
                wait = self._window
            except GatelodgeError as error:
                _log.error("%d audit events wait for the database: %s", len(self._queued), error.detail)
                wait = _RETRY

    async def _closes_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._closing.wait()
        except TimeoutError:
            return False


async def head(db: Database) -> Anchor:
    """Where the trail in a database ends. Raises: TrailBroken."""
    return _anchor(await db.row("SELECT seq, digest FROM audit_head WHERE id = 1"))


def _anchor(row: Row | None) -> Anchor:
    if row is None:
        raise TrailBroken("The audit trail has no head row.", hint="Someone removed it: restore the last backup.")
    return Anchor(row["seq"], row["digest"])
