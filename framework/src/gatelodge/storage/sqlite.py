"""SQLite engines: one connection that writes, some that read, every one of them safe against a power cut.

Invariant: no connection is used before ``synchronous=FULL``, the write-ahead log and foreign keys are read back from it;
file, log and shared memory are open to this user only.
"""

import os
import stat
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.errors import StorageFault, StorageUnavailable

__all__ = ["READERS", "make_engines", "make_file", "prepare"]

READERS = 4
_FULL = 2
_SETTINGS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # a deleted key leaves no copy in a free page
    "PRAGMA temp_store=MEMORY",  # and none in a temporary file
    "PRAGMA trusted_schema=OFF",
)


def make_file(config: DatabaseConfig) -> None:
    """Make folder (0700) and file (0600) where they are missing, and check those that exist.

    SQLite gives the log and the shared memory the mode of the file, whatever the umask is.
    Raises: StorageUnavailable, when they cannot be made or are open to other users.
    """
    path = config.path
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = path.parent.stat()
        if stat.S_IMODE(folder.st_mode) & 0o077:
            raise StorageUnavailable(
                f"The folder of {config.place} is open to other users.",
                hint=f"Run chmod 700 {path.parent}, or name a file in a folder of its own.",
            )
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageUnavailable(
            f"{config.place[0].upper()}{config.place[1:]} cannot be made or opened: {os.strerror(error.errno or 0)}.",
            hint="Make this user the owner of the file and its folder, on a disk that can be written.",
        ) from error


def make_engines(config: DatabaseConfig) -> tuple[AsyncEngine, AsyncEngine]:
    """The engine for writing and the one for reading."""
    writing = _engine(config, connections=1, begin="BEGIN IMMEDIATE", reading=False)
    return writing, _engine(config, connections=READERS, begin="BEGIN", reading=True)


def _engine(config: DatabaseConfig, *, connections: int, begin: str, reading: bool) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(config.path)),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=config.busy_timeout,
        hide_parameters=True,
        # The driver begins no transaction by itself: the hook below does.
        connect_args={"isolation_level": None, "timeout": config.busy_timeout},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        try:
            prepare(cursor, config.place, reading=reading)
        finally:
            cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def prepare(cursor: Any, place: str, *, reading: bool) -> None:
    """Set a new connection up and see that it keeps what was set. Raises: StorageFault."""
    for statement in _SETTINGS:
        cursor.execute(statement)
    _read_back(cursor, place, journal="PRAGMA journal_mode" if reading else "PRAGMA journal_mode=WAL")
    if reading:
        cursor.execute("PRAGMA query_only=ON")


def _read_back(cursor: Any, place: str, *, journal: str) -> None:
    for statement, wanted in ((journal, "wal"), ("PRAGMA synchronous", _FULL), ("PRAGMA foreign_keys", 1)):
        cursor.execute(statement)
        found = cursor.fetchone()
        if found is None or found[0] != wanted:
            raise StorageFault(
                f"{place} does not keep {statement} at {wanted}: commits could be lost in a power cut.",
                hint="Keep the file on a local disk, and let no other program change its journal mode.",
            )


def _sync_folder(folder: os.PathLike[str]) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
