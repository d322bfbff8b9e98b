"""The step-up of a signed-in caller: HTTP 403 for everyone, in the tool's result for ChatGPT."""

import json
from typing import Any

import pytest
from protected import Serve, mixed_server, private_server, result_of

from gatelodge.core.problem import META

CHATGPT = {"user-agent": "openai-mcp/1.0.0 (+https://openai.com/bot)"}
WRITE: dict[str, Any] = {"name": "write", "arguments": {}}
METADATA = "https://localhost:8443/.well-known/oauth-protected-resource/mcp"


def legacy(params: dict[str, Any], request_id: object = 7) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_chatgpt_gets_the_challenge_in_the_result_and_in_the_header(serve: Serve, era: str) -> None:
    served = await serve(private_server())
    headers = {**served.bearer("notes:read"), **CHATGPT}
    if era == "modern":
        response = await served.rpc("tools/call", WRITE, headers)
    else:
        accept = {"accept": "application/json, text/event-stream"}
        response = await served.http.post("/mcp", json=legacy(WRITE), headers=headers | accept)
    message = result_of(response)
    result = message["result"]
    assert message["id"] == (1 if era == "modern" else 7)
    assert result["isError"] is True
    assert [item["type"] for item in result["content"]] == ["text"]
    (challenge,) = result["_meta"]["mcp/www_authenticate"]
    assert challenge == response.headers["www-authenticate"]
    assert f'resource_metadata="{METADATA}"' in challenge
    assert 'scope="notes:write"' in challenge
    assert 'error="insufficient_scope"' in challenge
    assert "error_description=" in challenge
    told = result["_meta"][META]
    assert (told["code"], told["request_id"]) == ("scope_missing", response.headers["x-request-id"])
    assert result.get("resultType") == ("complete" if era == "modern" else None)
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json, text/event-stream", "text/event-stream"),
        ("text/event-stream", "text/event-stream"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
    ],
)
async def test_the_form_of_the_answer_follows_accept(serve: Serve, accept: str, content_type: str) -> None:
    served = await serve(private_server())
    headers = {**served.bearer("notes:read"), **CHATGPT, "accept": accept}
    response = await served.rpc("tools/call", WRITE, headers)
    assert response.headers["content-type"].startswith(content_type)
    assert result_of(response)["result"]["isError"] is True


async def test_the_result_is_one_that_the_sdk_reads(serve: Serve) -> None:
    from mcp_types.methods import parse_server_result

    served = await serve(private_server())
    headers = {**served.bearer("notes:read"), **CHATGPT}
    for version in ("2025-11-25", "2026-07-28"):
        if version == "2026-07-28":
            response = await served.rpc("tools/call", WRITE, headers)
        else:
            response = await served.http.post("/mcp", json=legacy(WRITE), headers=headers)
        parse_server_result("tools/call", version, result_of(response)["result"])


@pytest.mark.parametrize("agent", ["claude-code/2.1.197", "Mozilla/5.0 openai-mcp/1.0.0", "openai-mcp", ""])
async def test_every_other_client_gets_a_real_403(serve: Serve, agent: str) -> None:
    served = await serve(private_server())
    response = await served.rpc("tools/call", WRITE, {**served.bearer("notes:read"), "user-agent": agent})
    assert response.status_code == 403


async def test_a_missing_or_invalid_token_is_401_for_chatgpt_too(serve: Serve) -> None:
    for mcp in (private_server(), mixed_server()):
        served = await serve(mcp)
        params = {"name": "read", "arguments": {}}
        for headers in ({}, served.bearer("notes:read", exp=1), served.bearer("notes:read", aud="https://else/mcp")):
            response = await served.rpc("tools/call", params, {**CHATGPT, **headers})
            assert response.status_code == 401
            assert "resource_metadata" in response.headers["www-authenticate"]


async def test_prompts_and_resources_have_no_result_for_a_challenge(serve: Serve) -> None:
    served = await serve(private_server())
    headers = {**served.bearer(), **CHATGPT}
    assert (await served.rpc("prompts/get", {"name": "summary"}, headers)).status_code == 403
    uri = "notes://all"
    assert (await served.rpc("resources/read", {"uri": uri}, {**headers, "mcp-name": uri})).status_code == 403


@pytest.mark.parametrize("request_id", [None, True, 1.5, [], {}])
async def test_without_a_usable_id_there_is_no_result_to_answer(serve: Serve, request_id: object) -> None:
    served = await serve(private_server())
    headers = {**served.bearer("notes:read"), **CHATGPT}
    assert (await served.http.post("/mcp", json=legacy(WRITE, request_id), headers=headers)).status_code == 403


async def test_what_a_role_denies_stays_unknown_for_chatgpt(serve: Serve) -> None:
    served = await serve(private_server())
    answers = []
    for name in ("purge", "nosuch"):
        response = await served.rpc("tools/call", {"name": name}, {**served.bearer("notes:read"), **CHATGPT})
        answers.append((response.status_code, json.dumps(result_of(response)).replace(name, "NAME")))
    assert answers[0] == answers[1]
    assert "www_authenticate" not in answers[0][1]
