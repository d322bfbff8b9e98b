"""Work in processes of its own, for what only another process can do: race, die, hold a lock.

The processes are forks of one that has loaded the database layer already, so that a start costs milliseconds.
"""

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database

Work = Callable[..., Awaitable[list[str]]]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["racing", "aiosqlite", "sqlalchemy.dialects.sqlite.aiosqlite", "gatelodge.storage.postgres"]
)


class Racer:
    """A process that has the database open and waits for ``go``."""

    def __init__(self, work: Work, url: str, *arguments: str) -> None:
        self._line, other = _context.Pipe()
        self.process: ForkServerProcess = _context.Process(target=_run, args=(other, work, url, arguments))
        self.process.start()
        other.close()
        self._read()

    def go(self) -> None:
        """Let it begin its work."""
        self._line.send([])

    def finish(self) -> list[str]:
        """What its work gave."""
        given = self._read()
        self.process.join(60)
        self._line.close()
        return given

    def kill(self) -> None:
        """End it at once, as a power cut of the process would."""
        self.process.kill()
        self.process.join()
        self._line.close()

    def _read(self) -> list[str]:
        assert self._line.poll(60), "the process does not answer"
        given: list[str] = self._line.recv()
        return given


def _run(line: Connection, work: Work, url: str, arguments: tuple[str, ...]) -> None:
    async def main() -> None:
        database: Database = await open_database(DatabaseConfig(url))
        line.send([])
        line.recv()
        line.send(await work(database, *arguments))
        await database.aclose()

    asyncio.run(main())


async def migrating(database: Database, folder: str) -> list[str]:
    """Apply the migrations of a folder; the names applied."""
    from pathlib import Path

    from gatelodge.storage.migrations import migrate

    return await migrate(database, folder=Path(folder))


async def recording(database: Database, actor: str) -> list[str]:
    """Record 25 events, one by one."""
    from gatelodge.audit.event import Event
    from gatelodge.audit.trail import Trail
    from gatelodge.core.clock import SystemClock

    trail = Trail(database, SystemClock())
    for turn in range(25):
        await trail.record(Event("vault.set", actor, {"turn": turn}))
    return []
