"""Transactions on SQLite and PostgreSQL behind one small interface: plain SQL with named parameters (``:name``).

Invariants: a change is durable when ``transaction()`` ends without an error; a commit that has begun is never
abandoned; every driver error leaves here as one of ``storage.errors``.
Not here: the schema (``migrations``), what is kept.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

from sqlalchemy import text
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.core.shielded import shielded
from gatelodge.storage import faults
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.errors import StorageFault, StorageUnavailable

if TYPE_CHECKING:
    from gatelodge.storage.sqlite_reader import SqliteReader

__all__ = ["Database", "Row", "Transaction", "open_database"]

Row: TypeAlias = Mapping[str, Any]
T = TypeVar("T")
_log = logging.getLogger(__name__)
_text = lru_cache(maxsize=512)(text)
_INSERT = re.compile(r"(INSERT INTO .+? VALUES )(\([^()]*\))", re.DOTALL)
_NAME = re.compile(r":(\w+)")
# Rows of one statement: few sizes, for the driver keeps every statement it has prepared. SQLite takes 32,766 values.
_SIZES = (1024, 256, 64, 16)


class Database:
    """An open database; made by ``open_database``."""

    def __init__(
        self,
        config: DatabaseConfig,
        engines: tuple[AsyncEngine, AsyncEngine],
        errors: tuple[type[Exception], ...],
        single: "SqliteReader | AsyncEngine",
    ) -> None:
        self.dialect: Literal["sqlite", "postgresql"] = config.dialect
        self.place = config.place
        self._writing, self._reading = engines
        self._single = single
        self._errors = errors

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """A transaction that may write: commits at the end, rolls back on any error. They do not nest.

        Raises: StorageUnavailable, StorageFault, Conflict.
        """
        async with self._connected(self._writing) as transaction:
            yield transaction
            await transaction.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["Transaction"]:
        """A transaction that sees one state (SQLite) or the committed ones (PostgreSQL), and cannot write."""
        async with self._connected(self._reading) as transaction:
            yield transaction

    async def rows(self, sql: str, **values: Any) -> list[Row]:
        """Every row of one SELECT on its own: for calls that many wait for, since it costs a part of ``reading()``.

        Raises: StorageUnavailable, StorageFault; ValueError, when it is no SELECT.
        """
        if sql.lstrip()[:7].upper() not in ("SELECT ", "SELECT\n"):
            raise ValueError("Only a SELECT is read without a transaction.")
        if isinstance(self._single, AsyncEngine):
            async with self._connected(self._single) as transaction:
                return await transaction.all(sql, **values)
        _no_secret(values)
        return list(await _translated(self._single.rows(sql, values), self._errors, self.place))

    async def row(self, sql: str, **values: Any) -> Row | None:
        """The first row of one SELECT, or None; as ``rows``."""
        return next(iter(await self.rows(sql, **values)), None)

    async def aclose(self) -> None:
        """Close every connection."""
        if not isinstance(self._single, AsyncEngine):
            await self._single.aclose()
        for engine in (self._writing, self._reading):
            await engine.dispose()

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator["Transaction"]:
        connection = engine.connect()
        transaction = Transaction(connection, self.dialect, self.place, self._errors)
        try:
            await transaction.begin()
            yield transaction
        except (StorageUnavailable, StorageFault):
            # A connection that met a fault is not given to anyone else.
            await self._end(connection, broken=True)
            raise
        finally:
            await self._end(connection, broken=False)

    async def _end(self, connection: AsyncConnection, *, broken: bool) -> None:
        if connection.sync_connection is None or connection.closed:
            return
        try:
            await shielded(connection.invalidate() if broken else connection.close())
        except self._errors as error:
            _log.warning("a connection to %s could not be closed: %s", self.place, type(error).__name__)


class Transaction:
    """Statements of one transaction. Values are given by name: ``await tx.one("... WHERE id = :id", id=id)``."""

    def __init__(
        self,
        connection: AsyncConnection,
        dialect: Literal["sqlite", "postgresql"],
        place: str,
        errors: tuple[type[Exception], ...],
    ) -> None:
        self.dialect = dialect
        self._connection, self._place, self._errors = connection, place, errors

    async def execute(self, sql: str, **values: Any) -> int:
        """Run a statement and give the number of rows it touched."""
        return (await self._run(sql, values)).rowcount

    async def one(self, sql: str, **values: Any) -> Row | None:
        """The first row of the answer, or None."""
        return cast("Row | None", (await self._run(sql, values)).mappings().first())

    async def all(self, sql: str, **values: Any) -> list[Row]:
        """Every row of the answer."""
        return cast("list[Row]", (await self._run(sql, values)).mappings().all())

    async def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement once for each row of values, in one go."""
        insert = _INSERT.fullmatch(sql) if self.dialect == "sqlite" and len(rows) > 1 else None
        if insert is not None:
            await self._insert(insert[1], insert[2], rows)
        elif rows:
            await self._run(sql, rows)

    async def _insert(self, before: str, values: str, rows: Sequence[Mapping[str, Any]]) -> None:
        # One statement for many rows. For each statement the driver gives the interpreter up: row by row its thread and
        # the loop's would change places thousands of times, which costs the calls that are served meanwhile a fifth.
        names, marks = _NAME.findall(values), _NAME.sub("?", values)
        start = 0
        for size in _SIZES:
            while len(rows) - start >= size:
                part, start = rows[start : start + size], start + size
                for row in part:
                    _no_secret(row)
                given = tuple(row[name] for row in part for name in names)
                await self._statement(self._connection.exec_driver_sql(before + ", ".join([marks] * size), given))
        if start < len(rows):
            await self._run(before + values, rows[start:])

    async def statement(self, sql: str) -> None:
        """Run a statement as it stands, without parameters: for migrations."""
        await self._statement(self._connection.exec_driver_sql(sql))

    async def begin(self) -> None:
        """Connect and begin; called once, by ``Database``."""

        async def start() -> None:
            await self._connection.start()
            await self._connection.begin()

        await self._guarded(start())

    async def commit(self) -> None:
        """Commit; called once, by ``Database``."""
        await self._guarded(shielded(self._connection.commit()), committing=True)

    async def _run(self, sql: str, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> CursorResult[Any]:
        for row in [values] if isinstance(values, Mapping) else values:
            _no_secret(row)
        return await self._statement(self._connection.execute(_text(sql), values))

    async def _statement(self, work: Awaitable[T]) -> T:
        # A connection to SQLite that is closed in the middle of a statement keeps its transaction, and with it the lock
        # on the database, as long as anything refers to that statement. So the statement ends first, then it rolls back.
        return await self._guarded(shielded(work) if self.dialect == "sqlite" else work)

    async def _guarded(self, work: Awaitable[T], *, committing: bool = False) -> T:
        return await _translated(work, self._errors, self._place, committing=committing)


def _no_secret(values: Mapping[str, Any]) -> None:
    if any(isinstance(value, Secret) for value in values.values()):
        raise TypeError("A Secret is never a value of a statement: seal it first.")


async def _translated(
    work: Awaitable[T], errors: tuple[type[Exception], ...], place: str, *, committing: bool = False
) -> T:
    try:
        return await work
    except errors as error:
        if isinstance(error, GatelodgeError):
            raise
        raise faults.translate(error, place, committing=committing) from error


async def open_database(config: DatabaseConfig) -> Database:
    """Connect and check that commits will be durable; the schema is left to ``migrations.migrate``.

    Raises: StorageUnavailable, when it is not reached; StorageFault, when it is too old or not durable.
    """
    # Each driver is loaded by the server that uses it.
    if config.dialect == "sqlite":
        from gatelodge.storage import sqlite, sqlite_reader  # noqa: PLC0415

        await asyncio.to_thread(sqlite.make_file, config)
        single = sqlite_reader.SqliteReader(config)
        database = Database(config, sqlite.make_engines(config), faults.DRIVER_ERRORS, single)
    else:
        from gatelodge.storage import postgres  # noqa: PLC0415

        config.check_url()
        errors = (*faults.DRIVER_ERRORS, *postgres.DRIVER_ERRORS)
        writing, reading, plain = postgres.make_engines(config)
        database = Database(config, (writing, reading), errors, plain)
        try:
            await postgres.check(plain, config.place)
        except errors as error:
            await database.aclose()
            raise faults.translate(error, config.place) from error
        except BaseException:
            await database.aclose()
            raise
        return database
    try:
        async with database.transaction() as transaction:
            await transaction.one("SELECT count(*) FROM sqlite_master")
    except BaseException:
        await database.aclose()
        raise
    return database
