"""The rules of both MCP revisions for Streamable HTTP, as a signed-in client meets them on a protected server."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token, get_http_headers
from protected import MODERN, Serve, Served, private_server, result_of

from gatelodge import requires

LEGACY = {"accept": "application/json, text/event-stream"}
VERSION = "io.modelcontextprotocol/protocolVersion"
KNOWN = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


async def post(served: Served, message: Mapping[str, Any], headers: Mapping[str, str]) -> httpx2.Response:
    """One message of the older era, or one that no client library would send."""
    return await served.http.post("/mcp", json=message, headers={**LEGACY, **headers})


def error(response: httpx2.Response) -> tuple[int, int]:
    """HTTP status and JSON-RPC code of a refusal."""
    return response.status_code, response.json()["error"]["code"]


def initialize(version: str) -> dict[str, Any]:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(private_server())


@pytest.fixture
def reader(served: Served) -> dict[str, str]:
    return served.bearer("notes:read")


@pytest.mark.requirement("MCP26-HTTP-method-header")
async def test_a_method_header_that_is_not_the_bodys_is_refused(served: Served, reader: dict[str, str]) -> None:
    assert error(await served.rpc("tools/list", headers={**reader, "mcp-method": "tools/call"})) == (400, -32020)
    assert (await served.rpc("tools/list", headers={**reader, "mcp-method": "Tools/List"})).status_code == 400


@pytest.mark.requirement("MCP26-HTTP-name-header")
@pytest.mark.parametrize("name", ["write", "READ", "", "=?base64?d3JpdGU=?="])
async def test_a_name_header_that_is_not_the_bodys_is_refused(
    served: Served, reader: dict[str, str], name: str
) -> None:
    call = {"name": "read", "arguments": {}}
    assert error(await served.rpc("tools/call", call, {**reader, "mcp-name": name})) == (400, -32020)


@pytest.mark.requirement("MCP26-HTTP-name-header")
async def test_a_missing_name_header_is_refused(served: Served, reader: dict[str, str]) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read", "_meta": MODERN}}
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", **reader}
    assert error(await post(served, call, headers)) == (400, -32020)


@pytest.mark.requirement("MCP26-HTTP-version-header")
@pytest.mark.parametrize("named", [*KNOWN, "2099-01-01", ""])
async def test_a_version_header_that_is_not_the_bodys_is_refused(
    served: Served, reader: dict[str, str], named: str
) -> None:
    for method, params in (("tools/list", {}), ("tools/call", {"name": "read", "arguments": {}})):
        response = await served.rpc(method, params, {**reader, "mcp-protocol-version": named})
        assert error(response) == (400, -32020)


@pytest.mark.requirement("MCP26-HTTP-encoded-name")
async def test_an_encoded_name_header_is_decoded_first(served: Served, reader: dict[str, str]) -> None:
    call = {"name": "read", "arguments": {}}
    response = await served.rpc("tools/call", call, {**reader, "mcp-name": "=?base64?cmVhZA==?="})
    assert result_of(response)["result"]["isError"] is False


@pytest.mark.requirement("MCP26-HTTP-envelope")
async def test_a_modern_request_without_its_envelope_is_refused(served: Served, reader: dict[str, str]) -> None:
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list", **reader}
    response = await post(served, {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}, headers)
    assert error(response) == (400, -32602)


@pytest.mark.requirement("MCP26-HTTP-version-unknown")
async def test_an_unknown_revision_is_answered_with_the_known_ones(served: Served, reader: dict[str, str]) -> None:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": {"_meta": {**MODERN, VERSION: "2099-01-01"}},
    }
    headers = {"mcp-protocol-version": "2099-01-01", "mcp-method": "tools/list", **reader}
    response = await post(served, message, headers)
    assert error(response) == (400, -32022)
    data = response.json()["error"]["data"]
    assert data["requested"] == "2099-01-01"
    assert "2026-07-28" in data["supported"]


@pytest.mark.requirement("MCP26-HTTP-method-unknown")
async def test_an_unknown_method_is_not_found(served: Served, reader: dict[str, str]) -> None:
    assert error(await served.rpc("nosuch/method", headers=reader)) == (404, -32601)


@pytest.mark.requirement("MCP26-HTTP-discover", "MCP26-HTTP-cache-members", "MCP26-HTTP-cache-private")
@pytest.mark.parametrize(
    "method", ["server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list"]
)
async def test_what_depends_on_the_caller_says_that_it_may_not_be_shared(
    served: Served, reader: dict[str, str], method: str
) -> None:
    result = result_of(await served.rpc(method, headers=reader))["result"]
    assert result["ttlMs"] >= 0
    assert result["cacheScope"] == "private"
    assert method != "server/discover" or "2026-07-28" in result["supportedVersions"]


@pytest.mark.requirement("MCP26-HTTP-same-list", "MCP26-HTTP-list-order", "MCP26-HTTP-no-session")
async def test_a_list_is_the_same_whatever_came_before_and_whatever_session_is_named(
    served: Served, reader: dict[str, str]
) -> None:
    texts = set()
    for extra in ({}, {"mcp-session-id": "of-someone-else"}, {"last-event-id": "7"}):
        response = await served.rpc("tools/list", headers={**reader, **extra})
        assert "mcp-session-id" not in response.headers
        texts.add(json.dumps(result_of(response)["result"]["tools"]))
        await served.rpc("tools/call", {"name": "read", "arguments": {}}, reader)
    assert len(texts) == 1


@pytest.mark.requirement("MCP26-HTTP-no-stream", "MCP25-HTTP-get")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_there_is_no_stream_to_open_and_no_session_to_end(
    served: Served, reader: dict[str, str], method: str
) -> None:
    headers = {**reader, "accept": "text/event-stream"}
    assert (await served.http.request(method, "/mcp", headers=headers)).status_code == 405


@pytest.mark.requirement("MCP26-HTTP-notification")
@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "notifications/strange"])
async def test_a_notification_of_the_newer_era_is_accepted_without_a_body(
    served: Served, reader: dict[str, str], method: str
) -> None:
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method, **reader}
    response = await post(served, {"jsonrpc": "2.0", "method": method, "params": {"_meta": MODERN}}, headers)
    assert (response.status_code, response.content) == (202, b"")


@pytest.mark.requirement("MCP25-HTTP-notification")
@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
        {"jsonrpc": "2.0", "method": "notifications/strange"},
        {"jsonrpc": "2.0", "id": 7, "result": {}},
    ],
)
async def test_a_notification_or_response_of_the_older_era_is_accepted_without_a_body(
    served: Served, reader: dict[str, str], message: dict[str, Any]
) -> None:
    response = await post(served, message, reader)
    assert (response.status_code, response.content) == (202, b"")


@pytest.mark.requirement("MCP25-HTTP-answer-type", "MCP26-HTTP-answer-type", "MCP26-HTTP-unbuffered")
async def test_an_answer_is_one_object_or_a_stream_that_asks_not_to_be_buffered(
    served: Served, reader: dict[str, str]
) -> None:
    modern = await served.rpc("tools/list", headers=reader)
    legacy = await post(served, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, reader)
    for response in (modern, legacy):
        kind = response.headers["content-type"].partition(";")[0]
        assert kind in {"application/json", "text/event-stream"}
        assert kind != "text/event-stream" or response.headers["x-accel-buffering"] == "no"


@pytest.mark.requirement("MCP25-HTTP-negotiation")
@pytest.mark.parametrize("version", KNOWN)
async def test_every_older_revision_is_agreed_to(served: Served, reader: dict[str, str], version: str) -> None:
    answer = result_of(await post(served, initialize(version), reader))
    assert answer["result"]["protocolVersion"] == version


@pytest.mark.requirement("MCP25-HTTP-counter-offer")
async def test_a_revision_that_is_not_known_gets_the_newest_of_its_era(served: Served, reader: dict[str, str]) -> None:
    answer = result_of(await post(served, initialize("2099-01-01"), reader))
    assert answer["result"]["protocolVersion"] == KNOWN[-1]


@pytest.mark.requirement("MCP25-HTTP-version-header", "MCP25-HTTP-no-version")
async def test_an_unknown_version_header_is_refused_and_a_missing_one_is_not(
    served: Served, reader: dict[str, str]
) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert (await post(served, message, {**reader, "mcp-protocol-version": "1999-01-01"})).status_code == 400
    assert "result" in result_of(await post(served, message, reader))


@pytest.mark.requirement("MCP26-AUTH-15", "MCP25-AUTH-15a", "MCP25-AUTH-15b")
@pytest.mark.parametrize("headers", [{}, {"mcp-session-id": "1"}, {"mcp-protocol-version": "2025-11-25"}])
async def test_a_request_after_a_good_one_still_needs_its_own_token(
    served: Served, reader: dict[str, str], headers: dict[str, str]
) -> None:
    assert (await post(served, initialize("2025-11-25"), reader)).status_code == 200
    message = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert (await post(served, message, headers)).status_code == 401


@pytest.mark.requirement("MCP26-AUTH-08", "MCP25-AUTH-08")
async def test_what_a_tool_is_given_to_send_on_does_not_hold_the_callers_token(serve: Serve) -> None:
    mcp: FastMCP[Any] = FastMCP("curious")

    @mcp.tool
    @requires("notes:read")
    async def look() -> dict[str, Any]:
        token = get_access_token()
        return {"token": token.token if token else None, "forwarded": get_http_headers()}

    served = await serve(mcp)
    headers = served.bearer("notes:read")
    found = result_of(await served.rpc("tools/call", {"name": "look", "arguments": {}}, headers))["result"]
    assert found["structuredContent"]["token"] == ""
    assert headers["authorization"].split()[1] not in json.dumps(found)


@pytest.mark.requirement("RFC8414-3.2-json", "RFC9728-3.2-json")
@pytest.mark.parametrize(
    "path", ["oauth-protected-resource/mcp", "oauth-protected-resource", "oauth-authorization-server"]
)
async def test_the_metadata_documents_are_json(served: Served, path: str) -> None:
    response = await served.http.get(f"/.well-known/{path}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert isinstance(response.json(), dict)
