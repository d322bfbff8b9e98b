"""Catalogue F01 and W8: what strangers with made-up key ids cost, and what they can do to a new key."""

import asyncio

import pytest
from results import record

from conformance.keys.processes import Checker, Processes, most_in_a_minute, stranger
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

COMMAND = ".venv/bin/pytest tests/conformance/keys/test_flood.py"
A_MINUTE = 10_000
BOUND = 30


async def flooded_minutes(checker: Checker, minutes: int, each: int) -> int:
    """Strangers' tokens spread over the seconds, one good token a second; how many were answered right."""
    right = 0
    for second in range(minutes * 60):
        right += await checker.flood(each // 60 + (second % 60 < each % 60))
        right += await checker.accepts(checker.issuer.tokens.token())
        checker.clock.advance(1)
    return right


async def test_ten_thousand_unknown_kids_a_minute_cost_at_most_two_fetches_a_minute(processes: Processes) -> None:
    checker = await processes.checker()
    await checker.keys.warm()
    right = await flooded_minutes(checker, 2, A_MINUTE)

    tried = 2 * (A_MINUTE + 60)
    worst = most_in_a_minute(checker.fetches)
    record(
        14,
        name="random kids, injected clock",
        tried=tried,
        passed=right if worst <= 2 else 0,
        figure=f"{worst} fetches in the worst minute, {A_MINUTE} unknown kids a minute",
        command=COMMAND,
        negative_control="cool-down 0: more than two fetches a minute",
    )
    assert right == tried
    assert worst == 2


async def test_without_a_cool_down_the_flood_is_seen_to_cost_more(processes: Processes) -> None:
    checker = await processes.checker(keys_cooldown=0.0)
    await checker.keys.warm()
    await flooded_minutes(checker, 1, 120)

    assert most_in_a_minute(checker.fetches) > 2


@pytest.mark.requirement("RFC9068-4-issuer-keys")
@pytest.mark.parametrize("down", [False, True], ids=["issuer answers", "issuer down"])
async def test_a_flood_through_the_whole_server_is_answered_401_and_good_users_are_served(
    processes: Processes, issuer: FakeIssuer, clock: ManualClock, down: bool
) -> None:
    served = await processes.server()
    good = served.bearer("notes:read")
    assert (await served.rpc("tools/list", headers=good)).status_code == 200
    issuer.unreachable = down
    before = issuer.keys_fetches + issuer.refused
    for _ in range(12):
        answers = await asyncio.gather(
            *(served.rpc("tools/list", headers={"authorization": f"Bearer {stranger(issuer)}"}) for _ in range(20))
        )
        assert {answer.status_code for answer in answers} == {401}
        assert (await served.rpc("tools/list", headers=good)).status_code == 200
        clock.advance(5)

    assert issuer.keys_fetches + issuer.refused - before <= 2


async def test_a_new_key_under_a_flood_is_accepted_within_half_a_minute(
    processes: Processes, tokens: TokenFactory, clock: ManualClock
) -> None:
    checker = await processes.checker()
    waits = []
    for offset in range(0, 60, 3):
        # Wherever in the strangers' rhythm the rotation falls.
        for _ in range(40 + offset):
            await checker.flood(5)
            clock.advance(1)
        await checker.flood(5)
        tokens.rotate()
        began = clock.now()
        while not await checker.accepts(tokens.token()):
            clock.advance(1)
            await checker.flood(5)
        waits.append(clock.now() - began)

    record(
        16,
        name="new key under a flood of unknown kids",
        tried=len(waits),
        passed=sum(wait <= BOUND for wait in waits),
        figure=f"trusted after at most {max(waits):.0f} s",
        command=COMMAND,
        negative_control="cool-down 120: later than 30 s",
    )
    assert max(waits) <= BOUND
    assert most_in_a_minute(checker.fetches[2:]) <= 2


async def test_a_longer_cool_down_is_seen_to_break_the_bound(
    processes: Processes, tokens: TokenFactory, clock: ManualClock
) -> None:
    checker = await processes.checker(keys_cooldown=120.0)
    await checker.keys.warm()
    await checker.flood(1)
    tokens.rotate()
    clock.advance(BOUND)

    assert not await checker.accepts(tokens.token())
