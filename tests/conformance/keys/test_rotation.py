"""Catalogue F04, F06, F08: new keys, with callers at once, lose no valid request."""

import asyncio
import random

import pytest
from results import record

from conformance.keys.processes import Processes
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory, make_key

COMMAND = ".venv/bin/pytest tests/conformance/keys/test_rotation.py"
CALLERS = 40


async def test_rotation_with_overlap_loses_no_request_of_callers_at_once(
    processes: Processes, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock
) -> None:
    checker = await processes.checker()
    chance = random.Random(16)  # noqa: S311 - an order of events, no secret
    tried = passed = 0
    for _ in range(30):
        old = [tokens.token(exp=int(clock.now()) + 3600) for _ in range(CALLERS // 2)]
        tokens.rotate()
        batch = old + [tokens.token() for _ in range(CALLERS // 2)]
        chance.shuffle(batch)
        before = issuer.keys_fetches
        results = await asyncio.gather(*(checker.accepts(token) for token in batch))
        # No regular fetch is due: the new key alone costs one, however many ask.
        assert issuer.keys_fetches - before <= 1
        tried, passed = tried + len(results), passed + sum(results)
        clock.advance(chance.choice([31, 200, 290, 900]))
    record(
        16,
        name="rotation with overlap, callers at once",
        tried=tried,
        passed=passed,
        figure=f"{tried - passed} valid requests failed, new key trusted at its first request",
        command=COMMAND,
        negative_control="a rotation that removes the old key at once: the old tokens are refused",
    )
    assert passed == tried


async def test_a_key_published_before_its_use_costs_no_fetch_of_its_own(
    processes: Processes, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock
) -> None:
    checker = await processes.checker()
    assert await checker.accepts(tokens.token())
    announced = make_key("RS256")
    issuer.keys = {"keys": [*tokens.jwks()["keys"], announced.as_dict(private=False)]}
    clock.advance(300)
    assert await checker.accepts(tokens.token())
    fetched = issuer.keys_fetches

    assert await checker.accepts(tokens.token(key=announced, header={"kid": announced.kid}))
    assert issuer.keys_fetches == fetched


@pytest.mark.requirement("RFC9068-4-issuer-keys")
async def test_without_overlap_only_tokens_of_the_old_key_are_refused(
    processes: Processes, tokens: TokenFactory, clock: ManualClock
) -> None:
    checker = await processes.checker()
    old = tokens.token(exp=int(clock.now()) + 3600)
    assert await checker.accepts(old)
    tokens.rotate(keep_old=False)

    assert await checker.accepts(tokens.token())
    assert not await checker.accepts(old)


async def test_another_key_under_an_old_id_counts_once_it_is_fetched(
    processes: Processes, tokens: TokenFactory, issuer: FakeIssuer, clock: ManualClock
) -> None:
    checker = await processes.checker()
    old = tokens.token(exp=int(clock.now()) + 3600)
    assert await checker.accepts(old)
    new = make_key("RS256", kid=tokens.kid())
    issuer.keys = {"keys": [new.as_dict(private=False)]}

    assert not await checker.accepts(tokens.token(key=new))
    clock.advance(300)
    assert await checker.accepts(tokens.token(key=new))
    assert not await checker.accepts(old)


@pytest.mark.requirement("RFC8725-3.1-allow-list")
async def test_a_move_through_four_algorithms_with_overlap_loses_nothing(
    processes: Processes, tokens: TokenFactory, clock: ManualClock
) -> None:
    checker = await processes.checker()
    held: list[str] = []
    for algorithm in ("RS256", "PS256", "ES256", "EdDSA"):
        tokens.rotate(algorithm)
        held.append(tokens.token(algorithm=algorithm, exp=int(clock.now()) + 6 * 3600))
        assert [await checker.accepts(token) for token in held] == [True] * len(held)
        clock.advance(3600)


async def test_a_hundred_callers_of_a_cold_process_cost_one_fetch(
    processes: Processes, tokens: TokenFactory, issuer: FakeIssuer
) -> None:
    checker = await processes.checker()

    assert all(await asyncio.gather(*(checker.accepts(tokens.token()) for _ in range(100))))
    assert (issuer.metadata_fetches, issuer.keys_fetches) == (1, 1)
