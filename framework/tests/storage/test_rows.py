"""One SELECT on its own: it reads what is committed, cannot write, fails in the same words and leaves nothing open."""

import asyncio
import multiprocessing
import sqlite3
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from gatelodge.core.secret import Secret
from gatelodge.storage import sqlite
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.errors import StorageFault, StorageUnavailable


@pytest.fixture
async def things(database: Database) -> Database:
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE things (name TEXT PRIMARY KEY, number BIGINT NOT NULL)")
        for number in range(3):
            await transaction.execute("INSERT INTO things VALUES (:name, :number)", name=f"n{number}", number=number)
    return database


async def numbers(database: Database) -> list[int]:
    return [row["number"] for row in await database.rows("SELECT number FROM things ORDER BY name")]


@pytest.fixture
def config(tmp_path: Path) -> DatabaseConfig:
    return DatabaseConfig(f"sqlite:///{tmp_path / 'own' / 'x.db'}", busy_timeout=0.1)


async def test_rows_are_those_of_a_transaction(things: Database) -> None:
    sql, values = (
        "SELECT *, :more AS more FROM things WHERE number >= :least ORDER BY name",
        {"more": "ü:x", "least": 1},
    )
    if things.dialect == "postgresql":
        sql = sql.replace(":more", "CAST(:more AS TEXT)")
    async with things.reading() as transaction:
        wanted = [dict(row) for row in await transaction.all(sql, **values)]
    assert [dict(row) for row in await things.rows(sql, **values)] == wanted
    assert dict(await things.row(sql, **values) or {}) == wanted[0]
    assert await things.row("SELECT * FROM things WHERE name = :name", name="none") is None


async def test_a_row_shows_when_it_is_committed_and_not_before(things: Database) -> None:
    async with things.transaction() as transaction:
        await transaction.execute("UPDATE things SET number = 7 WHERE name = 'n1'")
        assert await numbers(things) == [0, 1, 2]
    assert await numbers(things) == [0, 7, 2]


@pytest.mark.parametrize(
    "sql", ["DELETE FROM things", "WITH x AS (SELECT 1) DELETE FROM things", "PRAGMA query_only=OFF", "SELECTED", ""]
)
async def test_what_is_no_select_is_refused(things: Database, sql: str) -> None:
    with pytest.raises(ValueError, match="Only a SELECT"):
        await things.rows(sql)
    assert await numbers(things) == [0, 1, 2]


async def test_a_mistake_in_sql_is_a_fault_and_then_it_goes_on(things: Database) -> None:
    for _ in range(12):  # more often than there are connections
        with pytest.raises(StorageFault):
            await things.rows("SELECT nonsense FROM nowhere WHERE x = :x", x=1)
    assert await numbers(things) == [0, 1, 2]


async def test_a_secret_is_never_a_value(things: Database) -> None:
    with pytest.raises(TypeError, match="seal it first"):
        await things.rows("SELECT :value AS value", value=Secret("canary"))


async def test_many_at_once_and_some_cancelled_all_read_right(things: Database) -> None:
    tasks = [asyncio.create_task(numbers(things)) for _ in range(60)]
    for turn, task in enumerate(tasks):
        if turn % 3 == 0:
            task.cancel()
        await asyncio.sleep(0)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(one == [0, 1, 2] or isinstance(one, asyncio.CancelledError) for one in found)
    assert await numbers(things) == [0, 1, 2]


async def test_a_writer_is_not_waited_for(config: DatabaseConfig) -> None:
    database = await open_database(config)
    other = sqlite3.connect(config.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    row = await database.row("SELECT count(*) AS found FROM sqlite_master")
    assert row is not None
    assert row["found"] == 0
    other.close()
    await database.aclose()


async def test_a_file_that_is_gone_is_named_and_not_made_anew(config: DatabaseConfig) -> None:
    database = await open_database(config)
    for file in config.path.parent.iterdir():
        file.unlink()
    with pytest.raises(StorageUnavailable, match="cannot be opened"):
        await database.row("SELECT 1 AS one")
    assert not config.path.exists()
    await database.aclose()


async def test_a_connection_that_may_lose_commits_is_refused(
    config: DatabaseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await open_database(config)
    monkeypatch.setattr(sqlite, "_SETTINGS", ("PRAGMA foreign_keys=OFF",))
    with pytest.raises(StorageFault, match="lost in a power cut"):
        await database.row("SELECT 1 AS one")
    await database.aclose()


async def test_a_closed_database_says_so(config: DatabaseConfig) -> None:
    database = await open_database(config)
    await database.aclose()
    with pytest.raises(StorageUnavailable, match="is closed"):
        await database.row("SELECT 1 AS one")


async def test_the_loop_is_free_while_a_statement_runs(config: DatabaseConfig) -> None:
    database = await open_database(config)
    slow = (
        "SELECT count(*) AS n FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 2000000)"
        " SELECT x FROM c)"
    )
    reading = asyncio.create_task(database.row(slow))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert dict(reading.result() or {}) == {"n": 2_000_000}
    assert turns > 20
    await database.aclose()


def _read_in_a_fork(database: Database, line: Connection) -> None:
    line.send(asyncio.run(asyncio.wait_for(database.rows("SELECT 1 AS one"), 60)))


def test_a_forked_process_reads_with_threads_of_its_own(config: DatabaseConfig) -> None:
    async def opened() -> Database:
        database = await open_database(config)
        await database.row("SELECT 1 AS one")
        return database

    loop = asyncio.new_event_loop()
    database = loop.run_until_complete(opened())
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_read_in_a_fork, args=(database, theirs))
    child.start()
    assert ours.poll(60)
    assert ours.recv() == [{"one": 1}]
    child.join(60)
    if child.is_alive():
        child.kill()
    loop.run_until_complete(database.aclose())
    loop.close()


async def test_a_write_that_is_cancelled_in_a_statement_frees_the_lock_at_once(config: DatabaseConfig) -> None:
    database = await open_database(config)
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE things (name TEXT, number BIGINT)")

    async def write() -> None:
        async with database.transaction() as transaction:
            for number in range(20):
                await transaction.execute("INSERT INTO things VALUES ('cancelled', :number)", number=number)
                await transaction.all("SELECT * FROM things")

    over = []
    for turn in range(40):
        task = asyncio.create_task(write())
        for _ in range(turn * 3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        over.append(task)  # its traceback refers to the statement, as that of a request in flight does
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO things VALUES ('kept', :number)", number=turn)
    assert any(task.cancelled() for task in over)
    kept = await database.row("SELECT count(*) AS n FROM things WHERE name = 'kept'")
    assert dict(kept or {}) == {"n": 40}
    await database.aclose()
