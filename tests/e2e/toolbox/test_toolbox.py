"""Two people at one server: what each sees, what each may call, and who reads the code (G3, G4, G5, Q9, Q25)."""

import json
from typing import Any

import httpx2
import pytest
from models import PNG
from toolbox_stack import Toolbox
from wire import LEGACY, MODERN, answer_of, call

pytestmark = pytest.mark.stack

_FOR_ALL = ["add", "analyze_code_with_llm", "get_github_user_info"]
_IMAGE = {"name": "generate_image", "arguments": {"prompt": "a cat on a hill"}}
_CODE = {"name": "analyze_code_with_llm", "arguments": {"code": "a + b", "analysis_type": "find_bugs"}}
_SAMPLING: dict[str, Any] = {"io.modelcontextprotocol/clientCapabilities": {"sampling": {}}}


async def listed(http: httpx2.AsyncClient, url: str, token: str | None, era: str) -> list[str]:
    answer = answer_of(await call(http, url, "tools/list", token=token, era=era))
    return sorted(tool["name"] for tool in answer["result"]["tools"])


@pytest.mark.parametrize("era", [MODERN, LEGACY])
async def test_without_a_token_everybody_can_add_and_nothing_else(
    toolbox: Toolbox, http: httpx2.AsyncClient, era: str
) -> None:
    params = {"name": "add", "arguments": {"a": 40, "b": 2}}
    added = answer_of(await call(http, toolbox.url, "tools/call", params, era=era))
    assert added["result"]["structuredContent"] == {"result": 42}
    assert await listed(http, toolbox.url, None, era) == _FOR_ALL
    assert (await call(http, toolbox.url, "tools/call", _CODE, era=era)).status_code == 401


async def test_the_list_and_the_call_differ_by_who_asks(toolbox: Toolbox, http: httpx2.AsyncClient) -> None:
    ada, grace = await toolbox.token(0, "read", "write"), await toolbox.token(1, "read", "write")
    for era in (MODERN, LEGACY):
        assert await listed(http, toolbox.url, ada, era) == sorted([*_FOR_ALL, "generate_image"])
        assert await listed(http, toolbox.url, grace, era) == _FOR_ALL
        made = answer_of(await call(http, toolbox.url, "tools/call", _IMAGE, token=ada, era=era))["result"]
        assert made.get("isError") is not True, made
        image, link, text = made["content"]
        assert (image["type"], image["mimeType"], image["data"]) == ("image", "image/png", PNG)
        assert (link["type"], link["uri"].partition("toolbox://images/")[0]) == ("resource_link", "")
        assert link["uri"] in text["text"]
        unknown = {**_IMAGE, "name": "no_such_tool"}
        for params in (_IMAGE, unknown):
            refused = answer_of(await call(http, toolbox.url, "tools/call", params, token=grace, era=era))["result"]
            assert refused["isError"] is True
            assert refused["content"][0]["text"] == f"Unknown tool: {params['name']!r}"
    # The link leads to the image for the one who had it made, and for nobody else.
    read = {"uri": link["uri"]}
    again = answer_of(await call(http, toolbox.url, "resources/read", read, token=ada, era=LEGACY))
    assert again["result"]["contents"][0]["blob"] == PNG
    denied = answer_of(await call(http, toolbox.url, "resources/read", read, token=grace, era=LEGACY))
    assert "result" not in denied
    assert len(toolbox.models.calls("/v1/images/generations")) == 2


async def test_a_github_login_counts_by_its_claim_and_the_same_word_as_a_user_name_does_not(
    toolbox: Toolbox, http: httpx2.AsyncClient
) -> None:
    admin = toolbox.stack.admin.keycloak
    [found] = admin.get_users({"username": "grace", "exact": "true"})
    grace = admin.get_user(found["id"])
    admin.update_user(grace["id"], grace | {"attributes": {**grace.get("attributes", {}), "github_login": ["OctoCat"]}})
    try:
        token = await toolbox.token(1, "read", "write")
        assert "generate_image" in await listed(http, toolbox.url, token, MODERN)
    finally:
        admin.update_user(grace["id"], grace | {"attributes": grace.get("attributes", {})})
    token = await toolbox.token(1, "read", "write")
    assert "generate_image" not in await listed(http, toolbox.url, token, MODERN)


async def test_code_is_read_by_the_client_s_model_else_by_the_endpoint(
    toolbox: Toolbox, http: httpx2.AsyncClient
) -> None:
    token = await toolbox.token(1, "read")
    first = answer_of(await call(http, toolbox.url, "tools/call", {**_CODE, "_meta": _SAMPLING}, token=token))["result"]
    assert first["resultType"] == "input_required"
    asked = first["inputRequests"]["analysis"]
    assert asked["method"] == "sampling/createMessage"
    assert asked["params"]["maxTokens"] == 500
    said = {"role": "assistant", "model": "mine", "content": {"type": "text", "text": "None."}, "stopReason": "endTurn"}
    back = {**_CODE, "_meta": _SAMPLING, "inputResponses": {"analysis": said}}
    if state := first.get("requestState"):
        back["requestState"] = state
    done = answer_of(await call(http, toolbox.url, "tools/call", back, token=token))["result"]
    assert done["structuredContent"] == {"analysis": "None.", "model": "mine", "by": "client", "cut_off": False}
    assert toolbox.models.calls("/v1/chat/completions") == []
    for era in (MODERN, LEGACY):
        done = answer_of(await call(http, toolbox.url, "tools/call", _CODE, token=token, era=era))["result"]
        assert done["structuredContent"]["analysis"] == "Line 1: no bug.", json.dumps(done)
        assert done["structuredContent"]["by"] == "server"
    assert len(toolbox.models.calls("/v1/chat/completions")) == 2


async def test_of_github_there_is_one_tool_with_its_prompt_and_it_gives_the_link(
    toolbox: Toolbox, http: httpx2.AsyncClient
) -> None:
    token = await toolbox.token(1, "read")
    who = {"name": "get_github_user_info", "arguments": {}}
    answer = answer_of(await call(http, toolbox.url, "tools/call", who, token=token))["result"]
    assert answer["isError"] is True
    assert f"{toolbox.stack.public_base}/toolbox/accounts?link=github" in answer["content"][0]["text"]
    prompts = answer_of(await call(http, toolbox.url, "prompts/list", token=token))["result"]["prompts"]
    assert [prompt["name"] for prompt in prompts] == ["github_user_summary"]
