"""Documents and notes together: freshness, isolation, several replicas, several threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from deep_research.shelf import Shelf

from sample.documents import Document


def found(documents: list[Document]) -> list[str]:
    return [document.title for document in documents]


def test_a_changed_folder_is_searched_without_a_restart(shelf: Shelf, alice: str) -> None:
    shelf.write("a.md", "# Apples\n\nfruit")
    library = shelf.open()
    shelf.write("b.md", "# Bananas\n\nfruit")
    assert sorted(found(library.search("fruit", alice))) == ["Apples", "Bananas"]
    (shelf.folder / "a.md").unlink()
    shelf.seconds += 2
    assert found(library.search("fruit", alice)) == ["Bananas"]
    shelf.write("b.md", "# Beans\n\nvegetable")
    assert found(library.search("fruit", alice)) == []
    assert found(library.search("vegetable", alice)) == ["Beans"]


def test_fetch_gives_the_file_as_it_is_now(shelf: Shelf, alice: str) -> None:
    file = shelf.write("a.md", "before")
    library = shelf.open()
    [document] = library.search("before", alice)
    shelf.write("a.md", "after it")
    now = library.fetch(document.id, alice)
    assert now is not None
    assert now.text == "after it"
    file.unlink()
    shelf.seconds += 2
    assert library.fetch(document.id, alice) is None


def test_a_note_is_found_at_once_by_its_owner_and_by_nobody_else(shelf: Shelf, alice: str, bob: str) -> None:
    library = shelf.open()
    note = library.save_note(alice, "Plan", "meet at noon")
    assert [each.id for each in library.search("noon plan", alice)] == [note.id]
    assert library.search("noon plan", bob) == []
    assert library.fetch(note.id, alice) is not None
    assert library.fetch(note.id, bob) is None
    assert library.public_document(note.id) is None


def test_notes_are_found_after_a_restart(shelf: Shelf, alice: str, bob: str) -> None:
    shelf.open().save_note(alice, "Plan", "meet at noon")
    library = shelf.open()
    assert found(library.search("noon", alice)) == ["Plan"]
    assert library.search("noon", bob) == []


def test_a_note_saved_in_one_replica_is_found_in_the_other_at_once(shelf: Shelf, alice: str, bob: str) -> None:
    one, other = shelf.open(), shelf.open()
    one.save_note(alice, "First", "noon")
    assert found(other.search("noon", alice)) == ["First"]
    other.save_note(alice, "Second", "midnight")
    assert found(one.search("midnight", alice)) == ["Second"]
    assert one.search("midnight", bob) == []


def test_notes_and_documents_are_ranked_in_one_list(shelf: Shelf, alice: str) -> None:
    shelf.write("a.md", "# About noon\n\nlong text " + "and more " * 50)
    library = shelf.open()
    library.save_note(alice, "Noon", "noon noon")
    assert found(library.search("noon", alice)) == ["Noon", "About noon"]


@pytest.mark.parametrize("bad", ["../../etc/passwd", "a.md", "/etc/passwd", "", "~", "%2e%2e", "\x00", "' OR 1=1 --"])
def test_an_id_is_never_a_path(shelf: Shelf, alice: str, bad: str) -> None:
    shelf.write("a.md", "text")
    assert shelf.open().fetch(bad, alice) is None


def test_many_threads_save_and_search_together(shelf: Shelf, alice: str, bob: str) -> None:
    shelf.write("a.md", "fruit")
    library = shelf.open()

    def work(number: int) -> int:
        library.save_note((alice, bob)[number % 2], f"Note {number}", "fruit")
        return len(library.search("fruit", alice))

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(work, range(16)))
    assert min(counts) >= 1
    assert len(library.search("fruit", alice)) == 9
    assert len(library.search("fruit", bob)) == 9
