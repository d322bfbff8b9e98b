"""The notes file: whose notes they are, and that they last."""

import sqlite3
from pathlib import Path

import pytest

from sample.notes import NotebookFull, Notes, owner_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "notes.sqlite3"


def test_a_note_is_there_after_a_restart(path: Path, alice: str) -> None:
    saved = Notes(path).save(alice, "Title", "Text")
    found = Notes(path).find(alice, saved.id)
    assert found is not None
    assert (found.id, found.title, found.text, found.url) == (saved.id, "Title", "Text", "")
    assert found.metadata["type"] == "note"


def test_a_note_is_found_by_its_owner_only(path: Path, alice: str, bob: str) -> None:
    notes = Notes(path)
    saved = notes.save(alice, "Title", "Text")
    assert notes.find(bob, saved.id) is None


def test_identities_that_look_alike_when_joined_are_different_owners() -> None:
    keys = {owner_key("a", "b c"), owner_key("a b", "c"), owner_key('a", "b', "c"), owner_key("a", 'b", "c')}
    assert len(keys) == 4


def test_note_ids_are_long_and_never_the_same(path: Path, alice: str) -> None:
    notes = Notes(path)
    ids = {notes.save(alice, "same", "same").id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(each) == 32 and int(each, 16) for each in ids)


def test_the_index_gets_each_note_once_and_in_order(path: Path, alice: str, bob: str) -> None:
    notes = Notes(path)
    notes.save(alice, "one", "x")
    notes.save(bob, "two", "x")
    rows = notes.after(0)
    assert [(owner, note.title) for _, owner, note in rows] == [(alice, "one"), (bob, "two")]
    assert notes.after(rows[-1][0]) == []


def test_an_owner_has_a_thousand_notes_at_most_and_others_are_not_held_back(
    path: Path, alice: str, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sample.notes._MOST_NOTES", 2)
    notes = Notes(path)
    notes.save(alice, "one", "x")
    notes.save(alice, "two", "x")
    with pytest.raises(NotebookFull, match="2 notes already"):
        notes.save(alice, "three", "x")
    notes.save(bob, "one", "x")
    assert len(notes.after(0)) == 3


def test_the_file_is_for_this_account_only_and_survives_a_crash(path: Path) -> None:
    Notes(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_text_is_never_sql(path: Path, alice: str) -> None:
    notes = Notes(path)
    saved = notes.save(alice, "'); DROP TABLE notes; --", "x")
    assert notes.find(alice, "' OR 1=1 --") is None
    assert notes.find(alice, saved.id) is not None
