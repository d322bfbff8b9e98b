"""Packs on FastMCP: what callers read when a tool or a prompt fails, and what they do not."""

from typing import Annotated, Any

import pytest
from fastmcp import FastMCP
from protected import Serve, result_of
from pydantic import Field

from gatelodge.app.bridge.packs import add_packs
from gatelodge.core.codes import Code
from gatelodge.core.problem import META, problem
from gatelodge.storage.errors import StorageUnavailable
from gatelodge.toolpacks.errors import ArgumentRefused
from gatelodge.toolpacks.pack import Pack, PackContext, PackPrompt, PackResult, PackTool
from gatelodge.toolpacks.text import Texts


class Echo(PackResult):
    """What was said, and by whom."""

    said: str
    by: str


async def echo(api: PackContext, /, word: Annotated[str, Field(max_length=20)], times: int = 1) -> Echo:
    """Say a word again."""
    if word == "refuse":
        raise ArgumentRefused("That word is not said.", hint="Say another one.")
    if word == "away":
        raise StorageUnavailable("canary: the disk of db7 is full")
    return Echo(said=word * times, by=api.title, notice=api.texts.notice())


def greet(name: str = "") -> str:
    """Greet someone."""
    if name == "nobody":
        raise ArgumentRefused("There is nobody.", hint="Name someone.")
    return f"Greet {name or 'them'}."


PACK = Pack(
    name="echo",
    title="Echo",
    provider="echo",
    tools=(PackTool(echo, "write", "Echo: say", asks=(), calls=()),),
    prompts=(PackPrompt(greet, "Greeting"),),
    instructions="Echo: say it once.",
)


async def bind(pack: Pack) -> PackContext:
    return PackContext(None, None, str, pack.title, Texts(pack.title))  # type: ignore[arg-type]


def server() -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("notes", instructions="Notes.")
    add_packs(mcp, [PACK], scopes="notes", bind=bind)
    return mcp


async def test_a_tool_gets_its_arguments_with_defaults_and_answers_by_its_model(serve: Serve) -> None:
    served = await serve(server())
    writer = served.bearer("notes:write")
    call = {"name": "echo", "arguments": {"word": "ab"}}
    result = result_of(await served.rpc("tools/call", call, writer))["result"]
    assert result["structuredContent"]["said"] == "ab"
    assert result["structuredContent"]["by"] == "Echo"
    long = {"name": "echo", "arguments": {"word": "a" * 21}}
    assert result_of(await served.rpc("tools/call", long, writer))["result"]["isError"] is True
    bound = {"name": "echo", "arguments": {"word": "ab", "api": {}}}
    assert result_of(await served.rpc("tools/call", bound, writer))["result"]["isError"] is True


async def test_a_packs_own_words_reach_the_caller_and_details_of_other_faults_do_not(serve: Serve) -> None:
    served = await serve(server())
    writer = served.bearer("notes:write")
    texts = {}
    for word in ("refuse", "away"):
        answer = result_of(await served.rpc("tools/call", {"name": "echo", "arguments": {"word": word}}, writer))
        assert answer["result"]["isError"] is True
        texts[word] = answer["result"]["content"][0]["text"]
    assert texts["refuse"] == "That word is not said. Say another one."
    assert "does not answer right now" in texts["away"]
    assert "canary" not in texts["away"]


@pytest.mark.parametrize("era", ["modern", "2025-11-25"])
async def test_a_tools_error_has_the_members_of_every_error_beside_its_text(serve: Serve, era: str) -> None:
    served = await serve(server())
    writer = served.bearer("notes:write")
    for word, code in (("refuse", Code.ARGUMENT_REFUSED), ("away", Code.STORAGE_UNAVAILABLE)):
        call = {"name": "echo", "arguments": {"word": word}}
        if era == "modern":
            answer = await served.rpc("tools/call", call, writer)
        else:
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
            wire = {"accept": "application/json, text/event-stream", "mcp-protocol-version": era}
            answer = await served.http.post("/mcp", json=body, headers=writer | wire)
        result = result_of(answer)["result"]
        assert result["isError"] is True
        assert result.get("structuredContent") is None
        told = result["_meta"][META]
        assert told.pop("request_id") == answer.headers["x-request-id"]
        text = result["content"][0]["text"]
        hint = "Say another one." if word == "refuse" else code.meaning.hint
        assert told == problem(code, None, detail=text, hint=hint)
        assert "canary" not in answer.text


async def test_a_prompt_needs_the_reading_scope_and_says_what_is_wrong(serve: Serve) -> None:
    served = await serve(server())
    reader = served.bearer("notes:read")
    found = result_of(await served.rpc("prompts/get", {"name": "greet", "arguments": {"name": "Ada"}}, reader))
    assert found["result"]["messages"][0]["content"]["text"] == "Greet Ada."
    wrong = await served.rpc("prompts/get", {"name": "greet", "arguments": {"name": "nobody"}}, reader)
    assert "There is nobody." in wrong.text
    assert (await served.rpc("prompts/get", {"name": "greet"}, served.bearer("other:read"))).status_code == 403


def test_the_servers_instructions_gain_those_of_its_packs() -> None:
    assert server().instructions == "Notes.\nEcho: say it once."
