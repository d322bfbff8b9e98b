"""Requests through protected servers as an operator sees them: ids, lines, figures; nothing a stranger sent in any of them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastmcp import Context, FastMCP
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from protected import ISSUER, Serve, Served, mixed_server, private_server

from gatelodge import public
from gatelodge.audit.actor import of_user
from gatelodge.observability.logs import formatter
from gatelodge.observability.metrics import REGISTRY

CANARY = "cAnArY0123456789cAnArY"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Lines as production writes them."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter("json"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def access(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines of requests, whole."""
    every = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in every if line["logger"] == "gatelodge.access"]


def figures() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All figures by name and labels."""
    text = generate_latest(REGISTRY).decode()
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


class Grown:
    """How much figures grew since it was made."""

    def __init__(self) -> None:
        self._before = figures()

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return figures().get(key, 0.0) - self._before.get(key, 0.0)


async def test_every_answer_carries_the_id_and_a_well_formed_one_is_kept(serve: Serve) -> None:
    served = await serve(private_server())
    ids = set()
    for path, headers, status in (
        ("/health/live", {}, 200),
        ("/.well-known/oauth-protected-resource", {}, 200),
        ("/nothing/here", {}, 404),
        ("/mcp", {}, 401),
        ("/mcp", {"host": "evil.example"}, 421),
        ("/mcp", {"origin": "https://evil.example"}, 403),
        ("/mcp", {"authorization": "Bearer a b"}, 400),
    ):
        answer = await served.http.get(path, headers=headers)
        assert answer.status_code == status, path
        ids.add(answer.headers["x-request-id"])
    assert len(ids) == 7
    own = await served.http.get("/mcp", headers={"x-request-id": "client-chose-this"})
    assert own.headers.get_list("x-request-id") == ["client-chose-this"]
    forged = await served.http.get("/mcp", headers={"x-request-id": "no good;id"})
    assert forged.headers["x-request-id"] not in {"no good;id", "client-chose-this"}


async def test_an_answer_to_a_failure_carries_the_id_too_and_so_does_its_line(serve: Serve, lines: io.StringIO) -> None:
    mcp: FastMCP[Any] = mixed_server()

    @mcp.custom_route("/broken", methods=["GET"])
    @public
    async def broken(_: Any) -> Any:
        raise RuntimeError(f"password={CANARY}")

    served = await serve(mcp)
    answer = await served.http.get("/broken", headers={"x-request-id": "the-broken-one"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "the-broken-one"
    assert CANARY not in lines.getvalue()
    told = [json.loads(line) for line in lines.getvalue().splitlines() if "RuntimeError" in line]
    assert [line["request_id"] for line in told] == ["the-broken-one"]
    assert "***" in told[0]["exception"]


async def test_a_call_has_one_line_with_its_user_and_its_tool_and_no_more(serve: Serve, lines: io.StringIO) -> None:
    served, grown = await serve(private_server()), Grown()
    lines.truncate(0)
    lines.seek(0)
    headers = {**served.bearer("notes:read", sub="user-1"), "x-request-id": "one-call-0001"}
    answer = await served.rpc("tools/call", {"name": "read", "arguments": {"x": CANARY}}, headers)
    assert answer.status_code == 200
    (line,) = access(lines)
    user = of_user(ISSUER, "user-1")
    expected = {"method": "POST", "route": "mcp", "path": "/mcp", "status": 200, "mcp": "tools/call", "tool": "read"}
    assert expected.items() <= line.items()
    assert (line["request_id"], line["user"], line["bytes"]) == ("one-call-0001", user, len(answer.content))
    assert 0 <= line["first_byte_ms"] <= line["ms"]
    assert grown("gatelodge_http_requests_total", route="mcp", method="POST", status="200") == 1
    assert grown("gatelodge_http_request_seconds_count", route="mcp") == 1
    assert grown("gatelodge_http_first_byte_seconds_count", route="mcp") == 1
    assert grown("gatelodge_mcp_requests_total", method="tools/call", status="200") == 1
    assert grown("gatelodge_tool_call_seconds_count", tool="read") == 1
    assert grown("gatelodge_token_verdicts_total", verdict="accepted") == 1
    assert grown("gatelodge_access_decisions_total", answer="allow", rule="granted") == 1
    assert figures()["gatelodge_http_requests_in_flight", frozenset({("route", "mcp")})] == 0


async def test_refusals_are_counted_by_reason_rule_and_code(serve: Serve, lines: io.StringIO) -> None:
    served, grown = await serve(private_server()), Grown()
    await served.rpc("tools/call", {"name": "read"})
    await served.rpc("tools/call", {"name": "read"}, served.bearer("notes:read", aud="https://other.example/mcp"))
    await served.rpc("tools/call", {"name": "write"}, served.bearer("notes:read"))
    await served.rpc("tools/call", {"name": "purge"}, served.bearer("notes:read"))
    await served.rpc("tools/call", {"name": f"made-up-{CANARY}"}, served.bearer("notes:read"))
    await served.rpc(f"made/up-{CANARY}", {}, served.bearer("notes:read"))
    assert grown("gatelodge_token_verdicts_total", verdict="absent") == 1
    assert grown("gatelodge_token_verdicts_total", verdict="audience") == 1
    assert grown("gatelodge_access_decisions_total", answer="step_up", rule="scopes") == 1
    assert grown("gatelodge_access_decisions_total", answer="deny", rule="roles") == 1
    assert grown("gatelodge_access_decisions_total", answer="unknown", rule="none") == 1
    assert grown("gatelodge_errors_total", code="token_rejected") == 1
    assert grown("gatelodge_errors_total", code="scope_missing") == 1
    assert CANARY not in generate_latest(REGISTRY).decode()
    assert [line.get("code") for line in access(lines)][1:3] == ["token_rejected", "scope_missing"]


async def test_keys_have_an_age_and_their_fetches_an_outcome(serve: Serve) -> None:
    served, grown = await serve(private_server()), Grown()
    await served.rpc("tools/list", {}, served.bearer("notes:read"))
    assert grown("gatelodge_jwks_fetches_total", issuer=ISSUER, outcome="ok") == 1
    served.clock.advance(90)
    assert figures()["gatelodge_jwks_age_seconds", frozenset({("issuer", ISSUER)})] == 90


@pytest.mark.requirement("RFC9700-4.9.2-secrets")
@pytest.mark.parametrize(
    "path",
    [
        "/mcp",
        "/mcp/",
        "/health/live",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server",
        "/page",
        "/nothing",
        f"/ghp_{CANARY}",
        f"/a/access_token={CANARY}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PATCH"])
async def test_no_route_lets_a_credential_into_a_line_or_a_figure(
    path: str, method: str, serve: Serve, lines: io.StringIO
) -> None:
    served = await serve(mixed_server())
    answer = await _hostile(served, method, path)
    assert answer.headers["x-request-id"]
    assert CANARY not in lines.getvalue()
    assert CANARY not in generate_latest(REGISTRY).decode()


async def _hostile(served: Served, method: str, path: str) -> httpx2.Response:
    """One request with a canary wherever a credential may be."""
    headers = {
        "authorization": f"Bearer {CANARY}",
        "cookie": f"__Host-gatelodge-session={CANARY}",
        "x-request-id": f"ghp_{CANARY}",
        "mcp-method": f"tools/{CANARY}",
        "content-type": "application/json",
        "user-agent": f"client_secret={CANARY}",
    }
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": f"token={CANARY}"}})
    query = {"code": CANARY, "state": CANARY, "access_token": CANARY}
    return await served.http.request(method, path, params=query, headers=headers, content=body)


async def test_an_event_stream_is_counted_while_it_lasts(serve: Serve) -> None:
    mcp: FastMCP[Any] = mixed_server()
    during: list[float] = []

    @mcp.tool
    @public
    async def reports(context: Context) -> str:
        await context.report_progress(1, 2, "half")
        during.append(figures()["gatelodge_http_streams_in_flight", frozenset()])
        return "done"

    served = await serve(mcp)
    before = figures()["gatelodge_http_streams_in_flight", frozenset()]
    params = {"name": "reports", "arguments": {}, "_meta": {"progressToken": "p"}}
    answer = await served.http.post(
        "/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"},
    )
    assert "text/event-stream" in answer.headers["content-type"]
    assert "done" in answer.text
    assert during == [before + 1]
    assert figures()["gatelodge_http_streams_in_flight", frozenset()] == before
