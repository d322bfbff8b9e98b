"""The life of one kept copy, with a source whose answers the test decides."""

import asyncio
from collections.abc import Callable

import pytest

from gatelodge.issuer.last_good import LastGood
from gatelodge.issuer.metadata import IssuerUnavailable
from gatelodge.testing.clock import ManualClock

LIFE, COOLDOWN, LIMIT = 300.0, 10.0, 3600.0


class Source:
    """Counts its fetches; returns that number unless it is down or has a hiccup; waits for ``gate`` when it is closed."""

    def __init__(self) -> None:
        self.fetches = 0
        self.down = False
        self.hiccups = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> int:
        self.fetches += 1
        number = self.fetches
        # Only a call that waits where it must not gets to the limit: a failed test rather than a hung one.
        await asyncio.wait_for(self.gate.wait(), 60)
        self.hiccups, hiccup = max(0, self.hiccups - 1), self.hiccups > 0
        if self.down or hiccup:
            raise IssuerUnavailable(f"fetch {number} failed", hint="look there")
        return number


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def kept(source: Source, clock: ManualClock) -> LastGood[int]:
    return LastGood(
        source,
        clock,
        unfetched=IssuerUnavailable("not fetched yet"),
        ttl=LIFE,
        cooldown=COOLDOWN,
        stale_limit=LIMIT,
    )


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until the condition holds; a few turns are enough for a source that does not wait."""
    for _ in range(20):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition did not come true")


async def test_a_young_copy_is_served_without_a_fetch(kept: LastGood[int], source: Source, clock: ManualClock) -> None:
    assert await kept.get() == 1
    clock.advance(0.79 * LIFE)
    assert await kept.get() == 1

    assert source.fetches == 1


async def test_an_ageing_copy_is_served_while_the_next_is_fetched(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    await kept.get()
    source.gate.clear()
    clock.advance(0.8 * LIFE)

    assert await kept.get() == 1
    await until(lambda: source.fetches == 2)
    assert await kept.get() == 1
    source.gate.set()
    await kept.renew()

    assert await kept.get() == 2
    assert source.fetches == 2


async def test_a_copy_past_its_life_is_not_served_while_the_source_answers(
    kept: LastGood[int], clock: ManualClock
) -> None:
    await kept.get()
    clock.advance(LIFE)

    assert await kept.get() == 2


async def test_a_copy_past_its_life_waits_for_the_fetch_that_is_under_way(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    await kept.get()
    source.gate.clear()
    clock.advance(0.8 * LIFE)
    await kept.get()
    clock.advance(0.3 * LIFE)
    waiting = asyncio.create_task(kept.get())
    await until(lambda: source.fetches == 2)
    assert not waiting.done()
    source.gate.set()

    assert await waiting == 2


async def test_callers_at_once_share_one_fetch(kept: LastGood[int], source: Source) -> None:
    assert await asyncio.gather(*(kept.get() for _ in range(100))) == [1] * 100
    assert source.fetches == 1


async def test_a_caller_that_goes_away_does_not_end_the_fetch_of_the_others(
    kept: LastGood[int], source: Source
) -> None:
    source.gate.clear()
    first = asyncio.create_task(kept.get())
    await until(lambda: source.fetches == 1)
    second = asyncio.create_task(kept.get())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.gate.set()

    assert await second == 1
    assert source.fetches == 1


async def test_renewing_is_held_back_by_the_cool_down(kept: LastGood[int], source: Source, clock: ManualClock) -> None:
    await kept.get()
    for _ in range(50):
        await kept.renew()
    assert source.fetches == 2

    clock.advance(COOLDOWN)
    await asyncio.gather(*(kept.renew() for _ in range(50)))
    assert source.fetches == 3
    assert await kept.get() == 3


async def test_what_age_fetches_does_not_hold_a_renewal_back(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    await kept.get()
    await kept.renew()
    clock.advance(LIFE)
    assert await kept.get() == 3

    await kept.renew()
    assert await kept.get() == 4


async def test_in_an_outage_renewals_and_age_share_one_fetch_per_cool_down(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    await kept.get()
    source.down = True
    clock.advance(LIFE)
    await kept.get()
    before = source.fetches
    for _ in range(6):
        clock.advance(COOLDOWN / 2)
        await kept.get()
        await kept.renew()

    assert source.fetches - before == 3


async def test_a_failed_fetch_is_tried_once_more_at_once(kept: LastGood[int], source: Source) -> None:
    source.hiccups = 1

    assert await kept.get() == 2


async def test_a_failed_renewal_is_not_tried_again(kept: LastGood[int], source: Source) -> None:
    await kept.get()
    source.hiccups = 1
    await kept.renew()

    assert await kept.get() == 1
    assert source.fetches == 2


async def test_a_lasting_outage_is_not_retried_each_time(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    await kept.get()
    source.down = True
    for _ in range(3):
        clock.advance(LIFE)
        await kept.get()

    assert source.fetches == 1 + 2 + 1 + 1


async def test_the_age_of_a_copy_counts_from_the_question(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    source.gate.clear()
    waiting = asyncio.create_task(kept.get())
    await until(lambda: source.fetches == 1)
    clock.advance(5)
    source.gate.set()
    await waiting
    clock.advance(LIFE - 5)

    assert await kept.get() == 2


async def test_a_source_that_never_ends_its_answer_is_given_up(
    kept: LastGood[int], source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatelodge.issuer.last_good.DEADLINE", 0.01)
    source.gate.clear()

    with pytest.raises(IssuerUnavailable, match="not fetched yet: no whole answer within"):
        await kept.get()
    assert source.fetches == 1


@pytest.mark.parametrize(("waited", "retry_after"), [(0, 1), (0.5, 1)])
async def test_a_refusal_says_when_the_next_try_may_be(
    kept: LastGood[int], source: Source, clock: ManualClock, waited: float, retry_after: int
) -> None:
    source.down = True
    with pytest.raises(IssuerUnavailable):
        await kept.get()
    clock.advance(waited)
    with pytest.raises(IssuerUnavailable) as caught:
        await kept.get()

    assert caught.value.retry_after == retry_after


async def test_closing_ends_the_fetch_in_flight(kept: LastGood[int], source: Source) -> None:
    await kept.aclose()
    source.gate.clear()
    waiting = asyncio.create_task(kept.get())
    await until(lambda: source.fetches == 1)
    await kept.aclose()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


def restored(source: Source, clock: ManualClock, age: float) -> LastGood[int]:
    return LastGood(
        source,
        clock,
        unfetched=IssuerUnavailable("not fetched yet"),
        ttl=LIFE,
        cooldown=COOLDOWN,
        stale_limit=LIMIT,
        restore=lambda: (99, age),
    )


async def test_a_restored_copy_serves_when_the_source_is_down_and_for_the_rest_of_its_limit(
    source: Source, clock: ManualClock
) -> None:
    kept = restored(source, clock, age=LIMIT - 100)
    source.down = True
    assert await kept.get() == 99
    clock.advance(100)
    assert await kept.get() == 99
    clock.advance(COOLDOWN)

    with pytest.raises(IssuerUnavailable):
        await kept.get()


async def test_a_restored_copy_never_serves_before_the_source_was_asked(source: Source, clock: ManualClock) -> None:
    kept = restored(source, clock, age=0)
    source.gate.clear()
    waiting = [asyncio.create_task(kept.get()) for _ in range(2)]
    await until(lambda: source.fetches == 1)
    source.gate.set()

    assert await asyncio.gather(*waiting) == [1, 1]


async def test_an_outage_serves_the_old_copy_up_to_its_limit_and_no_longer(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    await kept.get()
    source.down = True
    clock.advance(LIMIT)
    assert await kept.get() == 1

    clock.advance(COOLDOWN)
    with pytest.raises(IssuerUnavailable, match="fetch 4 failed"):
        await kept.get()


async def test_an_outage_costs_one_fetch_per_cool_down_and_no_waiting(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    await kept.get()
    source.down = True
    clock.advance(LIFE)
    await kept.get()
    source.gate.clear()

    for _ in range(3):
        clock.advance(COOLDOWN / 2)
        # The gate is closed: a call that waited for the fetch would never return.
        assert await kept.get() == 1
        await asyncio.sleep(0)
    source.gate.set()
    await kept.renew()

    assert source.fetches == 4


async def test_the_old_copy_is_not_trusted_on_the_word_of_an_outage_long_ago(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    await kept.get()
    source.down = True
    clock.advance(LIFE)
    await kept.get()
    source.down = False
    clock.advance(2 * COOLDOWN)

    assert await kept.get() == 4


async def test_a_good_copy_after_an_outage_ends_it(kept: LastGood[int], source: Source, clock: ManualClock) -> None:
    await kept.get()
    source.down = True
    clock.advance(LIFE)
    await kept.get()
    source.down = False
    clock.advance(COOLDOWN)
    await kept.renew()
    clock.advance(LIFE)

    assert await kept.get() == 5


async def test_a_failed_first_fetch_is_tried_again_after_a_second(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    source.down = True
    for _ in range(3):
        with pytest.raises(IssuerUnavailable, match="fetch 2 failed"):
            await kept.get()
    source.down = False
    clock.advance(1)

    assert await kept.get() == 3


async def test_each_caller_gets_an_error_of_its_own(kept: LastGood[int], source: Source) -> None:
    source.down = True
    errors = []
    for _ in range(2):
        with pytest.raises(IssuerUnavailable) as caught:
            await kept.get()
        errors.append(caught.value)

    assert errors[0] is not errors[1]
    assert errors[0].__cause__ is errors[1].__cause__
    assert errors[0].hint == "look there"


async def test_a_first_fetch_that_was_cut_off_is_reported_as_not_fetched(
    kept: LastGood[int], source: Source, clock: ManualClock
) -> None:
    source.gate.clear()
    caller = asyncio.create_task(kept.get())
    await until(lambda: source.fetches == 1)
    # As a loop does that shuts down: every task is cancelled, the fetch as well.
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.sleep(0)

    with pytest.raises(IssuerUnavailable, match="not fetched yet"):
        await kept.get()
    source.gate.set()
    clock.advance(1)
    assert await kept.get() == 2


async def test_a_failure_that_stays_is_told_once_a_minute_and_anew_after_an_answer(
    kept: LastGood[int], source: Source, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def told() -> int:
        return sum(record.levelname == "WARNING" for record in caplog.records)

    async def fails(seconds: int) -> None:
        for _ in range(seconds):
            # The same words each time, as of one address that does not answer.
            source.fetches = 0
            with pytest.raises(IssuerUnavailable):
                await kept.get()
            clock.advance(1)

    source.down = True
    await fails(1)
    caplog.clear()
    await fails(61)
    assert told() == 2
    source.down = False
    await kept.get()
    source.down = True
    source.fetches = 0
    clock.advance(LIFE)
    await kept.renew()
    assert told() == 3
