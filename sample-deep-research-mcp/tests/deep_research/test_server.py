"""The tools as a client sees them, through FastMCP's client in memory."""

import json
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from deep_research.shelf import Shelf
from fastmcp import Client, FastMCP
from mcp_types import CallToolResult, TextContent

from gatelodge import Principal
from sample.library import Library
from sample.server import create_server


@dataclass
class Desk:
    """A client, and the user it is for now."""

    client: Client[Any]
    shelf: Shelf
    user: Principal | None

    async def call(self, tool: str, **arguments: object) -> CallToolResult:
        return await self.client.call_tool_mcp(tool, arguments)

    async def answer(self, tool: str, **arguments: object) -> dict[str, Any]:
        result = await self.call(tool, **arguments)
        assert not result.is_error, result
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    async def refusal(self, tool: str, **arguments: object) -> str:
        result = await self.call(tool, **arguments)
        assert result.is_error
        return text_of(result)


def text_of(result: CallToolResult) -> str:
    [item] = result.content
    assert isinstance(item, TextContent)
    return item.text


@pytest.fixture
async def desk(shelf: Shelf) -> AsyncIterator[Desk]:
    shelf.url_of = lambda path, _: f"https://docs.example/{path}"
    shelf.write("tokens.md", "# Tokens\n\nAccess tokens expire after five minutes.")
    shelf.write("long.txt", "filler line of words\n" * 4_000)

    def caller() -> Principal | None:
        return made.user

    server: FastMCP[Any] = create_server(shelf.open(), caller=caller)
    async with Client(server) as client:
        made = Desk(client, shelf, Principal("https://issuer.example", "alice"))
        yield made


async def test_search_and_fetch_take_one_string_and_say_what_they_give(desk: Desk) -> None:
    tools = {tool.name: tool for tool in await desk.client.list_tools()}
    assert set(tools) == {"search", "fetch", "save_note"}
    for name, argument, members in (
        ("search", "query", {"results"}),
        ("fetch", "id", {"id", "title", "text", "url", "metadata"}),
    ):
        schema, output = tools[name].input_schema, tools[name].output_schema
        assert list(schema["properties"]) == schema["required"] == [argument]
        assert schema["properties"][argument]["type"] == "string"
        assert output is not None
        assert set(output["properties"]) == members
    search = tools["search"].output_schema
    assert search is not None
    assert set(search["properties"]["results"]["items"]["properties"]) == {"id", "title", "url"}


async def test_every_tool_has_a_title_a_description_and_explicit_hints(desk: Desk) -> None:
    for tool in await desk.client.list_tools():
        assert tool.title
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (tool.name != "save_note")
        assert tool.annotations.destructive_hint is False
        assert tool.annotations.open_world_hint is False
        assert tool.annotations.idempotent_hint is (tool.name != "save_note")


async def test_search_answers_ids_titles_and_urls_in_both_forms(desk: Desk) -> None:
    result = await desk.call("search", query="when do access tokens expire?")
    assert result.structured_content is not None
    [hit] = result.structured_content["results"]
    assert hit == {"id": hit["id"], "title": "Tokens", "url": "https://docs.example/tokens.md"}
    assert json.loads(text_of(result)) == result.structured_content


async def test_fetch_answers_the_document_in_both_forms(desk: Desk) -> None:
    [hit] = (await desk.answer("search", query="tokens"))["results"]
    result = await desk.call("fetch", id=hit["id"])
    assert result.structured_content is not None
    assert json.loads(text_of(result)) == result.structured_content
    document = result.structured_content
    assert set(document) == {"id", "title", "text", "url", "metadata"}
    assert (document["id"], document["title"], document["url"]) == (hit["id"], hit["title"], hit["url"])
    assert document["text"] == "# Tokens\n\nAccess tokens expire after five minutes."
    assert all(isinstance(value, str) for value in document["metadata"].values())


async def test_a_long_document_is_read_part_by_part(desk: Desk) -> None:
    [hit] = (await desk.answer("search", query="filler"))["results"]
    text, next_id = "", hit["id"]
    while next_id:
        part = await desk.answer("fetch", id=next_id)
        text, next_id = text + part["text"], part["metadata"].get("next_id")
    assert text == "filler line of words\n" * 4_000


@pytest.mark.parametrize("query", ["", "  ", "?", "zyzzyva"])
async def test_nothing_found_is_an_empty_list(desk: Desk, query: str) -> None:
    assert await desk.answer("search", query=query) == {"results": []}


@pytest.mark.parametrize("bad", ["", "nope", "../../etc/passwd", "tokens.md", "~2", "/d/x"])
async def test_an_unknown_id_is_a_tool_error_that_says_what_to_do(desk: Desk, bad: str) -> None:
    assert await desk.refusal("fetch", id=bad) == ("There is no document with this id. Use an id from a search result.")


async def test_a_query_has_a_thousand_characters_at_most(desk: Desk) -> None:
    assert await desk.answer("search", query="é" * 1_000) == {"results": []}
    assert "at most 1000 characters" in await desk.refusal("search", query="x" * 1_001)


async def test_a_note_belongs_to_the_user_who_saved_it(desk: Desk) -> None:
    note = await desk.answer("save_note", title=" Plan ", text="meet at noon")
    assert note == {"id": note["id"], "title": "Plan", "url": ""}
    assert await desk.answer("search", query="noon") == {"results": [note]}
    fetched = await desk.answer("fetch", id=note["id"])
    assert (fetched["text"], fetched["metadata"]["type"]) == ("meet at noon", "note")
    for other in (Principal("https://issuer.example", "bob"), Principal("https://other.example", "alice")):
        desk.user = other
        assert await desk.answer("search", query="noon") == {"results": []}
        assert "no document with this id" in await desk.refusal("fetch", id=note["id"])


@pytest.mark.parametrize(
    ("title", "text", "fault"),
    [
        ("", "x", "at least 1 character"),
        ("   ", "x", "at least 1 character"),
        ("x" * 201, "x", "at most 200 characters"),
        ("x", " \n ", "at least 1 character"),
        ("x", "x" * 100_001, "at most 100000 characters"),
        ("x", "\ud800", "valid string"),
    ],
)
async def test_a_note_of_the_wrong_size_is_refused_in_words(desk: Desk, title: str, text: str, fault: str) -> None:
    assert fault in await desk.refusal("save_note", title=title, text=text)


async def test_a_full_notebook_is_refused_in_words(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sample.notes._MOST_NOTES", 0)
    assert "no more can be kept" in await desk.refusal("save_note", title="x", text="x")


async def test_nobody_is_answered_without_a_principal(desk: Desk) -> None:
    desk.user = None
    assert await desk.refusal("search", query="tokens") == "Sign in first."


async def test_the_instructions_say_how_to_use_the_tools_in_512_characters(desk: Desk) -> None:
    instructions = desk.client.instructions
    assert instructions is not None
    assert len(instructions) <= 512
    assert all(name in instructions.lower() for name in ("search", "fetch", "next_id", "save_note"))


async def test_tools_run_beside_the_event_loop(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def search(self: Library, query: str, owner: str) -> list[object]:
        threads.append(threading.current_thread())
        return []

    monkeypatch.setattr(Library, "search", search)
    async with Client(create_server(shelf.open(), caller=lambda: Principal("iss", "sub"))) as client:
        await client.call_tool("search", {"query": "x"})
    assert threads != [threading.main_thread()]
