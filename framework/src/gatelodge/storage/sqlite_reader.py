"""Single statements that read SQLite with one hop: a connection of its own in a worker thread, no transaction around it.

A statement sees one state without BEGIN. The loop is left for it, because a page may have to come from a disk, and a disk
may hang. Invariants: connections are prepared and checked as those of the pool, cannot write and are at most
``READERS``; one that met an error is closed; a call that is cancelled leaves nothing open; a forked process makes its own.
"""

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import quote

from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.errors import StorageUnavailable
from gatelodge.storage.sqlite import READERS, prepare

__all__ = ["SqliteReader"]


class SqliteReader:
    """Rows by statement; threads and connections are made when the first statement comes."""

    def __init__(self, config: DatabaseConfig) -> None:
        self._config = config
        self._idle = deque[sqlite3.Connection]()
        self._workers: ThreadPoolExecutor | None = None
        self._process = os.getpid()
        self._closed = False

    async def rows(self, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Every row of the answer. Raises: what the driver raises, StorageFault, StorageUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._threads(), self._read, sql, values)

    async def aclose(self) -> None:
        """Wait for what is being read, and close."""
        self._closed = True
        if self._workers is not None and self._process == os.getpid():
            await asyncio.to_thread(self._workers.shutdown)
        while self._idle:
            self._idle.pop().close()

    def _threads(self) -> ThreadPoolExecutor:
        if self._closed:
            raise StorageUnavailable(f"{self._config.place} is closed.", hint="The server is stopping.")
        if self._process != os.getpid():
            # The parent's threads are not here, and its connections are not ours to use or to close.
            self._process, self._workers, self._idle = os.getpid(), None, deque()
        if self._workers is None:
            self._workers = ThreadPoolExecutor(READERS, thread_name_prefix="gatelodge-sqlite")
        return self._workers

    def _read(self, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connected()
        try:
            cursor = connection.execute(sql, values)
            found = cursor.fetchall()
            names = [column[0] for column in cursor.description]
            cursor.close()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return [dict(zip(names, row, strict=True)) for row in found]

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            # Not made here when it is missing.
            f"file:{quote(str(self._config.path))}?mode=rw",
            uri=True,
            timeout=self._config.busy_timeout,
            isolation_level=None,
            check_same_thread=False,  # one thread at a time: whoever took it from the idle ones
        )
        try:
            with closing(connection.cursor()) as cursor:
                prepare(cursor, self._config.place, reading=True)
        except BaseException:
            connection.close()
            raise
        return connection
