"""The routing headers of the stateless era agree with the body, or nothing runs."""

import base64
import json
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from protected import MODERN, Serve, Served, mixed_server, private_server, result_of

from gatelodge import requires
from gatelodge.app.agreement import HANDSHAKE, is_modern, mismatch
from gatelodge.app.message import Operation
from gatelodge.core.codes import Code
from gatelodge.core.problem import problem

CALL = {"name": "read", "arguments": {}}
ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def sentinel(text: str) -> str:
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def refused(response: httpx2.Response) -> bool:
    return response.status_code == 400 and response.json()["error"]["code"] == -32020


async def test_the_older_revisions_are_those_of_the_sdk() -> None:
    assert set(HANDSHAKE_PROTOCOL_VERSIONS) == HANDSHAKE


@pytest.mark.parametrize(
    "headers",
    [
        {"mcp-name": "write"},
        {"mcp-name": "Read"},
        {"mcp-name": ""},
        {"mcp-name": "=?base64?!!!?="},
        {"mcp-name": "=?base64?cmVhZB==?="},
        {"mcp-name": "=?base64?cmVhZA?="},
        {"mcp-name": "=?base64?/w==?="},
        {"mcp-name": sentinel("write")},
        {"mcp-name": sentinel(sentinel("read"))},
        {"mcp-method": "tools/list"},
        {"mcp-method": "TOOLS/CALL"},
        {"mcp-method": ""},
    ],
)
async def test_a_header_that_differs_from_the_body_is_refused_before_any_decision(
    serve: Serve, headers: dict[str, str]
) -> None:
    for mcp in (private_server(), mixed_server()):
        served = await serve(mcp)
        for scopes in (("notes:read",), ()):
            response = await served.rpc("tools/call", CALL, {**served.bearer(*scopes), **headers})
            assert refused(response), response.text
            assert response.json()["id"] == 1
            assert "www-authenticate" not in response.headers


async def test_the_refusal_does_not_tell_a_denied_tool_from_an_unknown_one(serve: Serve) -> None:
    served = await serve(private_server())
    answers = [
        await served.rpc("tools/call", {"name": name}, {**served.bearer("notes:read"), "mcp-name": "other"})
        for name in ("purge", "nosuch", "read", "write")
    ]
    assert len({len(answer.content) for answer in answers}) == 1
    bodies = [answer.json() for answer in answers]
    ids = [body["error"]["data"].pop("request_id") for body in bodies]
    assert ids == [answer.headers["x-request-id"] for answer in answers]
    assert all(body == bodies[0] for body in bodies)


async def test_our_refusal_says_what_fastmcp_would_have_said(serve: Serve) -> None:
    from fastmcp.server.http import create_streamable_http_app

    bare = create_streamable_http_app(private_server(), "/mcp", stateless_http=True)
    served = await serve(private_server())
    async with (
        bare.router.lifespan_context(bare),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=bare), base_url="http://localhost") as http,
    ):
        plain = Served(http, served.tokens, served.issuer, served.clock)
        for headers in ({"mcp-name": "x"}, {"mcp-method": "x"}, {"mcp-name": "=?base64?!?="}):
            theirs = await plain.rpc("tools/call", CALL, headers)
            ours = await served.rpc("tools/call", CALL, {**served.bearer("notes:read"), **headers})
            said = ours.json()
            data = said["error"].pop("data")
            assert (ours.status_code, said) == (theirs.status_code, theirs.json())
            assert data.pop("request_id") == ours.headers["x-request-id"]
            assert data == problem(Code.HEADER_MISMATCH, None)


@pytest.mark.parametrize("name", [b"mcp-name", b"mcp-method", b"mcp-protocol-version"])
async def test_a_routing_header_that_comes_twice_is_refused(serve: Serve, name: bytes) -> None:
    served = await serve(private_server())
    wire = {
        b"mcp-name": b"read",
        b"mcp-method": b"tools/call",
        b"mcp-protocol-version": b"2026-07-28",
        b"authorization": served.bearer("notes:read")["authorization"].encode(),
        **{key.encode(): value.encode() for key, value in ACCEPT.items()},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {**CALL, "_meta": MODERN}}
    twice = [*wire.items(), (name, wire[name])]
    assert refused(await served.http.post("/mcp", content=json.dumps(body), headers=twice))


async def test_a_name_in_its_base64_form_agrees(serve: Serve) -> None:
    mcp: FastMCP[Any] = FastMCP("names")

    @mcp.tool(name="größe")
    @requires("notes:read")
    async def size() -> str:
        return "large"

    served = await serve(mcp)
    reader = served.bearer("notes:read")
    good = await served.rpc("tools/call", {"name": "größe"}, {**reader, "mcp-name": sentinel("größe")})
    assert result_of(good)["result"]["structuredContent"] == {"result": "large"}
    lacking = await served.rpc("tools/call", {"name": "größe"}, {**served.bearer(), "mcp-name": sentinel("größe")})
    assert lacking.status_code == 403


@pytest.mark.parametrize("version", [None, "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_headers_of_an_older_request_decide_nothing(serve: Serve, version: str | None) -> None:
    served = await serve(private_server())
    headers = {**ACCEPT, **served.bearer("notes:read"), "mcp-method": "tools/list", "mcp-name": "read"}
    if version is not None:
        headers["mcp-protocol-version"] = version
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "write", "arguments": {}}}
    response = await served.http.post("/mcp", json=body, headers=headers)
    assert response.status_code == 403
    assert 'scope="notes:write"' in response.headers["www-authenticate"]
    body["params"] = CALL
    response = await served.http.post("/mcp", json=body, headers={**headers, "mcp-name": "write"})
    assert "result" in result_of(response)


async def test_a_request_without_its_envelope_is_left_to_fastmcp(serve: Serve) -> None:
    served = await serve(private_server())
    headers = {**ACCEPT, **served.bearer("notes:read"), "mcp-protocol-version": "2026-07-28"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": CALL}
    response = await served.http.post("/mcp", json=body, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, -32602)


def test_methods_without_a_named_component_need_no_name_header() -> None:
    headers = [(b"mcp-protocol-version", b"2026-07-28"), (b"mcp-method", b"tools/list")]
    assert is_modern(headers)
    assert mismatch(headers, Operation("tools/list")) is None
    assert mismatch(headers, Operation("tools/call")) is not None
    assert mismatch([(b"mcp-method", b"tools/call")], Operation("tools/call", "read")) is not None
