"""Which files are documents, and how changes are noticed."""

import logging
import os
from pathlib import Path

import pytest
from deep_research.shelf import Shelf

from sample.corpus import Corpus, document_id
from sample.documents import Document


def titles(changes: "list[tuple[str, Document | None]]") -> list[str]:
    return sorted(document.title for _, document in changes if document)


def test_markdown_text_and_html_are_documents_and_nothing_else_is(shelf: Shelf) -> None:
    for name in ("a.md", "b.markdown", "c.txt", "sub/d.html", "sub/e.HTM", "f.py", "g.pdf", "h"):
        shelf.write(name, "text")
    assert titles(list(shelf.corpus().changes())) == ["a", "b", "c", "d", "e"]


def test_dot_files_and_symbolic_links_are_not_read(shelf: Shelf, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("secret")
    shelf.write(".hidden.md", "x")
    shelf.write(".git/x.md", "x")
    (shelf.folder / "link.md").symlink_to(outside / "secret.md")
    (shelf.folder / "link").symlink_to(outside)
    (shelf.folder / "loop").symlink_to(shelf.folder)
    assert list(shelf.corpus().changes()) == []


def test_a_pipe_is_not_opened(shelf: Shelf) -> None:
    os.mkfifo(shelf.folder / "pipe.md")
    assert list(shelf.corpus().changes()) == []


def test_a_document_says_where_it_is_from(shelf: Shelf) -> None:
    shelf.url_of = lambda path, own_id: f"https://docs.example/{path}#{own_id}"
    shelf.write("guide/a.md", "# Title\n")
    [(own_id, document)] = shelf.corpus().changes()
    assert document is not None
    assert document.id == own_id
    assert document.url == f"https://docs.example/guide/a.md#{own_id}"
    assert document.metadata == {
        "type": "text/markdown",
        "path": "guide/a.md",
        "modified": "1970-01-01T00:00:02+00:00",
    }


def test_an_id_is_opaque_and_the_same_after_every_start(shelf: Shelf) -> None:
    shelf.write("guide/a.md", "x")
    [(first, _)] = shelf.corpus().changes()
    [(second, _)] = shelf.corpus().changes()
    assert first == second == document_id("guide/a.md")
    assert first.isalnum()
    assert "guide" not in first


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        pytest.param("broken.md", b"\xff\xfe\x00", "codec can't decode", id="undecodable"),
        pytest.param("big.txt", b"x" * 5_000_001, "larger than", id="too-large"),
        pytest.param(os.fsdecode(b"na\xffme.md"), b"text", "surrogates not allowed", id="name-not-utf-8"),
    ],
)
def test_a_broken_file_is_skipped_named_in_the_log_once_and_the_rest_is_read(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, name: str, content: bytes, reason: str
) -> None:
    shelf.write(name, content)
    shelf.write("good.md", "# Good")
    corpus = shelf.corpus()
    assert titles(list(corpus.changes())) == ["Good"]
    shelf.seconds += 2
    assert list(corpus.changes()) == []
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert repr(name) in record.getMessage()
    assert reason in record.getMessage()


def test_a_file_name_cannot_forge_a_line_of_the_log(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    shelf.write("a\nERROR forged.md", b"\xff")
    list(shelf.corpus().changes())
    assert "\n" not in caplog.text.rstrip("\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_folders_are_skipped_and_read_once_they_may_be(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    file, folder = shelf.write("a.md", "x"), shelf.write("sub/b.md", "x").parent
    file.chmod(0)
    folder.chmod(0)
    corpus = shelf.corpus()
    assert list(corpus.changes()) == []
    assert "'a.md'" in caplog.text
    assert "'sub'" in caplog.text
    file.chmod(0o600)
    folder.chmod(0o700)
    shelf.seconds += 2
    assert titles(list(corpus.changes())) == ["a", "b"]


def test_only_what_changed_is_read_again(shelf: Shelf) -> None:
    shelf.write("kept.md", "# Kept")
    shelf.write("changed.md", "# Before")
    gone = shelf.write("gone.md", "# Gone")
    corpus = shelf.corpus()
    assert titles(list(corpus.changes())) == ["Before", "Gone", "Kept"]
    shelf.write("changed.md", "# After!")
    shelf.write("new.md", "# New")
    gone.unlink()
    changes = list(corpus.changes())
    assert titles(changes) == ["After!", "New"]
    assert [own_id for own_id, document in changes if document is None] == [document_id("gone.md")]


def test_a_document_that_breaks_is_gone_and_comes_back_when_mended(shelf: Shelf) -> None:
    shelf.write("a.md", "# Good")
    corpus = shelf.corpus()
    list(corpus.changes())
    shelf.write("a.md", b"\xff\xff")
    assert list(corpus.changes()) == [(document_id("a.md"), None)]
    shelf.write("a.md", "# Mended")
    assert titles(list(corpus.changes())) == ["Mended"]


def test_the_folder_is_looked_at_once_per_interval(shelf: Shelf) -> None:
    now = 100.0
    corpus = Corpus(shelf.folder, clock=lambda: now, rescan_interval=5)
    list(corpus.changes())
    shelf.write("a.md", "# A")
    now = 104.9
    assert list(corpus.changes()) == []
    now = 105.0
    assert titles(list(corpus.changes())) == ["A"]


def test_documents_are_kept_while_the_folder_is_away(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    shelf.write("a.md", "# A")
    corpus = shelf.corpus()
    list(corpus.changes())
    away = shelf.folder.rename(shelf.folder.with_name("away"))
    shelf.seconds += 2
    assert list(corpus.changes()) == []
    assert "keeping the last documents" in caplog.text
    away.rename(shelf.folder)
    shelf.seconds += 2
    assert list(corpus.changes()) == []
