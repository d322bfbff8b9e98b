"""Windows in a real Redis: shared by processes, and what happens while it is away."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import pytest
from redis_server import free_port, redis_url, running_redis

from gatelodge.core.secret import Secret
from gatelodge.ratelimit.limit import Limit, Limits
from gatelodge.ratelimit.rate import Rate
from gatelodge.testing.clock import ManualClock

pytest.importorskip("redis")
from redis.asyncio import Redis

from gatelodge.ratelimit import redis_windows
from gatelodge.ratelimit.redis_windows import RedisWindows

__all__ = ["redis_url"]

RATE = Rate(10)


async def passed(limit: Limit, times: int, *key: str) -> int:
    return [await limit.count(*key) for _ in range(times)].count(0.0)


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and text of each line about Redis."""
    lines = [record for record in caplog.records if record.name == "gatelodge.ratelimit.windows"]
    return [(line.levelname, line.getMessage()) for line in lines]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that is there and slow is waited for; one that is away says so at once."""
    monkeypatch.setattr(redis_windows, "_PATIENCE", 60.0)


@pytest.fixture
async def replicas(redis_url: str) -> AsyncIterator[list[Limits]]:
    made = [Limits(ManualClock(), Secret(redis_url)) for _ in range(2)]
    yield made
    for limits in made:
        await limits.aclose()


async def test_replicas_count_together(replicas: list[Limits]) -> None:
    one, other = (limits.limit("together", RATE) for limits in replicas)
    assert await passed(one, 6, "someone") == 6
    assert await passed(other, 20, "someone") == 4
    assert 0 < await one.count("someone") <= 60
    assert 0 < await one.wait("someone") <= 60
    assert await passed(one, 20, "another") == 10


async def test_servers_that_share_a_redis_count_apart(redis_url: str) -> None:
    made = [Limits(ManualClock(), Secret(redis_url), owner=f"https://mcp.example.com/{name}") for name in "ab"]
    one, other = (limits.limit("apart", RATE) for limits in made)
    assert await passed(one, 20, "alice") == 10
    assert await passed(other, 20, "alice") == 10
    for limits in made:
        await limits.aclose()


async def test_two_hundred_at_once_get_no_more_than_the_rate(redis_url: str) -> None:
    # Without the fallback: what counts is that Redis gives no more.
    one, other = made = [RedisWindows(Secret(redis_url), "at-once") for _ in range(2)]
    waits = await asyncio.gather(*((one, other)[turn % 2].take(RATE, "someone") for turn in range(200)))
    assert waits.count(0.0) == 10
    async with Redis.from_url(redis_url) as redis:
        # As many as a pool may have each, and this one: not one for each caller.
        assert len(await redis.client_list()) <= 2 * 16 + 1
    for windows in made:
        await windows.aclose()


async def test_redis_is_given_digests_that_end(replicas: list[Limits], redis_url: str) -> None:
    await passed(replicas[0].limit("kept", RATE), 3, "https://issuer.example", "alice")
    async with Redis.from_url(redis_url) as redis:
        keys = [key for key in await redis.keys("*") if b"kept" in key]
        assert len(keys) == 1
        assert b"alice" not in keys[0]
        assert 0 < await redis.ttl(keys[0]) <= 60


async def test_while_redis_is_away_each_process_limits_for_itself_and_afterwards_all_together_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port, clock = free_port(), ManualClock()
    limits = Limits(clock, Secret(f"redis://127.0.0.1:{port}/0"))
    calls, other = limits.limit("calls", RATE), limits.limit("others", RATE)
    try:
        with caplog.at_level(logging.WARNING, "gatelodge.ratelimit.windows"):
            with running_redis(port) as server:
                assert await passed(calls, 4, "someone") == 4
                server.kill()
                server.wait(60)
                # Never without a limit, never an error.
                assert await passed(calls, 50, "someone") == 10
                assert await passed(other, 50, "someone") == 10
            assert [level for level, _ in said(caplog)] == ["ERROR"]
            clock.advance(30)
            assert await passed(calls, 50, "someone") == 0
            clock.advance(29)
            await calls.count("someone")
            assert len(said(caplog)) == 1
            clock.advance(6)
            # More than a minute after the first line, one more.
            await calls.count("someone")
            assert len(said(caplog)) == 2
            with running_redis(port):
                clock.advance(6)
                assert await passed(calls, 50, "someone") == 10
                assert "back after" in said(caplog)[-1][1]
                second = Limits(clock, Secret(f"redis://127.0.0.1:{port}/0"))
                assert await passed(second.limit("calls", RATE), 5, "someone") == 0
                await second.aclose()
    finally:
        await limits.aclose()


async def test_a_redis_that_takes_connections_and_says_nothing_holds_a_request_up_once_only(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Waited for by each of the 500, it would be minutes.
    monkeypatch.setattr(redis_windows, "_PATIENCE", 0.25)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://:canary-password@127.0.0.1:{silent.getsockname()[1]}/0"
        limits = Limits(ManualClock(), Secret(address))
        calls = limits.limit("calls", RATE)
        assert await asyncio.wait_for(passed(calls, 500, "someone"), 60) == 10
        await limits.aclose()
    assert "TimeoutError" in caplog.text
    assert "canary-password" not in caplog.text
