"""Limits of the routes beside the MCP endpoint: one budget for a user wherever he calls, and one for an address's tokens."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import httpx2
import pytest
from protected import Served
from starlette.applications import Starlette

PROXY, LISTED, TOKENS = (
    "/workspace/api/github/proxy",
    "/workspace/api/connections",
    "/workspace/internal/tokens/github?user=alice",
)
GITHUB = {"GATELODGE_GITHUB_CLIENT_ID": "client", "GATELODGE_GITHUB_CLIENT_SECRET": "canary-secret"}
BESIDE = {"GATELODGE_TOKEN_SERVICE_CLIENTS": "beside"}
SERVICE = {"azp": "beside", "gatelodge_service": "beside", "sub": "service-account"}
FRONT = "https://front.example"
BOTH = ("workspace:read", "workspace:write")


async def proxied(served: Served, user: str = "alice", **headers: str) -> httpx2.Response:
    call = {"method": "GET", "path": "/user"}
    return await served.http.post(PROXY, json=call, headers={**served.bearer(*BOTH, sub=user), **headers})


async def listed(served: Served, user: str = "alice", **headers: str) -> httpx2.Response:
    return await served.http.get(LISTED, headers={**served.bearer(*BOTH, sub=user), **headers})


async def tool(served: Served, user: str = "alice") -> httpx2.Response:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "get_github_user_info", "arguments": {}},
    }
    wire = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    return await served.http.post("/workspace/mcp", json=body, headers={**served.bearer(*BOTH, sub=user), **wire})


async def token_of(served: Served) -> httpx2.Response:
    return await served.http.get(TOKENS, headers=served.bearer("gatelodge:tokens", **SERVICE))


async def test_a_user_has_one_budget_for_tools_proxy_and_connections(start: Any) -> None:
    served = await start("github", **GITHUB, GATELODGE_LIMIT_CALLS="3/minute")
    asked = [tool, proxied, listed]
    assert [(await ask(served)).status_code for ask in asked] == [200, 409, 200]
    assert [(await ask(served)).status_code for ask in asked] == [429, 429, 429]
    assert [(await ask(served, "bob")).status_code for ask in asked] == [200, 409, 200]
    served.clock.advance(60)
    assert [(await ask(served)).status_code for ask in asked] == [200, 409, 200]


@pytest.mark.parametrize("ask", [proxied, listed])
async def test_the_refusal_is_a_problem_that_a_front_end_can_read(start: Any, ask: Any) -> None:
    served = await start("github", **GITHUB, GATELODGE_LIMIT_CALLS="1/minute", GATELODGE_ALLOWED_ORIGINS=FRONT)
    await ask(served)
    served.clock.advance(15)
    refused = await ask(served, origin=FRONT)
    assert (refused.status_code, refused.json()["code"]) == (429, "limit_reached")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["retry-after"] == "45"
    assert refused.headers["ratelimit-policy"] == '"calls";q=1;w=60'
    assert refused.headers["ratelimit"] == '"calls";r=0;t=45'
    assert refused.headers["access-control-allow-origin"] == FRONT
    exposed = {name.strip() for name in refused.headers["access-control-expose-headers"].split(",")}
    assert {"retry-after", "ratelimit", "ratelimit-policy"} <= exposed


async def test_refused_tokens_count_for_their_address_on_every_route_and_a_good_one_passes(start: Any) -> None:
    served = await start("github", **GITHUB, **BESIDE, GATELODGE_LIMIT_TOKEN_FAILURES="3/minute")
    good = served.bearer(*BOTH)["authorization"]
    bad = {"authorization": good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB")}
    asked = [("POST", PROXY), ("GET", LISTED), ("GET", TOKENS), ("POST", "/workspace/mcp")]
    first = [(await served.http.request(method, path, headers=bad)).status_code for method, path in asked[:3]]
    assert first == [401, 401, 401]
    for method, path in asked:
        refused = await served.http.request(method, path, headers=bad)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60"), path
    assert (await listed(served)).status_code == 200
    old = served.bearer(*BOTH, exp=served.clock.now() - 600)
    assert (await served.http.get(LISTED, headers=old)).status_code == 401, "who is only too late has to refresh"


async def test_a_user_runs_so_many_calls_at_once_wherever_they_are(start: Any) -> None:
    apps: list[Starlette] = []
    served = await start("github", apps=apps, **GITHUB, GATELODGE_LIMIT_CALLS_AT_ONCE="1")
    reading, go = asyncio.Event(), asyncio.Event()
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        reading.set()
        await go.wait()
        return {"type": "http.request", "body": json.dumps({"method": "GET", "path": "/user"}).encode()}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = {"host": "localhost:8443", **served.bearer(*BOTH, sub="alice")}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": PROXY,
        "raw_path": PROXY.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 8443),
        "state": {},
    }
    held = asyncio.create_task(apps[0](scope, receive, send))
    async with asyncio.timeout(30):
        await reading.wait()
    for ask in (proxied, listed, tool):
        refused = await ask(served)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert (await ask(served, "bob")).status_code != 429
    go.set()
    await held
    assert sent[0]["status"] == 409
    assert [(await ask(served)).status_code for ask in (proxied, listed, tool)] == [409, 200, 200]


async def test_a_service_counts_as_one_caller_and_the_endpoint_can_have_a_rate_of_its_own(start: Any) -> None:
    given = {**GITHUB, **BESIDE, "GATELODGE_LIMIT_CALLS": "1/minute"}
    served = await start("github", **given)
    assert [(await token_of(served)).status_code for _ in range(3)] == [409, 429, 429]
    own = "GET /workspace/internal/tokens/{provider}=2/minute"
    served = await start("github", **given, GATELODGE_LIMIT_TOOLS=own)
    assert [(await token_of(served)).status_code for _ in range(3)] == [409, 409, 429]


async def test_the_description_tells_the_answer_of_every_route_that_has_limits(start: Any) -> None:
    served = await start("github", **GITHUB, **BESIDE)
    paths = (await served.http.get("/workspace/openapi.json")).json()["paths"]
    limited = [
        ("/workspace/api/{provider}/proxy", "post"),
        ("/workspace/internal/tokens/{provider}", "get"),
        ("/workspace/api/connections", "get"),
        ("/workspace/api/connections/{provider}", "delete"),
        ("/workspace/api/auth/{provider}/url", "get"),
    ]
    for path, method in limited:
        told = paths[path][method]["responses"]["429"]
        example = told["content"]["application/problem+json"]["examples"]["limit_reached"]
        assert example == {"$ref": "#/components/examples/limit_reached"}, path
