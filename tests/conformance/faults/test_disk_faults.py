"""Catalogue V09, scoreboard 22: the disk or the database fails, and nothing is wrong, stuck or lost.

A short form runs with every test run. The whole one runs when GATELODGE_RESULTS names a folder for its figures.
"""

import asyncio
import os
import sqlite3
import time
from pathlib import Path

import pytest
from databases import Postgres, postgres_server
from results import record

from conformance.faults import committer
from conformance.faults.disk import traced
from gatelodge.core.errors import GatelodgeError
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.errors import StorageUnavailable

COMMAND = "GATELODGE_RESULTS=results .venv/bin/pytest tests/conformance/faults/test_disk_faults.py"
WHOLE = bool(os.environ.get("GATELODGE_RESULTS"))
COMMITS = 90 if WHOLE else 30
# call, error, at which calls. The first calls make the schema; a fault there is an error at start.
FAULTS = [
    ("fdatasync", "EIO", "8+3"),
    ("pwrite64", "EIO", "30+7"),
    ("pwrite64", "ENOSPC", "30+7"),
    ("pwrite64", "EDQUOT", "33+8"),
    ("pwrite64", "ENOSPC", "60+1"),  # from there on every one: the disk stays full
    ("pread64", "EIO", "12+2"),
]
CONTROL = "a commit that a fault met and that is counted as kept all the same is found missing"


def run(folder: Path, call: str, error: str, when: str) -> tuple[int, dict[int, list[str]]]:
    """Commit under faults: how many were injected, and what was said of each commit."""
    file, trace = folder / "own" / "x.db", folder / "trace"
    watched = [file, Path(f"{file}-wal")]
    inject = f"inject={call}:error={error}:when={when}"
    # A hang ends in the timeout, and with it the test.
    traced(
        [committer.__file__, str(file), str(COMMITS), "FULL"],
        trace,
        watched,
        "-e",
        f"trace={call}",
        "-e",
        inject,
        timeout=240,
    )
    lines = (folder / "acks").read_text().splitlines()
    assert lines.pop() == "end"
    return trace.read_text().count("(INJECTED)"), {int(line.split()[0]): line.split()[1:] for line in lines}


def wrong(file: Path, said: dict[int, list[str]]) -> list[str]:
    """What the database holds against what was said of it."""
    connection = sqlite3.connect(file)
    rows = dict(connection.execute("SELECT number, data FROM things"))
    found = [] if connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)] else ["corrupt"]
    connection.close()
    for number, words in said.items():
        if number and words == ["kept"] and rows.get(number) != committer.payload(number):
            found.append(f"{number} is lost")
        if words[-1] == "kept" and len(words) > 1 and number in rows:  # "... not kept"
            found.append(f"{number} is there, and was said not to be")
    return found


@pytest.mark.parametrize(
    ("call", "error", "when"), FAULTS, ids=[f"{call} {error} {when}" for call, error, when in FAULTS]
)
def test_a_failing_disk_gives_errors_in_words_and_no_wrong_answer(
    tmp_path: Path, call: str, error: str, when: str
) -> None:
    injected, said = run(tmp_path, call, error, when)
    refused = [words for words in said.values() if words != ["kept"]]
    mistakes = wrong(tmp_path / "own" / "x.db", said)
    record(
        22,
        f"SQLite, {error} on {call} at {when}",
        tried=injected,
        passed=injected - len(mistakes),
        figure=f"{len(refused)} commits refused in words, {len(mistakes)} wrong answers",
        command=COMMAND,
        negative_control=CONTROL,
    )
    assert injected
    assert mistakes == []
    assert {words[0] for words in refused} <= {"StorageUnavailable"}
    if refused:
        assert wrong(tmp_path / "own" / "x.db", {number: ["kept"] for number in said}) != []


async def test_a_database_that_others_lock_gives_errors_in_words_and_no_wrong_answer(tmp_path: Path) -> None:
    database = await open_database(DatabaseConfig(f"sqlite:///{tmp_path / 'own' / 'x.db'}", busy_timeout=0.01))
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE things (number BIGINT PRIMARY KEY)")
    other = sqlite3.connect(tmp_path / "own" / "x.db", isolation_level=None)
    said: dict[int, bool] = {}
    for number in range(60):
        if number % 2:
            other.execute("BEGIN IMMEDIATE")
        said[number] = await insert(database, number)
        if number % 2:
            other.execute("ROLLBACK")
    other.close()
    await finish(database, said, "SQLite, BUSY", tried=30)
    assert [number for number, kept in said.items() if kept] == list(range(0, 60, 2))


async def test_a_server_that_restarts_gives_errors_in_words_and_no_wrong_answer() -> None:
    with postgres_server() as server:
        await _restarts(server, 12 if WHOLE else 2)


async def _restarts(server: Postgres, times: int) -> None:
    database = await open_database(DatabaseConfig(server.url(), busy_timeout=60.0, connect_timeout=60.0))
    async with database.transaction() as transaction:
        await transaction.execute("CREATE TABLE things (number BIGINT PRIMARY KEY)")
    said: dict[int, bool] = {}
    for turn in range(times):
        restart = asyncio.create_task(
            asyncio.to_thread(server.control, "restart", "-m", "immediate" if turn % 2 else "fast")
        )
        while not restart.done():
            said[len(said)] = await insert(database, len(said))
        await restart
        # Nobody restarted us: the next one works.
        deadline = time.monotonic() + 60
        while not await insert(database, len(said)):
            said[len(said)] = False
            assert time.monotonic() < deadline
        said[len(said)] = True
    assert False in said.values()
    await finish(database, said, "PostgreSQL, restarts", tried=times)


async def insert(database: Database, number: int) -> bool:
    """Whether it was acknowledged."""
    try:
        async with asyncio.timeout(60), database.transaction() as transaction:
            await transaction.execute("INSERT INTO things VALUES (:number)", number=number)
    except StorageUnavailable:
        return False
    except GatelodgeError as error:
        pytest.fail(f"a fault of the server is told as {error!r}")
    return True


async def finish(database: Database, said: dict[int, bool], name: str, *, tried: int) -> None:
    async with database.reading() as transaction:
        kept = {row["number"] for row in await transaction.all("SELECT number FROM things")}
    await database.aclose()
    lost = [number for number, acknowledged in said.items() if acknowledged and number not in kept]
    refused = list(said.values()).count(False)
    record(
        22,
        name,
        tried=tried,
        passed=tried - len(lost),
        figure=f"{refused} commits refused in words, {len(lost)} acknowledged ones lost",
        command=COMMAND,
        negative_control=CONTROL,
    )
    assert lost == []
    assert refused
