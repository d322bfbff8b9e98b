"""The answers of ``search`` and ``fetch`` as ChatGPT's deep research reads them: structured, and as the same JSON text.

Not here: what the tools search (the server's business).
"""

import json
from typing import Any

from mcp_types import CallToolResult, TextContent

from gatelodge.ops.link.report import LinkFailed, Step

__all__ = ["first_id", "read_document"]


def first_id(result: CallToolResult, query: str) -> str:
    """The id of the first search result. Raises: LinkFailed."""
    results = _content(Step.SEARCH, result).get("results")
    if not isinstance(results, list) or not results:
        raise LinkFailed(Step.SEARCH, f"no result for {query!r}")
    identity = results[0].get("id") if isinstance(results[0], dict) else None
    if not isinstance(identity, str) or not identity:
        raise LinkFailed(Step.SEARCH, "a result without an id")
    return identity


def read_document(result: CallToolResult, identity: str) -> dict[str, Any]:
    """The document of ``identity``: id, title, text, url as strings. Raises: LinkFailed."""
    document = _content(Step.FETCH, result)
    wrong = [name for name in ("id", "title", "text", "url") if not isinstance(document.get(name), str)]
    if wrong:
        raise LinkFailed(Step.FETCH, f"a document without {', '.join(wrong)}")
    if document["id"] != identity:
        raise LinkFailed(Step.FETCH, "a document with another id than the one asked for")
    return document


def _content(step: Step, result: CallToolResult) -> dict[str, Any]:
    """The structured content, which one text item must repeat."""
    texts = [item.text for item in result.content if isinstance(item, TextContent)]
    if result.is_error:
        raise LinkFailed(step, f"a tool error: {' '.join(texts)[:200]}")
    structured = result.structured_content
    if not isinstance(structured, dict):
        raise LinkFailed(step, "an answer without structured content")
    try:
        repeated = len(result.content) == 1 and len(texts) == 1 and json.loads(texts[0]) == structured
    except ValueError:
        repeated = False
    if not repeated:
        raise LinkFailed(step, "structured content that no single text item repeats as JSON")
    return structured
