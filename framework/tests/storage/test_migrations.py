"""The schema is made once, whole, by whoever comes first, and never by a release that does not know it."""

import asyncio
import random
from pathlib import Path

import pytest
from racing import Racer, migrating

from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.errors import StorageFault
from gatelodge.storage.migrations import load, migrate, pending


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three migrations of which each makes many tables, so that a kill finds one in the middle."""
    made = tmp_path / "migrations"
    made.mkdir()
    for number in (1, 2, 3):
        tables = "\n".join(f"CREATE TABLE t{number}_{table} (id TEXT PRIMARY KEY);" for table in range(40))
        (made / f"000{number}_step.sql").write_text(f"-- Step; of the test.\n{tables}\n")
    return made


async def tables(database: Database) -> set[str]:
    sql = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 't%'"
        if database.dialect == "sqlite"
        else "SELECT tablename AS name FROM pg_tables WHERE tablename LIKE 't%'"
    )
    async with database.reading() as transaction:
        return {row["name"] for row in await transaction.all(sql)}


async def test_all_are_applied_once_in_order(database: Database) -> None:
    known = [one.name for one in load(database.dialect)]
    assert known == sorted(known)
    assert await pending(database) == known
    assert await migrate(database) == known
    assert await migrate(database) == []
    assert await pending(database) == []


async def test_it_stops_where_it_is_told_to(database: Database, folder: Path) -> None:
    assert await migrate(database, upto="0002_step", folder=folder) == ["0001_step", "0002_step"]
    assert await pending(database, folder=folder) == ["0003_step"]
    with pytest.raises(StorageFault, match="no migration 0009"):
        await migrate(database, upto="0009", folder=folder)


async def test_a_variant_for_one_database_goes_before_the_common_file(database: Database, folder: Path) -> None:
    (folder / "0003_step.postgresql.sql").write_text("CREATE TABLE thePostgres (id {{serial}}, b {{blob}});\n")
    (folder / "0003_step.sqlite.sql").write_text("CREATE TABLE theSqlite (id {{serial}}, b {{blob}});\n")
    await migrate(database, folder=folder)
    assert {name.lower() for name in await tables(database) if name.lower().startswith("the")} == {
        "thesqlite" if database.dialect == "sqlite" else "thepostgres"
    }


async def test_a_function_with_semicolons_is_one_statement(database: Database, folder: Path) -> None:
    (folder / "0003_step.postgresql.sql").write_text(
        "CREATE FUNCTION two() RETURNS int AS $$\nBEGIN\n  PERFORM 1;\n  RETURN 2;\nEND;\n$$ LANGUAGE plpgsql;\n"
    )
    (folder / "0003_step.sqlite.sql").write_text(
        "CREATE TRIGGER two AFTER INSERT ON t1_1 BEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n"
    )
    assert len(await migrate(database, folder=folder)) == 3


async def test_a_file_that_was_changed_later_is_refused(database: Database, folder: Path) -> None:
    await migrate(database, folder=folder)
    (folder / "0002_step.sql").write_text("CREATE TABLE other (id TEXT);\n")
    for again in (migrate(database, folder=folder), pending(database, folder=folder)):
        with pytest.raises(StorageFault, match="changed after they were applied: 0002_step"):
            await again


async def test_a_database_of_a_newer_release_is_refused(database: Database, folder: Path) -> None:
    await migrate(database, folder=folder)
    (folder / "0003_step.sql").unlink()
    with pytest.raises(StorageFault, match="does not know: 0003_step") as refused:
        await migrate(database, folder=folder)
    assert "backup" in refused.value.hint


async def test_a_migration_that_fails_leaves_the_ones_before_it_and_nothing_of_itself(
    database: Database, folder: Path
) -> None:
    (folder / "0002_step.sql").write_text("CREATE TABLE t2_left (id TEXT);\nCREATE NONSENSE;\n")
    with pytest.raises(StorageFault):
        await migrate(database, folder=folder)
    assert await pending(database, folder=folder) == ["0002_step", "0003_step"]
    assert not any(name.startswith("t2") for name in await tables(database))


async def test_a_file_that_ends_in_the_middle_is_refused(database: Database, folder: Path) -> None:
    (folder / "0001_step.sql").write_text("CREATE TABLE t1_left (id TEXT)\n")
    with pytest.raises(StorageFault, match="middle of a statement"):
        await migrate(database, folder=folder)
    assert await tables(database) == set()


async def test_of_processes_that_start_at_once_each_step_is_done_by_one(
    database_config: DatabaseConfig, folder: Path
) -> None:
    racers = [Racer(migrating, database_config.dsn, str(folder)) for _ in range(4)]
    for racer in racers:
        racer.go()
    applied = sorted(name for racer in racers for name in racer.finish())
    assert applied == ["0001_step", "0002_step", "0003_step"]


async def test_a_kill_leaves_each_migration_whole_or_absent(database_config: DatabaseConfig, folder: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - moments, no keys
    for _ in range(5):
        racer = Racer(migrating, database_config.dsn, str(folder))
        racer.go()
        await asyncio.sleep(chance.uniform(0.0, 0.06))  # a chance, not a wait: any moment is right
        racer.kill()
        database = await open_database(database_config)
        missing, found = await pending(database, folder=folder), await tables(database)
        for number in (1, 2, 3):
            made = sum(name.startswith(f"t{number}_") for name in found)
            assert made == (0 if f"000{number}_step" in missing else 40)
        await database.aclose()
    database = await open_database(database_config)
    await migrate(database, folder=folder)
    assert await pending(database, folder=folder) == []
    await database.aclose()
