"""What each error of a driver becomes."""

import sqlite3

import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gatelodge.core.errors import GatelodgeError
from gatelodge.storage.errors import Conflict, StorageFault, StorageUnavailable
from gatelodge.storage.faults import translate

PLACE = "the database"


def from_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("canary")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_BUSY, StorageUnavailable, "is locked"),
        (sqlite3.SQLITE_LOCKED, StorageUnavailable, "is locked"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Conflict, "wrote first"),
        (sqlite3.SQLITE_FULL, StorageUnavailable, "disk is full"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, StorageUnavailable, "read-only"),
        (sqlite3.SQLITE_CANTOPEN, StorageUnavailable, "cannot be opened"),
        (sqlite3.SQLITE_IOERR_FSYNC, StorageUnavailable, "cannot be read or written"),
        (sqlite3.SQLITE_CORRUPT, StorageFault, "damaged"),
        (sqlite3.SQLITE_NOTADB, StorageFault, "damaged"),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, Conflict, "exists already"),
        (sqlite3.SQLITE_CONSTRAINT_NOTNULL, StorageFault, "code"),
        (sqlite3.SQLITE_MISMATCH, StorageFault, "code"),
    ],
)
def test_a_code_of_sqlite_has_a_meaning(code: int, kind: type[GatelodgeError], words: str) -> None:
    error = translate(DBAPIError("SELECT canary", {}, from_sqlite(code)), PLACE)
    assert type(error) is kind
    assert words in error.detail
    assert "canary" not in str(error)


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("08006", StorageUnavailable, "is not reached"),
        ("28P01", StorageUnavailable, "refuses this user or password"),
        ("3D000", StorageUnavailable, "does not exist"),
        ("40001", Conflict, "came first"),
        ("40P01", Conflict, "came first"),
        ("23505", Conflict, "exists already"),
        ("23502", StorageFault, "23502"),
        ("53100", StorageUnavailable, "disk of the server is full"),
        ("53300", StorageUnavailable, "no free connection"),
        ("53200", StorageUnavailable, "resource"),
        ("57P01", StorageUnavailable, "starting or stopping"),
        ("57014", StorageUnavailable, "statement timeout"),
        ("25006", StorageUnavailable, "standby"),
        ("42501", StorageUnavailable, "does not let this user"),
        ("XX001", StorageFault, "damaged"),
        ("42P01", StorageFault, "42P01"),
    ],
)
def test_a_state_of_postgresql_has_a_meaning(state: str, kind: type[GatelodgeError], words: str) -> None:
    origin = asyncpg.PostgresError("canary")
    origin.sqlstate = state
    error = translate(DBAPIError("SELECT canary", {}, origin), PLACE)
    assert type(error) is kind
    assert words in error.detail
    assert "canary" not in str(error)


@pytest.mark.parametrize(
    "lost", [ConnectionResetError(), TimeoutError(), asyncpg.InterfaceError("connection is closed")]
)
def test_a_lost_connection_during_a_commit_leaves_its_end_unknown(lost: Exception) -> None:
    for committing, outcome in ((False, "not kept"), (True, "unknown")):
        error = translate(lost, PLACE, committing=committing)
        assert isinstance(error, StorageUnavailable)
        assert error.outcome == outcome


def test_a_failed_sync_at_a_commit_leaves_its_end_unknown_and_a_busy_one_does_not() -> None:
    for code, outcome in ((sqlite3.SQLITE_IOERR_FSYNC, "unknown"), (sqlite3.SQLITE_BUSY, "not kept")):
        error = translate(from_sqlite(code), PLACE, committing=True)
        assert isinstance(error, StorageUnavailable)
        assert error.outcome == outcome


def test_a_pool_without_a_free_connection_says_what_to_look_for() -> None:
    error = translate(PoolTimeout("QueuePool limit"), PLACE)
    assert isinstance(error, StorageUnavailable)
    assert "pool" in error.hint


def test_a_serialization_failure_may_be_tried_again_and_a_taken_key_not() -> None:
    for state, retryable in (("40001", True), ("23505", False)):
        origin = asyncpg.PostgresError("x")
        origin.sqlstate = state
        error = translate(origin, PLACE)
        assert isinstance(error, Conflict)
        assert error.retryable is retryable
