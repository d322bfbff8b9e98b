"""The users' notes in one SQLite file, which several replicas may share. Every read but ``after`` names the owner."""

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sample.documents import Document

__all__ = ["NotebookFull", "Notes", "owner_key"]

_MOST_NOTES = 1_000  # per owner
_TABLE = """CREATE TABLE IF NOT EXISTS notes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, owner TEXT NOT NULL, title TEXT NOT NULL,
    text TEXT NOT NULL, saved TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')))"""

_SAVE = """INSERT INTO notes (id, owner, title, text) SELECT ?, ?, ?, ?
    WHERE (SELECT count(*) FROM notes WHERE owner = ?) < ?"""


class NotebookFull(Exception):
    """The owner has as many notes as one may have."""


def owner_key(issuer: str, subject: str) -> str:
    """A user's identity in one string, unambiguous whatever the two hold."""
    return json.dumps([issuer, subject])


class Notes:
    """Notes in the file ``path``, which only this account may read. Raises: OSError, sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._path = path
        with self._open() as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(_TABLE)
            database.execute("CREATE INDEX IF NOT EXISTS notes_by_owner ON notes (owner)")

    def save(self, owner: str, title: str, text: str) -> Document:
        """Keep a note, durable on return, under an id that nobody can guess. Raises: NotebookFull."""
        note = Document(id=secrets.token_hex(16), title=title, text=text)
        with self._open() as database:
            if not database.execute(_SAVE, (note.id, owner, title, text, owner, _MOST_NOTES)).rowcount:
                raise NotebookFull(f"You have {_MOST_NOTES} notes already, and no more can be kept.")
        return note

    def find(self, owner: str, note_id: str) -> Document | None:
        """The owner's note of that id; another user's is not found."""
        return next((note for _, _, note in self._select("owner = ? AND id = ?", owner, note_id)), None)

    def after(self, number: int) -> list[tuple[int, str, Document]]:
        """(number, owner, note) of all notes saved after that number, in order: for the index only."""
        return self._select("number > ? ORDER BY number", number)

    def _select(self, condition: str, *values: str | int) -> list[tuple[int, str, Document]]:
        with self._open() as database:
            rows = database.execute(
                f"SELECT number, owner, id, title, text, saved FROM notes WHERE {condition}",  # noqa: S608 - constants
                values,
            ).fetchall()
        return [
            (number, owner, Document(note_id, title, text, metadata={"type": "note", "saved": saved}))
            for number, owner, note_id, title, text, saved in rows
        ]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as database, database:
            database.execute("PRAGMA synchronous=FULL")
            yield database
