"""Notion's tools: what they ask for, what they answer, and what they do where Notion takes no Markdown."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pack_calls import Calls
from pydantic import ValidationError
from scripted_provider import ScriptedProvider

from gatelodge.toolpacks.errors import ArgumentRefused, PackFault
from gatelodge.toolpacks.notion.markdown import blocks
from gatelodge.toolpacks.notion.tools import PACK
from gatelodge.toolpacks.notion.values import shown

PAGE = "59833787-2cf9-4fdf-8782-e53db20768a5"
SOURCE = "59833787-2cf9-4fdf-8782-e53db20768a6"
BLOCK = "59833787-2cf9-4fdf-8782-e53db20768a7"
TITLE = {"type": "title", "title": [{"plain_text": "Plan "}, {"plain_text": "B"}]}
FOUND = {
    "object": "page",
    "id": PAGE,
    "properties": {"Name": TITLE},
    "parent": {"type": "page_id", "page_id": BLOCK},
    "last_edited_time": "2026-01-02T03:04:00.000Z",
    "url": "https://www.notion.so/Plan-B-5983",
}


@pytest.fixture
async def linked(calls: Calls) -> Calls:
    await calls.link("notion", {"access_token": "ntn_alice"})
    return calls


def body(provider: ScriptedProvider, number: int = -1) -> Any:
    return json.loads(provider.asked[number].body)


async def test_a_search_gives_ids_and_the_next_page(linked: Calls, provider: ScriptedProvider) -> None:
    source = {"object": "data_source", "id": SOURCE, "title": [{"plain_text": "Tasks"}]}
    provider.will(
        "/v1/search",
        (200, {"results": [FOUND, source], "has_more": True, "next_cursor": BLOCK}),
        (200, {"results": [], "has_more": False, "next_cursor": None}),
    )
    found = await linked.call(PACK, "search_notion", words="plan", limit=2)
    assert [(one["id"], one["kind"]) for one in found["results"]] == [(PAGE, "page"), (SOURCE, "data_source")]
    assert "Plan B" in found["results"][0]["title"]
    assert found["results"][0]["parent"] == BLOCK
    last = await linked.call(PACK, "search_notion", words="plan", kind="page", cursor=found["next_cursor"])
    assert last["next_cursor"] is None
    assert body(provider, 0) == {
        "query": "plan",
        "page_size": 2,
        "sort": {"timestamp": "last_edited_time", "direction": "descending"},
    }
    assert body(provider)["start_cursor"] == BLOCK
    assert body(provider)["filter"] == {"property": "object", "value": "page"}


async def test_pages_are_listed_without_words(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will("/v1/search", (200, {"results": [FOUND]}))
    found = await linked.call(PACK, "list_notion_pages")
    assert found["results"][0]["last_edited_at"] == "2026-01-02T03:04:00.000Z"
    assert "query" not in body(provider)


async def test_a_page_is_read_with_the_blocks_that_were_left_out(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(f"/v1/pages/{PAGE}", (200, FOUND))
    whole = {"markdown": "# A", "truncated": True, "unknown_block_ids": [BLOCK, SOURCE]}
    provider.will(f"/v1/pages/{PAGE}/markdown", (200, whole))
    provider.will(f"/v1/pages/{BLOCK}/markdown", (200, {"markdown": "rest", "truncated": False}))
    found = await linked.call(PACK, "get_notion_page", page=PAGE)
    assert "# A\n\nrest" in found["markdown"]
    assert found["incomplete"] is True
    versions = {asked.url.rsplit("/", 1)[-1]: asked.headers["notion-version"] for asked in provider.asked}
    assert versions == {PAGE: "2025-09-03", "markdown": "2026-03-11"}
    provider.will(f"/v1/pages/{SOURCE}/markdown", (200, {"markdown": "end"}))
    assert (await linked.call(PACK, "get_notion_page", page=PAGE))["incomplete"] is False


async def test_a_failure_while_reading_a_page_is_no_shorter_page(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will(f"/v1/pages/{PAGE}", (200, FOUND))
    provider.will(f"/v1/pages/{PAGE}/markdown", (200, {"markdown": "a", "unknown_block_ids": [BLOCK]}))
    provider.will(f"/v1/pages/{BLOCK}/markdown", (500, {}))
    with pytest.raises(PackFault, match="does not answer"):
        await linked.call(PACK, "get_notion_page", page=PAGE)


async def test_a_long_page_comes_in_parts_that_make_the_whole(linked: Calls, provider: ScriptedProvider) -> None:
    text = "".join(f"line {number}\n" for number in range(5000))
    provider.will(f"/v1/pages/{PAGE}", (200, FOUND))
    provider.will(f"/v1/pages/{PAGE}/markdown", (200, {"markdown": text}))
    parts, cursor = list[str](), None
    while not parts or cursor:
        found = await linked.call(PACK, "get_notion_page", page=PAGE, cursor=cursor)
        part, notice = found["markdown"], found["notice"]
        assert notice["truncated"] is False
        parts.append(part.removeprefix(notice["opens"]).removesuffix(notice["closes"]))
        cursor = found["next_cursor"]
    assert len(parts) == 4
    assert len(provider.asked) == 2, "all parts are of one reading"
    await linked.call(PACK, "get_notion_page", page=PAGE)
    assert len(provider.asked) == 4, "who begins again reads what is there now"
    assert "\n".join(parts) == text.strip()
    with pytest.raises(ArgumentRefused, match="cursor"):
        await linked.call(PACK, "get_notion_page", page=PAGE, cursor="x")


async def test_a_page_is_made_of_markdown(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will("/v1/pages", (200, FOUND))
    made = await linked.call(PACK, "create_notion_page", title="Plan  B", markdown="# A", parent_page=PAGE)
    assert made["page"]["id"] == PAGE
    assert provider.asked[0].headers["notion-version"] == "2026-03-11"
    assert body(provider) == {
        "parent": {"type": "page_id", "page_id": PAGE},
        "properties": {"title": {"title": [{"type": "text", "text": {"content": "Plan B"}}]}},
        "markdown": "# A",
    }
    await linked.call(PACK, "create_notion_page", title="x", parent_data_source=SOURCE)
    assert body(provider)["parent"] == {"type": "data_source_id", "data_source_id": SOURCE}
    assert "markdown" not in body(provider)


async def test_where_notion_takes_no_markdown_the_page_is_made_of_blocks(
    linked: Calls, provider: ScriptedProvider
) -> None:
    refused = {"object": "error", "code": "validation_error", "message": "body.markdown should be not present"}
    provider.will("/v1/pages", (400, refused), (200, FOUND))
    provider.will(f"/v1/blocks/{PAGE}/children", (200, {}))
    await linked.call(PACK, "create_notion_page", title="x", markdown="a\n\n" * 250, parent_page=PAGE)
    assert [asked.method for asked in provider.asked] == ["POST", "POST", "PATCH", "PATCH"]
    assert [len(body(provider, number)["children"]) for number in (1, 2, 3)] == [100, 100, 50]


@pytest.mark.parametrize(
    ("answer", "why"),
    [((429, {"code": "rate_limited"}), "no more calls"), ((401, {}), "no Notion account"), ((503, {}), "answer")],
)
async def test_a_page_that_was_made_is_told_of_although_its_end_is_missing(
    linked: Calls, provider: ScriptedProvider, answer: Any, why: str
) -> None:
    refused = {"object": "error", "code": "validation_error", "message": "body.markdown should be not present"}
    provider.will("/v1/pages", (400, refused), (200, FOUND))
    provider.will(f"/v1/blocks/{PAGE}/children", (200, {}), answer)
    made = await linked.call(PACK, "create_notion_page", title="x", markdown="a\n\n" * 250, parent_page=PAGE)
    assert (made["page"]["id"], made["incomplete"]) == (PAGE, True)
    assert made["missing"].startswith("Blocks 201 to 250 of 250: ")
    assert why in made["missing"]
    assert "again" not in made["missing"]


async def test_another_refusal_is_not_taken_for_that(linked: Calls, provider: ScriptedProvider) -> None:
    provider.will("/v1/pages", (400, {"code": "validation_error", "message": "parent is not shared"}))
    with pytest.raises(PackFault, match="parent is not shared"):
        await linked.call(PACK, "create_notion_page", title="x", markdown="a", parent_page=PAGE)
    assert len(provider.asked) == 1


async def test_a_page_needs_one_place(linked: Calls, provider: ScriptedProvider) -> None:
    for places in ({}, {"parent_page": PAGE, "parent_data_source": SOURCE}):
        with pytest.raises(ArgumentRefused, match="either"):
            await linked.call(PACK, "create_notion_page", title="x", **places)
    assert not provider.asked


async def test_rows_are_read_with_their_properties(linked: Calls, provider: ScriptedProvider) -> None:
    properties = {"Name": TITLE, "Done": {"type": "checkbox", "checkbox": True}}
    provider.will(f"/v1/data_sources/{SOURCE}/query", (200, {"results": [FOUND | {"properties": properties}]}))
    where = {"property": "Done", "checkbox": {"equals": True}}
    order = [{"property": "Name", "direction": "ascending"}]
    found = await linked.call(PACK, "query_notion_data_source", data_source=SOURCE, conditions=where, sorts=order)
    (row,) = found["rows"]
    assert row["page"]["id"] == PAGE
    assert [(one["kind"], "yes" in one["value"]) for one in row["properties"]] == [("checkbox", True)]
    assert body(provider) == {"filter": where, "sorts": order, "page_size": 20}


@pytest.mark.parametrize("page", ["x", PAGE + "/markdown", "..", PAGE.upper(), PAGE + "\n"])
async def test_an_argument_that_is_no_id_is_refused(linked: Calls, page: str) -> None:
    with pytest.raises(ValidationError):
        await linked.call(PACK, "get_notion_page", page=page)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"type": "rich_text", "rich_text": [{"plain_text": "a"}, {"plain_text": "b"}]}, "ab"),
        ({"type": "number", "number": 1.5}, "1.5"),
        ({"type": "select", "select": {"name": "Red"}}, "Red"),
        ({"type": "select", "select": None}, ""),
        ({"type": "multi_select", "multi_select": [{"name": "a"}, {"name": "b"}]}, "a, b"),
        ({"type": "people", "people": [{"id": "u1"}]}, "u1"),
        ({"type": "date", "date": {"start": "2026-01-01", "end": "2026-01-02"}}, "2026-01-01 to 2026-01-02"),
        ({"type": "unique_id", "unique_id": {"prefix": "T", "number": 7}}, "T-7"),
        ({"type": "formula", "formula": {"type": "string", "string": "x"}}, "x"),
        ({"type": "rollup", "rollup": {"type": "array", "array": [{"type": "number", "number": 2}]}}, "2"),
        ({"type": "url", "url": "https://a.example"}, "https://a.example"),
        ({"type": "button", "button": {}}, ""),
        ({"type": "people", "people": 7}, ""),
        (7, ""),
    ],
)
def test_a_property_is_shown_as_text(value: Any, expected: str) -> None:
    assert shown(value) == expected


def test_markdown_becomes_blocks() -> None:
    found = blocks("## T\n\n- a **b**\n  - c\n\n1. d\n\n> q\n\n```python\nx\n```\n\n---\n\n[l](https://a.example) `c`")
    assert [block["type"] for block in found] == [
        "heading_2",
        "bulleted_list_item",
        "numbered_list_item",
        "quote",
        "code",
        "divider",
        "paragraph",
    ]
    item = found[1]["bulleted_list_item"]
    assert item["rich_text"][1] == {"type": "text", "text": {"content": "b"}, "annotations": {"bold": True}}
    assert item["children"][0]["type"] == "bulleted_list_item"
    assert found[4]["code"]["language"] == "python"
    assert found[6]["paragraph"]["rich_text"][0]["text"] == {"content": "l", "link": {"url": "https://a.example"}}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["a ", "\n\n", "- ", "  ", "1. ", "> ", "|a|\n|-|\n", "```\n", "x" * 4500, "# "])).map(
        "".join
    )
)
def test_no_block_is_beyond_notions_limits(text: str) -> None:
    def check(block: dict[str, Any], depth: int) -> None:
        content = block[block["type"]]
        assert all(len(run["text"]["content"]) <= 2000 for run in content.get("rich_text", []))
        assert depth <= 2
        assert len(content.get("children", [])) <= 100
        for child in content.get("children", []):
            check(child, depth + 1)

    for block in blocks(text):
        check(block, 1)
