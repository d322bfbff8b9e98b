"""Long documents come in parts that lead to each other."""

from sample.contract import Fetched, fetched
from sample.documents import Document


def walk(document: Document) -> list[Fetched]:
    parts, next_id = list[Fetched](), document.id
    while next_id:
        part = fetched(document, next_id)
        assert part is not None
        parts.append(part)
        next_id = part.metadata.get("next_id", "")
    return parts


def test_a_short_document_is_one_part() -> None:
    part = fetched(Document("abc", "T", "text", "https://x.example/", {"path": "a.md"}), "abc")
    assert part is not None
    assert part.model_dump() == {
        "id": "abc",
        "title": "T",
        "url": "https://x.example/",
        "text": "text",
        "metadata": {"path": "a.md", "document_id": "abc", "part": "1", "parts": "1"},
    }


def test_an_empty_document_can_be_fetched() -> None:
    part = fetched(Document("abc", "T", ""), "abc")
    assert part is not None
    assert part.text == ""


def test_the_parts_of_a_long_document_join_to_the_whole() -> None:
    document = Document("abc", "T", "".join(f"line {number} of a long text\n" for number in range(5_000)))
    parts = walk(document)
    assert [part.id for part in parts] == ["abc", "abc~2", "abc~3", "abc~4"]
    assert "".join(part.text for part in parts) == document.text
    assert all(len(part.text) <= 40_000 and part.text.endswith("\n") for part in parts)
    assert [part.metadata["part"] for part in parts] == ["1", "2", "3", "4"]
    assert {part.metadata["parts"] for part in parts} == {"4"}
    assert [part.metadata.get("prev_id") for part in parts] == [None, "abc", "abc~2", "abc~3"]
    assert {part.metadata["document_id"] for part in parts} == {"abc"}


def test_text_without_line_ends_is_cut_at_the_limit() -> None:
    document = Document("abc", "T", "x" * 100_000)
    assert [len(part.text) for part in walk(document)] == [40_000, 40_000, 20_000]


def test_only_the_ids_that_were_given_out_name_a_part() -> None:
    document = Document("abc", "T", "x" * 100_000)
    for part_id in ("abc~1", "abc~0", "abc~4", "abc~02", "abc~\u0663", "abc~-1", "abc~", "abc~x", "ab", ""):
        assert fetched(document, part_id) is None
