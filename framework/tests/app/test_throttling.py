"""Limits of the MCP endpoint: for a principal, a tool, strangers, and addresses with refused tokens."""

import asyncio
import json
from typing import Any

import httpx2
from fastmcp import FastMCP
from protected import MODERN, PUBLIC_URL, Serve, Served, result_of

from gatelodge import public, requires

ADD = {"name": "add", "arguments": {"a": 1, "b": 2}}


def server(started: asyncio.Event | None = None, go: asyncio.Event | None = None) -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("notes")

    @mcp.tool
    @requires("notes:read")
    async def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    @requires("notes:read")
    async def search(query: str) -> str:
        return query

    @mcp.tool
    @requires("notes:read")
    async def hold() -> str:
        assert started is not None
        assert go is not None
        started.set()
        await go.wait()
        return "done"

    @mcp.tool
    @public
    async def hello() -> str:
        return "hello"

    return mcp


async def call(served: Served, tool: str = "add", user: str = "alice", **more: str) -> httpx2.Response:
    arguments = {"add": {"a": 1, "b": 2}, "search": {"query": "x"}}.get(tool, {})
    headers = served.bearer("notes:read", sub=user) if user else {}
    return await served.rpc("tools/call", {"name": tool, "arguments": arguments}, {**headers, **more})


async def statuses(served: Served, times: int, tool: str = "add", user: str = "alice", **more: str) -> list[int]:
    return [(await call(served, tool, user, **more)).status_code for _ in range(times)]


async def test_a_user_has_a_hundred_calls_a_minute_and_another_user_of_the_same_address_his_own(serve: Serve) -> None:
    served = await serve(server())
    assert await statuses(served, 102) == [200] * 100 + [429] * 2
    assert await statuses(served, 2, user="bob") == [200, 200]
    served.clock.advance(60)
    assert await statuses(served, 2) == [200, 200]


async def test_the_refusal_is_json_rpc_and_says_when_to_come_back(serve: Serve) -> None:
    served = await serve(server(), limit_calls="2/minute")
    await statuses(served, 2)
    served.clock.advance(15)
    refused = await call(served)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "45"
    assert refused.headers["ratelimit-policy"] == '"calls";q=2;w=60'
    assert refused.headers["ratelimit"] == '"calls";r=0;t=45'
    assert refused.headers["cache-control"] == "no-store"
    body = refused.json()
    assert (body["jsonrpc"], body["id"]) == ("2.0", 1)
    assert body["error"]["data"]["code"] == "limit_reached"
    assert "www-authenticate" not in refused.headers


