"""A real PostgreSQL: what stops it is told in words, and no restart of ours is needed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from databases import Postgres, postgres_server

from gatelodge.storage import postgres as engine_of
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.errors import Conflict, StorageFault, StorageUnavailable


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """A server that the tests stop and start."""
    with postgres_server() as server:
        yield server


def patient(url: str, **numbers: Any) -> DatabaseConfig:
    """With a minute for what only a machine that stands still makes slow."""
    return DatabaseConfig(url, **{"busy_timeout": 60.0, "connect_timeout": 60.0, **numbers})


async def refusal(config: DatabaseConfig) -> StorageUnavailable:
    with pytest.raises(StorageUnavailable) as refused:
        await (await open_database(config)).aclose()
    assert "canary" not in f"{refused.value} {refused.value.hint}"
    return refused.value


async def test_a_wrong_password_is_named_as_such(postgres: Postgres) -> None:
    refused = await refusal(patient(postgres.url(password="canary-wrong")))
    assert "refuses this user or password" in refused.detail
    assert "POSTGRES_PASSWORD" in refused.hint


async def test_a_missing_database_is_named_as_such(postgres: Postgres) -> None:
    assert "does not exist" in (await refusal(patient(postgres.url("nowhere")))).detail


async def test_a_server_that_is_not_there_is_named_as_such() -> None:
    assert "is not reached" in (await refusal(patient("postgresql://u:canary@127.0.0.1:1/x"))).detail


async def test_a_server_without_tls_is_refused_when_tls_is_asked_for(postgres: Postgres) -> None:
    assert "is not reached" in (await refusal(patient(postgres.url() + "?sslmode=require"))).detail


async def test_an_old_server_is_refused(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_of, "_OLDEST", 99)
    with pytest.raises(StorageFault, match="at least 99 is needed"):
        await open_database(patient(postgres.url()))


async def test_a_server_that_may_lose_commits_is_refused(own: Postgres) -> None:
    own.sql("ALTER SYSTEM SET synchronous_commit = off")
    own.sql("SELECT pg_reload_conf()")
    try:
        with pytest.raises(StorageFault, match="synchronous_commit=off"):
            await open_database(patient(own.url()))
    finally:
        own.sql("ALTER SYSTEM RESET synchronous_commit")
        own.sql("SELECT pg_reload_conf()")


async def test_a_pool_that_is_used_up_ends_in_words(postgres: Postgres) -> None:
    # As long as a busy machine may take to open the second.
    database = await open_database(patient(postgres.url(), pool_min=1, pool_max=2, busy_timeout=1.0))
    async with database.reading(), database.reading():
        with pytest.raises(StorageUnavailable, match="became free"):
            async with database.reading():
                pytest.fail("a third connection")
    await database.aclose()


async def test_no_more_connections_are_opened_than_set(postgres: Postgres) -> None:
    database = await open_database(patient(postgres.url()))

    async def use() -> None:
        async with database.reading() as transaction:
            await transaction.one("SELECT pg_sleep(0.02)")

    await asyncio.gather(*(use() for _ in range(60)))
    async with database.reading() as transaction:
        row = await transaction.one(
            "SELECT count(*) AS open FROM pg_stat_activity WHERE application_name = 'gatelodge'"
        )
    assert row is not None
    assert row["open"] <= 10
    await database.aclose()


async def test_a_statement_that_takes_too_long_ends_in_words(postgres: Postgres) -> None:
    # Long enough for the other statements on a busy machine.
    database = await open_database(patient(postgres.url(), command_timeout=1.0))
    with pytest.raises(StorageUnavailable, match="statement timeout"):
        async with database.reading() as transaction:
            await transaction.one("SELECT pg_sleep(5)")
    async with database.reading() as transaction:
        assert [dict(row) for row in await transaction.all("SELECT 1 AS one")] == [{"one": 1}]
    await database.aclose()


async def test_a_deadlock_is_a_conflict_that_may_be_tried_again(postgres: Postgres) -> None:
    database = await open_database(patient(postgres.url(), busy_timeout=10.0))
    both = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with database.transaction() as transaction:
            await transaction.one("SELECT pg_advisory_xact_lock(:key)", key=first)
            await both.wait()
            await transaction.one("SELECT pg_advisory_xact_lock(:key)", key=second)

    ends = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    conflicts = [end for end in ends if isinstance(end, Conflict)]
    assert len(conflicts) == 1
    assert conflicts[0].retryable
    await database.aclose()


async def test_a_restart_in_the_middle_is_an_error_in_words_and_then_it_goes_on(own: Postgres) -> None:
    database = await open_database(patient(own.url()))
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE kept (number BIGINT PRIMARY KEY)")
    acknowledged = await write_through_restarts(database, own, restarts=2)
    async with database.reading() as transaction:
        kept = {row["number"] for row in await transaction.all("SELECT number FROM kept")}
    assert acknowledged <= kept
    await database.aclose()


async def write_through_restarts(database: Database, server: Postgres, *, restarts: int) -> set[int]:
    acknowledged: set[int] = set()
    refused = 0
    running = asyncio.create_task(asyncio.to_thread(restart, server, restarts))
    number = 0
    while not running.done() or number - max(acknowledged, default=0) > 1:
        number += 1
        try:
            async with database.transaction() as transaction:
                await transaction.execute("INSERT INTO kept VALUES (:number)", number=number)
                await transaction.one("SELECT pg_sleep(0.005)")
            acknowledged.add(number)
        except StorageUnavailable:
            refused += 1
    await running
    assert refused
    assert acknowledged
    return acknowledged


def restart(server: Postgres, times: int) -> None:
    for _ in range(times):
        server.control("restart", "-m", "fast")
