"""What search and fetch answer: OpenAI's contract for deep research (developers.openai.com/api/docs/mcp)."""

from collections.abc import Iterable

from pydantic import BaseModel

from sample.documents import Document

__all__ = ["Fetched", "Found", "SearchResults", "fetched", "found"]

_PART_LENGTH = 40_000  # characters


class Found(BaseModel):
    """A document by name; ``url`` is empty when there is no page that a person could open."""

    id: str
    title: str
    url: str


class SearchResults(BaseModel):
    """The best documents, best first."""

    results: list[Found]


class Fetched(Found):
    """A document, or one part of a long one."""

    text: str
    metadata: dict[str, str]


def found(documents: Iterable[Document]) -> SearchResults:
    """Documents as search results."""
    return SearchResults(results=[Found(id=each.id, title=each.title, url=each.url) for each in documents])


def fetched(document: Document, part_id: str) -> Fetched | None:
    """The part of that id (the document's own, then ``<id>~2``, ``<id>~3``, ...), or None if there is none."""
    texts = _parts(document.text)
    ids = [document.id, *(f"{document.id}~{number}" for number in range(2, len(texts) + 1))]
    if part_id not in ids:
        return None
    at = ids.index(part_id)
    metadata = {**document.metadata, "document_id": document.id, "part": str(at + 1), "parts": str(len(ids))}
    if at > 0:
        metadata["prev_id"] = ids[at - 1]
    if at + 1 < len(ids):
        metadata["next_id"] = ids[at + 1]
    return Fetched(id=part_id, title=document.title, url=document.url, text=texts[at], metadata=metadata)


def _parts(text: str) -> list[str]:
    """The text cut at line ends; joined, the parts are the text again."""
    parts = []
    while len(text) > _PART_LENGTH:
        cut = text.rfind("\n", _PART_LENGTH // 2, _PART_LENGTH) + 1 or _PART_LENGTH
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]
