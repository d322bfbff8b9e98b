"""A new version under load: no request fails, long ones included; a version that does not start stops the roll."""

import asyncio
import time
from collections import Counter

import pytest
from native_stack import READ, WRITE
from results import record
from wire import MODERN, tls_client

from e2e.docker.answered import tool_call
from e2e.docker.deployment import REPLICAS, Deployment
from e2e.docker.traffic import Traffic, traffic
from gatelodge.ops.link.obtain import obtain_tokens

# Seconds that a long call takes: within GATELODGE_DRAIN and GATELODGE_GRACE of compose.yaml.
LONG = 12


async def long_calls(deployment: Deployment, token: str, until: asyncio.Event) -> list[str]:
    """Streaming calls of several seconds, two begun every second until then; what was wrong about each, or nothing."""

    async def call() -> str:
        async with tls_client(deployment.folder / "ca.pem") as client:
            params = {"name": "slow", "arguments": {"seconds": LONG}, "_meta": {"progressToken": "p"}}
            _, _, wrong = await tool_call(client, deployment.mcp_url, token, MODERN, **params)
            return wrong

    begun = []
    while not until.is_set():
        begun += [asyncio.create_task(call()) for _ in range(2)]
        await asyncio.sleep(1)
    return list(await asyncio.gather(*begun))


async def rolled(pair: Deployment, *options: str, seconds_to_healthy: int = 120) -> tuple[int, str, Traffic, list[str]]:
    """Roll under load: the script's exit code and words, what came of the calls, and of the long ones."""
    obtained = await obtain_tokens(pair.target(READ, WRITE))
    token, done = obtained.tokens.access_token, asyncio.Event()
    async with traffic(pair, token) as seen:
        await seen.until(100, since=0)
        long = asyncio.create_task(long_calls(pair, token, done))
        script = await asyncio.to_thread(pair.roll, *options, seconds_to_healthy=seconds_to_healthy)
        await seen.until(100, since=time.monotonic())
        done.set()
        wrong = await long
    return script.returncode, script.stdout + script.stderr, seen, wrong


def images(pair: Deployment) -> list[str]:
    """The image that each replica runs, by its id."""
    return [pair.state(service)["Image"] for service in REPLICAS]


async def test_a_roll_to_a_new_image_fails_no_request(pair: Deployment) -> None:
    before = images(pair)
    new = pair.release("2")
    assert new not in before
    code, said, seen, long = await rolled(pair)
    assert code == 0, said
    assert images(pair) == [new, new]
    assert seen.failed == []
    assert long == [""] * len(long)
    releases = Counter(call.release for call in seen.calls)
    assert set(releases) == {"1", "2"}
    # The last ones were answered by both new replicas.
    last = seen.calls[-50:]
    assert {call.release for call in last} == {"2"}
    assert len({call.replica for call in last}) == 2
    took = seen.calls[-1].ended - seen.calls[0].began
    record(
        24,
        "a roll of both replicas to a new image",
        tried=len(seen.calls) + len(long),
        passed=len(seen.calls) + len(long) - len(seen.failed),
        figure=f"0 failed, {len(long)} streams of {LONG} s among them; {took:.0f} s, half the calls of each era",
        command="pytest tests/e2e/docker/test_rolling.py -k new_image",
        negative_control="Traefik killed in a roll, for want of memory: 257 calls were counted as failed",
    )


@pytest.mark.cluster
async def test_an_image_that_never_gets_healthy_ends_the_roll_and_one_replica_serves_on(pair: Deployment) -> None:
    before, old = images(pair), pair.sample
    pair.release("broken")
    try:
        code, said, seen, long = await rolled(pair, seconds_to_healthy=15)
        assert code == 1
        assert "sample did not become healthy" in said
        assert images(pair)[1] == before[1]
        assert seen.failed == []
        assert long == [""] * len(long)
    finally:
        # The way back is the same command with the version that worked.
        pair.sample = old
        back = await asyncio.to_thread(pair.roll)
    assert back.returncode == 0, back.stderr
    assert images(pair) == before


@pytest.mark.cluster
async def test_six_rolls_in_a_row_fail_no_request(pair: Deployment) -> None:
    tried, streams, failed = 0, 0, 0
    for _ in range(6):
        before = {pair.state(service)["Id"] for service in REPLICAS}
        code, said, seen, long = await rolled(pair, "--force-recreate")
        assert code == 0, said
        assert not before & {pair.state(service)["Id"] for service in REPLICAS}
        assert seen.failed == []
        assert long == [""] * len(long)
        tried, streams, failed = tried + len(seen.calls), streams + len(long), failed + len(seen.failed)
    record(
        24,
        "six rolls of both replicas in a row",
        tried=tried + streams,
        passed=tried + streams - failed,
        figure=f"0 failed, {streams} streams of {LONG} s among them",
        command="pytest -m cluster tests/e2e/docker/test_rolling.py",
        negative_control="Traefik killed in a roll, for want of memory: 257 calls were counted as failed",
    )
