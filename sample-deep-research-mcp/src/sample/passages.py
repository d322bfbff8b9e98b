"""Passages of about 120 to 200 words along a document's headings: what the index ranks."""

import re
from collections.abc import Iterator

from sample.documents import Document, Heading

__all__ = ["passages"]

_SHORTEST, _LONGEST = 120, 200  # words
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n")


def passages(document: Document) -> Iterator[str]:
    """Each passage under the document's title and breadcrumb; inside a long section one sentence overlaps."""
    breadcrumb, held = "", list[list[str]]()
    for trail, section in _sections(document):
        if sum(map(len, held)) >= _SHORTEST:
            yield _passage(document, breadcrumb, held)
            held = []
        breadcrumb = breadcrumb if held else trail
        for sentence in _sentences(section):
            if held and sum(map(len, held)) + len(sentence) > _LONGEST:
                yield _passage(document, breadcrumb, held)
                breadcrumb, held = trail, held[-1:] if len(held[-1]) + len(sentence) <= _LONGEST else []
            held.append(sentence)
    yield _passage(document, breadcrumb, held)


def _passage(document: Document, breadcrumb: str, sentences: list[list[str]]) -> str:
    return "\n".join((document.title, breadcrumb, " ".join(word for sentence in sentences for word in sentence)))


def _sections(document: Document) -> Iterator[tuple[str, str]]:
    """(breadcrumb, text) from heading to heading, first what stands before any; the title is no part of the crumbs."""
    lines = document.text.split("\n")
    ends = [*(heading.line for heading in document.headings), None]
    trail: dict[int, str] = {}
    for heading, end in zip((Heading(0, 0, ""), *document.headings), ends, strict=True):
        trail = {level: title for level, title in trail.items() if level < heading.level}
        trail[heading.level] = heading.title
        crumbs = (title for title in trail.values() if title not in {"", document.title})
        yield " > ".join(crumbs), "\n".join(lines[heading.line : end])


def _sentences(text: str) -> Iterator[list[str]]:
    """Sentences as lists of words; one without an end (a table, code) is cut at the longest passage."""
    for sentence in _SENTENCE_END.split(text):
        words = sentence.split()
        for start in range(0, len(words), _LONGEST):
            yield words[start : start + _LONGEST]
