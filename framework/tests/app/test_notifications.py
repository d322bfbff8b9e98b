"""Notifications are acknowledged whatever they say, and every revision of the handshake is negotiated."""

from typing import Any

import pytest
from fastmcp import FastMCP
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION
from protected import ISSUER, PUBLIC_URL, Serve, mixed_server, private_server, result_of
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge import public, requires
from gatelodge.access.decide import Decision
from gatelodge.app.gate import Gate
from gatelodge.app.message import Operation
from gatelodge.core.identity import Principal
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.identity import BearerIdentity
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

METHODS = [
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/unknown",
    "whatever",
    "tools/call",
]
PARAMS: list[Any] = [None, {}, {"requestId": 1, "name": "write"}, {"name": "purge", "arguments": {}}, [1], "x", 7]
VERSIONS = [None, *HANDSHAKE_PROTOCOL_VERSIONS, "2026-07-28", "1999-01-01"]
ACCEPTS = [{"accept": "application/json, text/event-stream"}, {"accept": "application/json"}, {}]


@pytest.mark.parametrize("version", VERSIONS)
async def test_any_notification_is_202_without_a_body_even_with_a_token_that_lacks_every_scope(
    serve: Serve, version: str | None
) -> None:
    served = await serve(private_server())
    for accept in ACCEPTS:
        headers = {**accept, "content-type": "application/json", **served.bearer()}
        if version is not None:
            headers["mcp-protocol-version"] = version
        for method in METHODS:
            for params in PARAMS:
                body = {"jsonrpc": "2.0", "method": method} | ({} if params is None else {"params": params})
                response = await served.http.post("/mcp", json=body, headers=headers)
                assert (response.status_code, response.content) == (202, b""), (method, params, accept)


@pytest.mark.parametrize("version", [None, "2025-11-25", "2026-07-28"])
async def test_a_call_without_an_id_runs_nothing(serve: Serve, version: str | None) -> None:
    ran: list[str] = []
    mcp: FastMCP[Any] = FastMCP("canary")

    @mcp.tool
    @public
    async def sing() -> str:
        ran.append("sing")
        return "la"

    @mcp.tool
    @requires("notes:read")
    async def hum() -> str:
        ran.append("hum")
        return "mm"

    served = await serve(mcp)
    accept = ACCEPTS[0] | ({} if version is None else {"mcp-protocol-version": version})
    for headers in (accept, accept | served.bearer("notes:read")):
        for name in ("sing", "hum"):
            body = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": name, "arguments": {}}}
            assert (await served.http.post("/mcp", json=body, headers=headers)).status_code == 202
    assert ran == []


async def test_a_stranger_may_notify_only_where_something_is_public(serve: Serve) -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await (await serve(mixed_server())).http.post("/mcp", json=body)).status_code == 202
    assert (await (await serve(private_server())).http.post("/mcp", json=body)).status_code == 401


async def test_a_notification_with_a_bad_token_is_401(serve: Serve) -> None:
    served = await serve(mixed_server())
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    response = await served.http.post("/mcp", json=body, headers=served.bearer(exp=1))
    assert response.status_code == 401


async def test_what_is_no_json_rpc_is_no_notification(serve: Serve) -> None:
    served = await serve(private_server())
    response = await served.http.post(
        "/mcp", json={"method": "notifications/x"}, headers={**ACCEPTS[0], **served.bearer()}
    )
    assert response.status_code == 400


@pytest.mark.parametrize("wire_header", [True, False])
@pytest.mark.parametrize("version", [*HANDSHAKE_PROTOCOL_VERSIONS, "2026-07-28", "1.0"])
async def test_initialize_negotiates_every_revision_of_the_handshake(
    serve: Serve, version: str, wire_header: bool
) -> None:
    served = await serve(private_server())
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    headers = {**ACCEPTS[0], **served.bearer()}
    if wire_header and version in HANDSHAKE_PROTOCOL_VERSIONS:
        headers["mcp-protocol-version"] = version
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    result = result_of(await served.http.post("/mcp", json=body, headers=headers))["result"]
    assert result["protocolVersion"] == (
        version if version in HANDSHAKE_PROTOCOL_VERSIONS else LATEST_HANDSHAKE_VERSION
    )
    assert (
        "subscribe" not in result["capabilities"]["resources"] or not result["capabilities"]["resources"]["subscribe"]
    )


async def test_an_answer_in_parts_is_one_empty_acknowledgement() -> None:
    async def chatty(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        await send({"type": "http.response.body", "body": b"thing"})

    sent = await _through(chatty, [{"type": "http.request", "body": b'{"jsonrpc":"2.0","method":"x"}'}])
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (sent[0]["status"], sent[1]["body"]) == (202, b"")


async def test_a_client_that_leaves_before_its_body_is_whole_gets_nothing_and_runs_nothing() -> None:
    async def never(_: Scope, __: Receive, ___: Send) -> None:
        raise AssertionError("reached")

    parts: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    assert await _through(never, parts) == []


class _Open:
    """A catalogue with something public and without components."""

    mixed = True
    basic_scopes: tuple[str, ...] = ()

    async def decision(self, operation: Operation, principal: Principal | None) -> Decision | None:  # noqa: ARG002
        return None


async def _through(app: ASGIApp, received: list[Message]) -> list[Message]:
    """What a gate in front of ``app`` sends to a stranger's POST."""
    clock = ManualClock()
    tokens = TokenFactory(ISSUER, PUBLIC_URL, clock)
    outbound = FakeIssuer(tokens, scopes=()).outbound()
    config = ResourceServerConfig(public_url=PUBLIC_URL, issuer=ISSUER)
    issuer = IssuerConfig(issuer=ISSUER)
    keys = KeySource(outbound, issuer, MetadataSource(outbound, issuer, clock), clock)
    sent: list[Message] = []

    async def receive() -> Message:
        return received.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": []}
    await Gate(app, config, BearerIdentity(TokenVerifier(config, keys, clock)), _Open())(scope, receive, send)
    await outbound.aclose()
    return sent
