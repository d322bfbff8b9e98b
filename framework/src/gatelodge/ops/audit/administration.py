"""What operators do at the command line as events of the trail: before it is done, and how it ended.

Recorded is where ``GATELODGE_AUDIT`` is ``on`` or, being ``auto``, a database is named (``GATELODGE_DATABASE_URL`` or
``POSTGRES_HOST``): a command may run on a machine that has nothing to do with any server. Invariant: where it is
recorded, nothing is done before its event is durable.
"""

import asyncio
import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from gatelodge.audit.actor import of_operator
from gatelodge.audit.event import Event, Outcome, Scalar
from gatelodge.settings.audit import AuditSettings, extra_missing
from gatelodge.settings.audit_database import AuditDatabaseSettings
from gatelodge.settings.load import load

__all__ = ["administered", "operator"]


def operator() -> str:
    """The actor of whoever runs this command."""
    try:
        return of_operator(getpass.getuser())
    except (OSError, KeyError):
        # A container's user may have no name.
        return of_operator("unnamed")


@contextmanager
def administered(kind: str, **details: Scalar) -> Iterator[dict[str, Scalar]]:
    """Record that it begins, and afterwards that it is done or failed, with what the block puts into the result.

    Raises: SettingsInvalid, StorageUnavailable, StorageFault.
    """
    more: dict[str, Scalar] = {}
    if not _wanted():
        yield more
        return
    asyncio.run(_record(Event(kind, operator(), {**details, "step": "begun"})))
    outcome: Outcome = "failed"
    try:
        yield more
        outcome = "ok"
    finally:
        asyncio.run(_record(Event(kind, operator(), {**details, **more, "step": "ended"}, outcome)))


def _wanted() -> bool:
    chosen = load(AuditSettings).audit
    if chosen != "auto":
        return chosen == "on"
    named = load(AuditDatabaseSettings)
    return bool(named.database_url or named.database_url_file or named.postgres_host)


async def _record(event: Event) -> None:
    try:
        from gatelodge.audit.trail import Trail  # noqa: PLC0415 - commands without a trail load no database
        from gatelodge.core.clock import SystemClock  # noqa: PLC0415
        from gatelodge.storage.database import open_database  # noqa: PLC0415
        from gatelodge.storage.migrations import migrate  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise extra_missing(error) from error
    database = await open_database(load(AuditDatabaseSettings).database_config())
    try:
        await migrate(database)
        trail = Trail(database, SystemClock())
        await trail.record(event)
        await trail.aclose()
    finally:
        await database.aclose()
