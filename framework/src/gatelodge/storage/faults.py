"""Driver errors of SQLite and PostgreSQL turned into our own, with what to do next.

Only numbers and names are read from a driver's error (SQLite's result code, PostgreSQL's SQLSTATE); its text may hold
values of a row.
"""

import sqlite3
from typing import Literal

from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gatelodge.core.errors import GatelodgeError
from gatelodge.storage.errors import Conflict, StorageFault, StorageUnavailable

__all__ = ["DRIVER_ERRORS", "translate"]

DRIVER_ERRORS: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError, EOFError)

_BUSY = "Another process writes to it for longer than the busy timeout: look for a long command or a backup."
_SQLITE: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_BUSY: ("is locked", _BUSY),
    sqlite3.SQLITE_LOCKED: ("is locked", _BUSY),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "Free room on that disk; nothing has to be restarted."),
    sqlite3.SQLITE_READONLY: ("is read-only", "Mount its file system for writing and make this user the file's owner."),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "The folder must exist and belong to this user."),
    sqlite3.SQLITE_PERM: ("may not be opened", "Make this user the owner of the file and its folder."),
    sqlite3.SQLITE_IOERR: ("cannot be read or written", "The disk or its quota failed: see the kernel log, then df."),
    sqlite3.SQLITE_NOMEM: ("ran out of memory", "Give the process more memory."),
    sqlite3.SQLITE_INTERRUPT: ("was interrupted", "Try again."),
    sqlite3.SQLITE_PROTOCOL: ("could not be locked", "Keep the file on a local disk, not on a network file system."),
}
_CONFLICTS = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
}
_RESTARTING = ("is starting or stopping", "Wait; connections are made anew by themselves.")
_LOST = ("is not reached", "See that the server runs and that host, port and network are right.")
_POSTGRES: dict[str, tuple[str, str]] = {
    "28": ("refuses this user or password", "Check POSTGRES_USER and POSTGRES_PASSWORD, and the server's pg_hba.conf."),
    "3D000": ("does not exist", "Create it, or correct POSTGRES_DB or the name in the URL."),
    "53100": ("cannot grow: the disk of the server is full", "Free room on the server's disk."),
    "53300": ("has no free connection", "Raise max_connections, or lower the largest pool size of the replicas."),
    "53": ("ran out of a resource", "See the server's log."),
    "57P": _RESTARTING,
    "57014": ("did not answer within the statement timeout", "Look for a long transaction in pg_stat_activity."),
    "55P03": ("is locked", "Look for a long transaction in pg_stat_activity."),
    "25006": ("is read-only: it is a standby", "Point the URL to the primary, or add target_session_attrs=read-write."),
    "25P03": ("ended a transaction that was idle for too long", "Try again."),
    "08": _LOST,
    "58": ("cannot be read or written", "The server's disk failed: see its log."),
    "42501": ("does not let this user do that", "Make the user the owner of the database."),
}


def translate(error: Exception, place: str, *, committing: bool = False) -> GatelodgeError:
    """The error of ours that a driver's error stands for. ``committing``: it came from a COMMIT."""
    outcome: Literal["not kept", "unknown"] = "unknown" if committing else "not kept"
    if isinstance(error, PoolTimeout):
        return StorageUnavailable(
            f"No connection to {place} became free in time.",
            hint="A transaction inside another one, long transactions, or a pool that is too small for the load.",
        )
    for cause in reversed(_causes(error)):  # the driver's own error knows most
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return _from_sqlstate(cause, state, place, outcome)
        number = getattr(cause, "sqlite_errorcode", None)
        if isinstance(number, int):
            return _from_sqlite(number, place, outcome)
    if any(isinstance(cause, OSError | TimeoutError | EOFError) or _is_lost(cause) for cause in _causes(error)):
        return _unavailable(place, _LOST, type(error).__name__, outcome)
    return StorageFault(f"A statement on {place} failed: {', '.join(type(one).__name__ for one in _causes(error))}.")


def _from_sqlite(number: int, place: str, outcome: Literal["not kept", "unknown"]) -> GatelodgeError:
    if number in _CONFLICTS:
        return Conflict("A row with this key exists already, or one that it refers to is gone.")
    if number == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return Conflict("Another process wrote first.", retryable=True)
    primary = number & 0xFF
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StorageFault(
            f"{_begin(place)} is damaged or no database.", hint="Stop the server and restore the last backup."
        )
    known = _SQLITE.get(primary)
    if known is None:
        return StorageFault(f"A statement on {place} failed with SQLite's code {number}.")
    return _unavailable(place, known, f"SQLite {number}", outcome if primary == sqlite3.SQLITE_IOERR else "not kept")


def _from_sqlstate(
    error: BaseException, state: str, place: str, outcome: Literal["not kept", "unknown"]
) -> GatelodgeError:
    if state in ("40001", "40P01") or type(error).__name__ == "InvalidCachedStatementError":
        return Conflict("Another transaction came first.", retryable=True)
    if state in ("23505", "23503"):
        constraint = getattr(error, "constraint_name", None) or "a key"
        return Conflict(f"A row with this key exists already, or one that it refers to is gone ({constraint}).")
    if state in ("XX001", "XX002"):
        return StorageFault(f"{_begin(place)} is damaged ({state}).", hint="Restore the last backup.")
    for length in (5, 3, 2):
        known = _POSTGRES.get(state[:length])
        if known is not None:
            return _unavailable(place, known, f"SQLSTATE {state}", outcome)
    return StorageFault(f"A statement on {place} failed with SQLSTATE {state}.")


def _unavailable(
    place: str, known: tuple[str, str], source: str, outcome: Literal["not kept", "unknown"]
) -> StorageUnavailable:
    return StorageUnavailable(f"{_begin(place)} {known[0]} ({source}).", hint=known[1], outcome=outcome)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was made from, the driver's own error last."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found and len(found) < 8:
        found.append(current)
        current = getattr(current, "orig", None) or current.__cause__
    return found


def _is_lost(error: BaseException) -> bool:
    if isinstance(error, InvalidatePoolError) or getattr(error, "connection_invalidated", False):
        return True
    # asyncpg gives these no SQLSTATE: "connection is closed", "the connection was closed in the middle".
    return type(error).__name__ in ("InterfaceError", "InternalClientError", "ConnectionDoesNotExistError")


def _begin(place: str) -> str:
    return place[:1].upper() + place[1:]