async def test_a_refusal_can_be_written_whatever_the_id_of_the_message_is(serve: Serve) -> None:
    served = await serve(server(), limit_calls="1/minute")
    message = {"jsonrpc": "2.0", "id": "half a pair \ud800", "method": "tools/call", "params": {**ADD, "_meta": MODERN}}
    headers = {
        **served.bearer("notes:read"),
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "add",
    }
    answers = [await served.http.post("/mcp", content=json.dumps(message), headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    different = await served.http.post("/mcp", content=json.dumps(message), headers={**headers, "mcp-name": "search"})
    assert different.status_code == 400
    for answer in (answers[1], different):
        assert json.loads(answer.content)["id"] == message["id"]
        assert answer.headers["content-type"] == "application/json"


async def test_listing_and_discovery_are_not_counted(serve: Serve) -> None:
    served = await serve(server(), limit_calls="1/minute")
    for _ in range(5):
        assert (await served.rpc("tools/list", headers=served.bearer("notes:read"))).status_code == 200
    assert await statuses(served, 2) == [200, 429]


async def test_a_tool_may_have_a_rate_of_its_own_in_place_of_the_users(serve: Serve) -> None:
    served = await serve(server(), limit_calls="1/minute", limit_tools={"search": "3/minute", "hold": "off"})
    assert await statuses(served, 4, "search") == [200, 200, 200, 429]
    assert await statuses(served, 2, "add") == [200, 429]


async def test_a_limit_that_is_off_is_none(serve: Serve) -> None:
    served = await serve(server(), limit_calls="off")
    assert await statuses(served, 150) == [200] * 150


async def test_a_refused_or_unknown_tool_counts_for_nobody(serve: Serve) -> None:
    served = await serve(server(), limit_calls="1/minute")
    for _ in range(3):
        lacking = await served.rpc("tools/call", ADD, served.bearer("other:read", sub="alice"))
        assert lacking.status_code == 403
    assert await statuses(served, 1) == [200]


async def test_callers_without_a_token_count_by_address_and_hold_back_no_user(serve: Serve) -> None:
    served = await serve(server(), limit_anonymous_calls="2/minute")
    assert await statuses(served, 3, "hello", "") == [200, 200, 429]
    assert await statuses(served, 1, "hello", "", **{"x-forwarded-for": "198.51.100.9"}) == [200]
    assert await statuses(served, 1, "hello", "alice") == [200]


def forged(served: Served, number: int = 0, **more: str) -> dict[str, str]:
    token = served.tokens.token(scope="notes:read")
    return {"authorization": f"Bearer {token[:-8]}AAAA{number:04d}", **more}


async def test_after_too_many_bad_tokens_the_next_bad_one_is_429_and_good_ones_pass(serve: Serve) -> None:
    served = await serve(server(), limit_token_failures="5/minute")
    refused = [(await served.rpc("tools/list", headers=forged(served, n))) for n in range(8)]
    assert [answer.status_code for answer in refused] == [401] * 5 + [429] * 3
    assert refused[-1].headers["retry-after"] == "60"
    assert "www-authenticate" not in refused[-1].headers
    assert refused[-1].json()["code"] == "limit_reached"
    # All of a hosted client's users come from this address.
    assert await statuses(served, 3, user="alice") == [200] * 3
    assert await statuses(served, 1, user="bob") == [200]
    # Without a token there is nothing that could be refused.
    assert (await served.rpc("tools/call", ADD)).status_code == 401
    served.clock.advance(60)
    assert (await served.rpc("tools/list", headers=forged(served))).status_code == 401


async def test_a_token_that_is_only_too_old_is_never_counted_and_always_gets_its_challenge(serve: Serve) -> None:
    served = await serve(server(), limit_token_failures="2/minute")
    old = served.bearer("notes:read")
    served.clock.advance(4000)
    for _ in range(10):
        assert (await served.rpc("tools/list", headers=old)).status_code == 401
    for number in range(4):
        await served.rpc("tools/list", headers=forged(served, number))
    answer = await served.rpc("tools/list", headers=old)
    assert (answer.status_code, "resource_metadata" in answer.headers["www-authenticate"]) == (401, True)


async def test_bad_tokens_of_another_address_count_apart_and_a_made_up_address_helps_nobody(serve: Serve) -> None:
    served = await serve(server(), limit_token_failures="2/minute")

    async def status(number: int, forwarded: str) -> int:
        headers = forged(served, number, **{"x-forwarded-for": forwarded})
        return (await served.rpc("tools/list", headers=headers)).status_code

    assert [await status(n, f"203.0.113.{n}, 198.51.100.1") for n in range(3)] == [401, 401, 429]
    assert await status(3, "198.51.100.2") == 401


async def test_a_user_has_so_many_calls_at_once(serve: Serve) -> None:
    started, go = asyncio.Event(), asyncio.Event()
    served = await serve(server(started, go), limit_calls_at_once=1)
    first = asyncio.create_task(call(served, "hold"))
    await asyncio.wait_for(started.wait(), 60)
    refused = await call(served)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["id"] == 1
    assert await statuses(served, 1, user="bob") == [200]
    go.set()
    assert result_of(await first)["result"]["content"][0]["text"] == "done"
    assert await statuses(served, 1) == [200]


async def test_a_failed_call_gives_its_slot_back(serve: Serve) -> None:
    served = await serve(server(), limit_calls_at_once=1)
    for _ in range(3):
        answer = await served.rpc("tools/call", {"name": "add", "arguments": {"a": "no"}}, served.bearer("notes:read"))
        assert answer.status_code in {200, 400}
    assert await statuses(served, 1) == [200]


async def test_the_limits_body_is_one_json_object_also_when_the_message_was_not_read(serve: Serve) -> None:
    served = await serve(server(), limit_token_failures="1/minute")
    for number in range(2):
        answer = await served.http.post("/mcp", content=b"no json", headers=forged(served, number))
    assert answer.status_code == 429
    assert json.loads(answer.content)["status"] == 429
    assert PUBLIC_URL not in answer.text


async def test_strangers_leave_room_for_users(serve: Serve) -> None:
    begun, go = asyncio.Semaphore(0), asyncio.Event()
    mcp = server()

    @mcp.tool
    @public
    async def wait() -> str:
        begun.release()
        await go.wait()
        return "done"

    served = await serve(mcp, limit_requests=4, limit_waiting=0)
    held = [asyncio.create_task(call(served, "wait", user="")) for _ in range(2)]
    async with asyncio.timeout(60):
        for _ in held:
            await begun.acquire()
    refused = await call(served, "hello", user="")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert await statuses(served, 2) == [200, 200]
    go.set()
    assert [(await answer).status_code for answer in held] == [200, 200]
    assert (await call(served, "hello", user="")).status_code == 200


async def test_a_full_server_says_503_and_its_health_is_still_told(serve: Serve) -> None:
    started, go = asyncio.Event(), asyncio.Event()
    served = await serve(server(started, go), limit_requests=1, limit_waiting=0)
    first = asyncio.create_task(call(served, "hold"))
    await asyncio.wait_for(started.wait(), 60)
    refused = await call(served, user="bob")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["code"] == "overloaded"
    assert (await served.http.get("/health/live")).status_code == 200
    go.set()
    assert (await first).status_code == 200
    assert await statuses(served, 1) == [200]
