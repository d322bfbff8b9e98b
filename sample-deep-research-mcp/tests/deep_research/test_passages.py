"""Cutting a document into the passages that are ranked."""

from itertools import pairwise

from sample.documents import Document, read
from sample.passages import passages


def document(source: str, title: str = "Guide") -> Document:
    reading = read("text/markdown", source)
    return Document("id", title, reading.text, headings=reading.headings)


def words(passage: str) -> list[str]:
    return passage.split("\n", 2)[2].split()


def sentences(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{number} " + "x " * 8 + "end." for number in range(count))


def test_a_short_document_is_one_passage_under_its_title() -> None:
    assert list(passages(document("# Guide\n\nHello there."))) == ["Guide\n\n# Guide Hello there."]


def test_an_empty_document_is_found_by_its_title() -> None:
    assert list(passages(document(""))) == ["Guide\n\n"]


def test_a_long_text_gives_passages_of_at_most_200_words_that_overlap_by_a_sentence() -> None:
    found = list(passages(document(sentences(60))))
    assert len(found) > 2
    assert all(120 <= len(words(passage)) <= 200 for passage in found[:-1])
    for earlier, later in pairwise(found):
        assert words(earlier)[-10:] == words(later)[:10]


def test_sections_long_enough_are_cut_at_headings_and_carry_their_breadcrumb() -> None:
    source = f"# Guide\n\n## Install\n\n### Linux\n\n{sentences(14)}\n\n## Use\n\n{sentences(14, 'use')}"
    first, second = passages(document(source))
    assert first.startswith("Guide\n")
    assert "use0" not in first
    assert second.startswith("Guide\nUse\n## Use use0")


def test_a_breadcrumb_leads_from_the_outer_heading_to_the_inner() -> None:
    source = f"# Guide\n\n{sentences(14)}\n\n## Install\n\n{sentences(14)}\n\n### Linux\n\n{sentences(14)}"
    assert [passage.split("\n")[1] for passage in passages(document(source))] == ["", "Install", "Install > Linux"]


def test_small_sections_share_a_passage() -> None:
    source = "\n\n".join(f"## Section {number}\n\nA few words." for number in range(10))
    assert len(list(passages(document(source)))) == 1


def test_text_without_sentence_ends_is_cut_too() -> None:
    found = list(passages(document("| cell " * 500)))
    assert max(len(words(passage)) for passage in found) <= 200
    assert sum(passage.count("cell") for passage in found) >= 500
