"""Two replicas behind Traefik without stickiness: what one began the other goes on with, and one may die."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from native_stack import READ, WRITE
from results import record_page
from wire import LEGACY, MODERN, call, message, tls_client

from e2e.docker.answered import tool_call
from e2e.docker.deployment import REPLICAS, Deployment
from e2e.docker.traffic import traffic
from gatelodge.ops.link.obtain import obtain_tokens
from gatelodge.ops.link.session import Era, link

ANSWERS = {"go": {"action": "accept", "content": {"ok": True}}}
FORMS: dict[str, Any] = {"_meta": {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}}


@asynccontextmanager
async def signed_in(deployment: Deployment) -> AsyncIterator[tuple[httpx2.AsyncClient, str]]:
    """A client that trusts the deployment, and a token for it."""
    obtained = await obtain_tokens(deployment.target(READ, WRITE))
    async with tls_client(deployment.folder / "ca.pem") as client:
        yield client, obtained.tokens.access_token


def names(pair: Deployment) -> set[str]:
    """The host names of both replicas."""
    return {pair.state(service)["Config"]["Hostname"] for service in REPLICAS}


@pytest.mark.parametrize(("era", "version"), [("modern", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_official_client_links_and_searches_in_each_era_over_two_replicas(
    pair: Deployment, era: Era, version: str
) -> None:
    report = await link(pair.target(), era=era)
    assert report.protocol_version == version
    assert {"search", "fetch", "save_note", "where"} <= set(report.tools)


@pytest.mark.parametrize("era", [MODERN, LEGACY])
async def test_the_calls_of_one_client_are_shared_by_both_replicas(pair: Deployment, era: str) -> None:
    async with signed_in(pair) as (client, token):
        seen: Counter[str] = Counter()
        for _ in range(40):
            _, result, wrong = await tool_call(client, pair.mcp_url, token, era, name="where", arguments={})
            assert not wrong
            seen[result["structuredContent"]["replica"]] += 1
    assert set(seen) == names(pair)
    assert min(seen.values()) >= 10


async def test_a_state_that_one_replica_sealed_is_opened_by_the_other(pair: Deployment) -> None:
    crossings: Counter[tuple[bool, bool]] = Counter()
    async with signed_in(pair) as (client, token):
        ask: dict[str, Any] = {"name": "ask", "arguments": {}, **FORMS}
        for _ in range(20):
            _, asked, wrong = await tool_call(client, pair.mcp_url, token, MODERN, **ask)
            assert not wrong
            assert asked["resultType"] == "input_required"
            state = asked["requestState"]
            assert not any(name in state for name in names(pair))
            _, given, wrong = await tool_call(
                client, pair.mcp_url, token, MODERN, **ask, requestState=state, inputResponses=ANSWERS
            )
            assert not wrong
            both = given["structuredContent"]
            crossings[both["asked"] != both["answered"], both["asked"] == min(names(pair))] += 1
            # The control: a state that nobody sealed is refused.
            _, _, wrong = await tool_call(
                client, pair.mcp_url, token, MODERN, **ask, requestState=state[:-4] + "AAAA", inputResponses=ANSWERS
            )
            assert "-32602" in wrong
    # From each to the other.
    assert crossings[True, True] > 0, crossings
    assert crossings[True, False] > 0, crossings


async def test_the_key_that_seals_is_one_file_that_only_the_server_reads(pair: Deployment) -> None:
    seen = [pair.run(name, "stat", "-c", "%a %U %i", "/state/request-state.key").stdout.split() for name in REPLICAS]
    assert seen[0] == seen[1]
    assert seen[0][:2] == ["600", "app"]


async def test_notes_saved_through_both_at_once_are_found_through_both(pair: Deployment) -> None:
    async with signed_in(pair) as (client, token):

        async def save(number: int) -> str:
            _, result, wrong = await tool_call(
                client,
                pair.mcp_url,
                token,
                (MODERN, LEGACY)[number % 2],
                name="save_note",
                arguments={"title": f"Crossing {number}", "text": "zanzibar kept by one, read by the other"},
            )
            assert not wrong
            return str(result["structuredContent"]["id"])

        saved = await asyncio.gather(*(save(number) for number in range(24)))
        assert len(set(saved)) == 24
        for identity in saved:
            # Twice each, in turn: one of the two is the replica that did not save it.
            for _ in range(2):
                _, result, wrong = await tool_call(
                    client, pair.mcp_url, token, MODERN, name="fetch", arguments={"id": identity}
                )
                assert not wrong
                assert result["structuredContent"]["title"].startswith("Crossing")
        for _ in range(4):
            _, result, wrong = await tool_call(
                client, pair.mcp_url, token, MODERN, name="search", arguments={"query": "zanzibar"}
            )
            assert not wrong
            assert len(result["structuredContent"]["results"]) == 10
    checked = pair.run(
        "sample",
        "python",
        "-c",
        "import sqlite3; print(sqlite3.connect('/state/notes.sqlite3').execute('PRAGMA integrity_check').fetchone()[0])",
    )
    assert checked.stdout.strip() == "ok"


async def test_progress_reaches_the_client_while_the_call_runs_and_a_client_that_leaves_ends_it(
    pair: Deployment,
) -> None:
    async with signed_in(pair) as (client, token):
        params = {"name": "slow", "arguments": {"seconds": 30}, "_meta": {"progressToken": "p"}}
        body, headers = message("tools/call", params, MODERN)
        headers["authorization"] = f"Bearer {token}"
        async with client.stream("POST", pair.mcp_url, content=body, headers=headers) as answer:
            async for line in answer.aiter_lines():
                if "notifications/progress" in line:
                    replica = json.loads(line.removeprefix("data: "))["params"]["message"]
                    break
        deadline = time.monotonic() + 60
        while True:
            _, result, wrong = await tool_call(client, pair.mcp_url, token, MODERN, name="where", arguments={})
            assert not wrong
            here = result["structuredContent"]
            if here["replica"] == replica and not here["running"]:
                break
            assert time.monotonic() < deadline, here
    assert replica in names(pair)


async def test_neither_replica_offers_a_stream_that_only_it_could_feed(pair: Deployment) -> None:
    async with signed_in(pair) as (client, token):
        for _ in range(4):
            listened = await call(
                client, pair.mcp_url, "subscriptions/listen", {"notifications": {"toolsListChanged": True}}, token=token
            )
            assert (listened.status_code, listened.json()["error"]["code"]) == (404, -32601)
            # The old era's stream of a session, which there is none of.
            got = await client.get(pair.mcp_url, headers={"authorization": f"Bearer {token}"})
            assert got.status_code == 405


def killed(pid: int) -> None:
    """Kill a process and wait until all of it is gone: sockets close with its last thread."""
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        pass


WORKERS = 8


@pytest.mark.parametrize("rounds", [1, pytest.param(8, marks=pytest.mark.cluster)])
async def test_a_replica_killed_under_load_fails_only_what_was_in_flight_on_it(pair: Deployment, rounds: int) -> None:
    total, failed, in_flight, unnoticed, back = 0, 0, 0, 0, []
    for number in range(rounds):
        service = REPLICAS[number % 2]
        before = pair.state(service)
        async with signed_in(pair) as (_, token), traffic(pair, token, workers=WORKERS) as seen:
            await seen.until(100, since=0)
            # The workers are of this loop: between the kill and the death none begins a call.
            flying = set(seen.under_way.values())
            killed(before["State"]["Pid"])
            dead_at = time.monotonic()
            await seen.until(300, since=dead_at)
            await asyncio.to_thread(pair.wait_restarted, service, since=before["RestartCount"])
            await asyncio.to_thread(pair.wait_healthy, service)
            # Traefik asks every second.
            taken_in = time.monotonic()
            while not any(c.replica == before["Config"]["Hostname"] for c in seen.since(dead_at)):
                assert time.monotonic() < taken_in + 60, "it takes no load again"
                await asyncio.sleep(0.1)
            back.append(time.monotonic() - dead_at)
        late = [(round(each.began - dead_at, 3), each) for each in seen.failed if each.began not in flying]
        # A call that Traefik wrote to a kept connection before it read that connection's end is one in flight, too. Each
        # connection ends so once, and Traefik has no more of them than there were calls at a time; a replica that went
        # on getting calls would fail many of the 300.
        assert len(late) <= WORKERS, late
        unnoticed += len(late)
        total, failed, in_flight = total + len(seen.calls), failed + len(seen.failed), in_flight + len(flying)
    record_page(
        "replicas",
        f"killed {rounds} times under load",
        calls=total,
        failed=failed,
        in_flight_at_the_kills=in_flight,
        begun_later_on_a_connection_kept_from_before=unnoticed,
        seconds_until_it_takes_load_again=[round(each, 1) for each in back],
        command="pytest tests/e2e/docker/test_replicas.py -k killed",
        negative_control="test_edge with disableRetryOnNetworkError: calls to a replica that is gone get 502",
    )
