"""Connections that nobody asks for: refreshes that a process left unfinished, and grants that die of disuse.

Invariant: what one connection raises stops no other. A grant is kept alive at the age that its provider's data says.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gatelodge.connections.errors import ConnectionMissing, NeedsReauth
from gatelodge.connections.reading import Reading
from gatelodge.connections.refresh import Needed, Pair
from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Opened, Record, Status
from gatelodge.vault.store import TokenStore

__all__ = ["Swept", "sweep"]

_LOG = logging.getLogger(__name__)
_AT_ONCE = 4
_DAY = 86_400.0


@dataclass
class Swept:
    """How many connections were finished, kept alive, found dead, or left for the next time."""

    finished: int = 0
    kept_alive: int = 0
    dead: int = 0
    left: int = 0


class _Refresh(Protocol):
    def __call__(self, owner: Owner, needed: Needed, *, purpose: str) -> Awaitable[Opened]: ...


async def sweep(
    store: TokenStore,
    reading: Reading,
    refresh: _Refresh,
    pairs: Callable[[Opened], Sequence[Pair]],
    clock: Clock,
    *,
    unfinished_only: bool = False,
) -> Swept:
    """Go through all active connections once, or through those that a refresh left unfinished.

    Raises: StorageUnavailable when they cannot be listed.
    """
    swept, room = Swept(), asyncio.Semaphore(_AT_ONCE)

    async def one(record: Record, unfinished: bool) -> None:
        def needed(opened: Opened) -> Sequence[Pair]:
            return pairs(opened) if opened.record.version == record.version else []

        async with room:
            try:
                await refresh(record.owner, needed, purpose="sweep")
            except (NeedsReauth, ConnectionMissing):
                swept.dead += 1
            except GatelodgeError as error:
                # What went wrong was told by the refresh; while the pause after it lasts, this comes again and again.
                _LOG.info("sweep: %s is left for the next time: %s", record.owner.shown, error.detail)
                swept.left += 1
            else:
                swept.finished += unfinished
                swept.kept_alive += not unfinished

    async with asyncio.TaskGroup() as group:
        for record in await store.list(status=Status.ACTIVE, unfinished=unfinished_only):
            # One that is being refreshed is nobody's left-over; the clocks of two hosts may differ, so it comes next time.
            busy = record.refresh_until is not None and record.refresh_until > clock.now()
            if reading.configured(record.owner) and not busy:
                unfinished = record.refresh_started_at is not None
                if unfinished or _idle(record, reading.provider(record.owner).keep_alive_days, clock.now()):
                    group.create_task(one(record, unfinished))
    return swept


def _idle(record: Record, days: float | None, now: float) -> bool:
    return days is not None and now - (record.refreshed_at or record.created_at) >= days * _DAY
