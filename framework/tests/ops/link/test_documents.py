"""The answers of search and fetch: structured content and the same JSON as exactly one text item."""

import json
from typing import Any

import pytest
from mcp_types import CallToolResult, TextContent

from gatelodge.ops.link.documents import first_id, read_document
from gatelodge.ops.link.report import LinkFailed, Step

FOUND = {"results": [{"id": "d1", "title": "One", "url": ""}, {"id": "d2", "title": "Two", "url": ""}]}


def result(structured: Any, *texts: str, error: bool = False) -> CallToolResult:
    content = [TextContent(type="text", text=text) for text in texts]
    return CallToolResult.model_validate(
        {"content": [item.model_dump() for item in content], "structuredContent": structured, "isError": error}
    )


def test_the_first_result_is_taken() -> None:
    assert first_id(result(FOUND, json.dumps(FOUND)), "words") == "d1"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (result(None, json.dumps(FOUND)), "without structured content"),
        (result(FOUND), "no single text item"),
        (result(FOUND, json.dumps(FOUND), json.dumps(FOUND)), "no single text item"),
        (result(FOUND, "{}"), "no single text item"),
        (result(FOUND, "not json"), "no single text item"),
        (result(FOUND, "index is gone", error=True), "a tool error: index is gone"),
        (result({"results": []}, '{"results": []}'), "no result for 'words'"),
        (result({"results": [{"id": 1}]}, '{"results": [{"id": 1}]}'), "a result without an id"),
        (result({"results": ["d1"]}, '{"results": ["d1"]}'), "a result without an id"),
    ],
)
def test_an_answer_of_another_shape_is_told_at_the_search(answer: CallToolResult, found: str) -> None:
    with pytest.raises(LinkFailed, match=found) as caught:
        first_id(answer, "words")
    assert caught.value.step is Step.SEARCH


def test_a_document_is_given_back_whole() -> None:
    document = {"id": "d1", "title": "One", "text": "text", "url": "", "metadata": {"page": "1"}}
    assert read_document(result(document, json.dumps(document)), "d1") == document
