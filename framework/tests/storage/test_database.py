"""Transactions on both databases: what ends well is kept, what does not leaves nothing."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.errors import Conflict, StorageFault, StorageUnavailable


@pytest.fixture
async def things(database: Database) -> Database:
    async with database.transaction() as transaction:
        await transaction.execute(
            "CREATE TABLE things (name TEXT PRIMARY KEY, number BIGINT NOT NULL, at DOUBLE PRECISION)"
        )
        await transaction.execute(
            "CREATE TABLE parts (thing TEXT REFERENCES things (name), size BIGINT CHECK (size > 0))"
        )
    return database


async def put(database: Database, name: str, number: int = 1) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("INSERT INTO things VALUES (:name, :number, :at)", name=name, number=number, at=0.5)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def names(database: Database) -> list[str]:
    async with database.reading() as transaction:
        return [row["name"] for row in await transaction.all("SELECT name FROM things ORDER BY name")]


async def test_values_come_back_as_they_were(things: Database) -> None:
    await put(things, "a:b 'c' é", 2**53 + 1)
    async with things.reading() as transaction:
        row = await transaction.one("SELECT * FROM things WHERE number = :number", number=2**53 + 1)
    assert row is not None
    assert dict(row) == {"name": "a:b 'c' é", "number": 2**53 + 1, "at": 0.5}


async def test_the_rows_touched_are_counted(things: Database) -> None:
    await put(things, "a")
    await put(things, "b")
    async with things.transaction() as transaction:
        assert await transaction.execute("UPDATE things SET number = 2 WHERE name <> :name", name="a") == 1
        assert await transaction.execute("DELETE FROM things WHERE name = :name", name="none") == 0


async def test_many_rows_go_in_at_once(things: Database) -> None:
    async with things.transaction() as transaction:
        await transaction.many("INSERT INTO things VALUES (:name, 1, NULL)", [{"name": f"n{n}"} for n in range(50)])
        await transaction.many("INSERT INTO things VALUES (:name, 1, NULL)", [])
    assert len(await names(things)) == 50


async def test_more_rows_than_a_statement_has_parameters_for_go_in_whatever_they_hold(things: Database) -> None:
    given = [{"number": n, "name": f":name (?, ?) 'n{n:05}\"", "more": None} for n in range(40_000)]
    async with things.transaction() as transaction:
        await transaction.many("INSERT INTO things VALUES (:name, :number, :more)", given)
    kept = await things.rows("SELECT name, number FROM things ORDER BY number")
    assert [(row["name"], row["number"]) for row in kept] == [(row["name"], row["number"]) for row in given]


async def test_many_rows_are_changed_by_their_own_values(things: Database) -> None:
    await put(things, "a")
    await put(things, "b")
    async with things.transaction() as transaction:
        change = "UPDATE things SET number = :number WHERE name = :name"
        await transaction.many(change, [{"name": "a", "number": 7}, {"name": "b", "number": 8}])
    kept = await things.rows("SELECT number FROM things ORDER BY name")
    assert [row["number"] for row in kept] == [7, 8]


async def test_no_secret_is_a_value_of_many_rows(things: Database) -> None:
    rows: list[dict[str, Any]] = [{"name": "a"}, {"name": Secret("s")}]
    with pytest.raises(TypeError, match="seal it first"):
        async with things.transaction() as transaction:
            await transaction.many("INSERT INTO things VALUES (:name, 1, NULL)", rows)
    assert await names(things) == []


async def test_an_error_of_the_caller_rolls_back_and_stays_as_it_is(things: Database) -> None:
    async def fail() -> None:
        async with things.transaction() as transaction:
            await transaction.execute("INSERT INTO things VALUES ('a', 1, 1)")
            raise FileNotFoundError("mine")

    with pytest.raises(FileNotFoundError, match="mine"):
        await fail()
    assert await names(things) == []


async def test_a_reader_cannot_write(things: Database) -> None:
    with pytest.raises(StorageUnavailable, match="read-only"):
        async with things.reading() as transaction:
            await transaction.execute("INSERT INTO things VALUES ('a', 1, 1)")
    await put(things, "b")
    assert await names(things) == ["b"]


async def test_a_key_that_exists_is_a_conflict(things: Database) -> None:
    await put(things, "a")
    with pytest.raises(Conflict, match="exists already") as conflict:
        await put(things, "a")
    assert not conflict.value.retryable


async def test_a_missing_parent_is_a_conflict_and_a_broken_check_a_fault(things: Database) -> None:
    with pytest.raises(Conflict):
        async with things.transaction() as transaction:
            await transaction.execute("INSERT INTO parts VALUES ('gone', 1)")
    await put(things, "a")
    with pytest.raises(StorageFault):
        async with things.transaction() as transaction:
            await transaction.execute("INSERT INTO parts VALUES ('a', 0)")


async def test_no_value_of_a_row_shows_in_an_error(things: Database) -> None:
    await put(things, "canary")
    with pytest.raises(Conflict) as conflict:
        await put(things, "canary")
    shown = f"{conflict.value} {conflict.value.hint} {conflict.value.public}"
    assert "canary" not in shown


async def test_a_secret_is_never_a_value(things: Database) -> None:
    with pytest.raises(TypeError, match="seal it first"):
        async with things.transaction() as transaction:
            await transaction.one("SELECT :value", value=Secret("canary"))


async def test_a_mistake_in_sql_is_a_fault(things: Database) -> None:
    with pytest.raises(StorageFault):
        async with things.reading() as transaction:
            await transaction.one("SELECT nonsense FROM nowhere")


async def test_writers_of_one_process_lose_no_update(things: Database) -> None:
    await put(things, "a", 0)

    async def add() -> None:
        async with things.transaction() as transaction:
            # Takes the row before it is read, on both databases.
            await transaction.execute("UPDATE things SET at = 1 WHERE name = 'a'")
            row = await transaction.one("SELECT number FROM things WHERE name = 'a'")
            assert row is not None
            await transaction.execute("UPDATE things SET number = :number WHERE name = 'a'", number=row["number"] + 1)

    await asyncio.gather(*(add() for _ in range(60)))
    async with things.reading() as transaction:
        row = await transaction.one("SELECT number FROM things")
    assert row is not None
    assert row["number"] == 60


async def test_a_cancelled_transaction_leaves_nothing_and_the_database_goes_on(things: Database) -> None:
    for turn in range(30):
        task = asyncio.create_task(put(things, f"n{turn}"))
        for _ in range(turn):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    before = len(await names(things))
    await put(things, "last")
    assert len(await names(things)) == before + 1


async def test_a_commit_that_has_begun_is_finished_when_its_task_is_cancelled(
    things: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.ext.asyncio import AsyncConnection

    real, task = AsyncConnection.commit, asyncio.current_task()

    async def commit(connection: AsyncConnection) -> None:
        assert task is not None
        asyncio.get_running_loop().call_soon(writer.cancel)
        await asyncio.sleep(0.01)
        await real(connection)

    monkeypatch.setattr(AsyncConnection, "commit", commit)
    writer = asyncio.create_task(put(things, "kept"))
    with pytest.raises(asyncio.CancelledError):
        await writer
    assert await names(things) == ["kept"]


async def test_nothing_is_left_open(database_config: DatabaseConfig) -> None:
    await asyncio.to_thread(int)  # the loop's own thread, which stays
    threads, files = threading.active_count(), open_files()
    for _ in range(3):
        database = await open_database(database_config)
        async with database.reading() as transaction:
            await transaction.one("SELECT 1")
        await asyncio.gather(*(database.row("SELECT 1") for _ in range(8)))
        await database.aclose()
    for _ in range(500):
        if threading.active_count() <= threads:
            break
        await asyncio.sleep(0.01)
    assert threading.active_count() <= threads
    assert open_files() <= files + 1


async def test_a_transaction_in_another_ends_in_words_not_in_a_hang(tmp_path: Path) -> None:
    database = await open_database(DatabaseConfig(f"sqlite:///{tmp_path}/own/x.db", busy_timeout=0.1))
    with pytest.raises(StorageUnavailable) as refused:
        async with database.transaction(), database.transaction():
            pytest.fail("a second writer began")
    assert "inside another" in refused.value.hint
    await database.aclose()


def test_every_error_of_storage_has_a_public_text() -> None:
    for error in (StorageUnavailable("canary"), StorageFault("canary"), Conflict("canary")):
        assert isinstance(error, GatelodgeError)
        assert "canary" not in error.public
    assert StorageUnavailable("x").status == 503
