"""The audit trail of one process: whether there is one, where it is, and its life beside the requests.

Invariant: a process without a trail loads no database. Not here: which calls are recorded and how (``call_audit``), and
what is done to credentials and links, which is recorded where it is done (``vault``, ``connections``).
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from starlette.types import Scope

from gatelodge.app.call_audit import CallWitness, WatchedThrottle
from gatelodge.app.chores import DAILY, every
from gatelodge.app.witness import Throttle
from gatelodge.audit.actor import of_address
from gatelodge.audit.recorder import WINDOW, Recorder
from gatelodge.core.clock import Clock
from gatelodge.core.secret import generate, read_or_create
from gatelodge.ratelimit.address import caller
from gatelodge.settings.audit import extra_missing
from gatelodge.settings.load import load

if TYPE_CHECKING:
    from gatelodge.audit.trail import Trail
    from gatelodge.storage.config import DatabaseConfig
    from gatelodge.storage.database import Database

__all__ = ["ADDRESS_KEY", "Auditing", "Kept", "auditing"]

logger = logging.getLogger(__name__)

# In the state folder: without it nobody can tell which address a digest is of.
ADDRESS_KEY = "audit.key"
Kept = tuple["Database", "Trail"]


class AuditChoice(Protocol):
    """The settings that are looked at, of a server or the desk."""

    @property
    def audit(self) -> str:
        """``auto``, ``on`` or ``off``."""

    @property
    def audit_retention_days(self) -> int:
        """How long events are kept; 0 for ever."""

    @property
    def state_dir(self) -> Path:
        """Where an SQLite database is, when no other one is named."""


def auditing(
    settings: AuditChoice, clock: Clock, *, has_database: bool = False, trusted: frozenset[str] = frozenset()
) -> "Auditing | None":
    """What this process records with; None when that is switched off. ``trusted`` are proxies, by address.

    Raises: SettingsInvalid, when there has to be a database and none can be used.
    """
    if settings.audit == "off" or (settings.audit == "auto" and not has_database):
        return None
    return Auditing(settings, clock, None if has_database else _database(settings), trusted)


def _database(settings: AuditChoice) -> "DatabaseConfig":
    try:
        import sqlalchemy  # noqa: F401, PLC0415 - a server without a trail loads no database

        from gatelodge.settings.audit_database import AuditDatabaseSettings  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise extra_missing(error) from error
    return load(AuditDatabaseSettings, state_dir=settings.state_dir).database_config()


class Auditing:
    """One process's recording; ``running`` is its life."""

    def __init__(
        self, settings: AuditChoice, clock: Clock, config: "DatabaseConfig | None", trusted: frozenset[str]
    ) -> None:
        self.recorder = Recorder()
        self._settings, self._clock, self._config, self._trusted = settings, clock, config, trusted
        self._key = generate().reveal().encode()
        self.database: Database | None = None

    @asynccontextmanager
    async def running(self, kept: Kept | None = None) -> AsyncIterator[None]:
        """Record while the block lasts: into a trail that is open, or one that is opened here; old events go daily.

        Raises: StorageUnavailable, StorageFault.
        """
        from gatelodge.audit.retention import prune  # noqa: PLC0415

        try:
            key = read_or_create(self._settings.state_dir / ADDRESS_KEY)
            self._key = key.reveal().encode()
        except OSError as error:
            logger.warning("digests of addresses in the audit trail hold until the next start: %s", error)
        async with AsyncExitStack() as stack:
            database, trail = kept if kept is not None else await stack.enter_async_context(self._opened())
            self.database = database
            days = self._settings.audit_retention_days
            self.recorder.attach(trail)
            stack.callback(self.recorder.detach)
            await stack.enter_async_context(every(WINDOW, "counts of the audit trail", self._settle))
            await stack.enter_async_context(
                every(DAILY, "retention of the audit trail", lambda: prune(database, trail, self._clock, days=days))
            )
            yield

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Kept]:
        from gatelodge.audit.trail import Trail  # noqa: PLC0415
        from gatelodge.storage.database import open_database  # noqa: PLC0415
        from gatelodge.storage.migrations import migrate  # noqa: PLC0415

        if self._config is None:
            raise TypeError("a process with a database of its own hands it over")
        database = await open_database(self._config)
        try:
            await migrate(database)
            trail = Trail(database, self._clock)
            try:
                yield database, trail
            finally:
                await trail.aclose()
        finally:
            await database.aclose()

    async def _settle(self) -> None:
        self.recorder.settle()

    def stranger(self, scope: Scope) -> str:
        """The actor of a request that nobody signed in for."""
        return self.named(caller(scope, self._trusted))

    def named(self, network: str) -> str:
        """The actor of what counts as one address."""
        return of_address(self._key, network)

    def refused(self, scope: Scope, rule: str) -> None:
        """A request was refused before its token was looked at: Host, Origin."""
        self.recorder.count("request.refuse", rule, self.stranger(scope))

    def witness(self, reads: Callable[[], bool]) -> CallWitness:
        """For the gate. ``reads``: whether the tool that it decided on just now only reads."""
        return CallWitness(self.recorder, self.stranger, reads, self._clock)

    def over(self, throttle: Throttle) -> Throttle:
        """A throttle whose limits are recorded when they are reached."""
        return WatchedThrottle(throttle, self.recorder, self.stranger)
