"""SQLite: nobody else reads the files, no commit waits in a cache, and faults of disk and file are told apart."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatelodge.storage import sqlite
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import open_database
from gatelodge.storage.errors import StorageFault, StorageUnavailable


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def config(tmp_path: Path) -> DatabaseConfig:
    return DatabaseConfig(f"sqlite:///{tmp_path / 'own' / 'x.db'}", busy_timeout=0.1)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("loose_umask")
async def test_files_are_open_to_this_user_only(config: DatabaseConfig) -> None:
    database = await open_database(config)
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE things (name TEXT)")
    found = {path.name: mode(path) for path in config.path.parent.iterdir()}
    assert found == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}
    assert mode(config.path.parent) == 0o700
    await database.aclose()


async def test_a_file_that_was_open_to_others_is_closed_to_them(config: DatabaseConfig) -> None:
    config.path.parent.mkdir(mode=0o700)
    config.path.touch(0o644)
    await (await open_database(config)).aclose()
    assert mode(config.path) == 0o600


async def test_a_folder_that_is_open_to_others_is_refused(config: DatabaseConfig) -> None:
    config.path.parent.mkdir()
    config.path.parent.chmod(0o755)
    with pytest.raises(StorageUnavailable) as refused:
        await open_database(config)
    assert f"chmod 700 {config.path.parent}" in refused.value.hint
    assert mode(config.path.parent) == 0o755


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailable, match="cannot be made or opened: File exists"):
        await open_database(DatabaseConfig(f"sqlite:///{tmp_path / 'file' / 'x.db'}"))


@pytest.mark.parametrize("weaker", ["PRAGMA synchronous=NORMAL", "PRAGMA foreign_keys=OFF"])
async def test_a_database_that_may_lose_commits_is_refused(
    config: DatabaseConfig, monkeypatch: pytest.MonkeyPatch, weaker: str
) -> None:
    monkeypatch.setattr(sqlite, "_SETTINGS", (weaker,))
    with pytest.raises(StorageFault, match="lost in a power cut"):
        await open_database(config)


async def test_each_connection_writes_through(config: DatabaseConfig) -> None:
    database = await open_database(config)
    for connect in (database.transaction, database.reading):
        async with connect() as transaction:
            for pragma, wanted in (
                ("synchronous", 2),
                ("journal_mode", "wal"),
                ("foreign_keys", 1),
                ("secure_delete", 1),
            ):
                assert [dict(row) for row in await transaction.all(f"PRAGMA {pragma}")] == [{pragma: wanted}]
    await database.aclose()


async def test_a_file_that_is_no_database_is_a_fault(config: DatabaseConfig) -> None:
    config.path.parent.mkdir(mode=0o700)
    config.path.write_bytes(b"this is no database" * 300)
    with pytest.raises(StorageFault, match="damaged or no database"):
        await open_database(config)
    assert config.path.read_bytes().startswith(b"this is no database")


async def test_a_lock_of_another_program_ends_in_words_and_then_it_goes_on(config: DatabaseConfig) -> None:
    database = await open_database(config)
    other = sqlite3.connect(config.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="is locked") as refused:
        async with database.transaction():
            pytest.fail("two writers at once")
    assert refused.value.outcome == "not kept"
    async with database.reading() as transaction:
        assert [dict(row) for row in await transaction.all("SELECT 1 AS one")] == [{"one": 1}]
    other.execute("ROLLBACK")
    other.close()
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE things (name TEXT)")
    await database.aclose()


async def test_a_full_disk_ends_in_words_and_then_it_goes_on(config: DatabaseConfig) -> None:
    database = await open_database(config)
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE things (name TEXT)")
    async with database.transaction() as transaction:
        pages = await transaction.one("PRAGMA page_count")
        assert pages is not None
        await transaction.one(f"PRAGMA max_page_count={pages['page_count'] + 2}")
    with pytest.raises(StorageUnavailable, match="disk is full") as refused:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO things VALUES (:name)", name="x" * 100_000)
    assert "Free room" in refused.value.hint
    async with database.transaction() as transaction:
        assert await transaction.all("SELECT * FROM things") == []
        await transaction.one("PRAGMA max_page_count=1000000")
        await transaction.execute("INSERT INTO things VALUES (:name)", name="x" * 100_000)
    await database.aclose()


async def test_a_deleted_value_is_overwritten_in_the_file(config: DatabaseConfig) -> None:
    database = await open_database(config)
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE things (name TEXT)")
        await transaction.execute("INSERT INTO things VALUES (:name)", name="canary" * 40)
    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM things")
    await database.aclose()  # moves the log into the file
    assert b"canary" not in config.path.read_bytes()
