"""Moving windows in memory, on a clock that stands still."""

import logging

import pytest

from gatelodge.ratelimit.errors import LimitReached
from gatelodge.ratelimit.limit import Limit, Limits, digest
from gatelodge.ratelimit.rate import Rate
from gatelodge.ratelimit.windows import LocalWindows
from gatelodge.testing.clock import ManualClock

MINUTE = Rate(10)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def limit(clock: ManualClock, rate: Rate | None = MINUTE) -> Limit:
    return Limits(clock).limit("calls", rate)


async def passed(limit: Limit, times: int, *key: str) -> int:
    """How many of these events are counted."""
    return [await limit.count(*key) for _ in range(times)].count(0.0)


async def test_within_any_minute_no_more_than_the_rate_passes(clock: ManualClock) -> None:
    calls = limit(clock)
    assert await passed(calls, 4, "someone") == 4
    clock.advance(50)
    assert await passed(calls, 20, "someone") == 6
    clock.advance(10)
    # A fixed window would begin anew here; of this one the first four have gone.
    assert await passed(calls, 20, "someone") == 4
    clock.advance(60)
    assert await passed(calls, 20, "someone") == 10


async def test_a_refused_event_is_told_when_one_more_passes_and_then_it_does(clock: ManualClock) -> None:
    calls = limit(clock)
    await passed(calls, 5, "someone")
    clock.advance(20.5)
    await passed(calls, 5, "someone")
    with pytest.raises(LimitReached) as caught:
        await calls.take("someone")
    assert caught.value.headers == {
        "retry-after": "40",
        "ratelimit-policy": '"calls";q=10;w=60',
        "ratelimit": '"calls";r=0;t=40',
    }
    clock.advance(39)
    assert await passed(calls, 1, "someone") == 0
    clock.advance(1)
    assert await passed(calls, 9, "someone") == 5


async def test_who_keeps_asking_at_the_limit_is_not_punished_for_it(clock: ManualClock) -> None:
    calls = limit(clock)
    await passed(calls, 10, "someone")
    for _ in range(59):
        clock.advance(1)
        assert await passed(calls, 3, "someone") == 0
    clock.advance(1)
    assert await passed(calls, 20, "someone") == 10


async def test_another_key_is_not_held_back_and_parts_of_a_key_are_not_run_together(clock: ManualClock) -> None:
    calls = limit(clock)
    await passed(calls, 20, "ab", "c")
    assert await passed(calls, 20, "a", "bc") == 10


async def test_waiting_counts_nothing(clock: ManualClock) -> None:
    calls = limit(clock)
    assert [await calls.wait("someone") for _ in range(50)] == [0.0] * 50
    assert await passed(calls, 20, "someone") == 10
    assert await calls.wait("someone") == 60


async def test_a_limit_that_is_off_counts_nothing(clock: ManualClock) -> None:
    calls = limit(clock, None)
    assert await passed(calls, 1000, "someone") == 1000
    await calls.take("someone")


async def test_memory_is_bounded_under_a_million_addresses(clock: ManualClock) -> None:
    windows = LocalWindows(clock, most=1000)
    for number in range(1_000_000):
        await windows.storage.acquire_entry(str(number), 10, 60)
    assert len(windows.storage) == windows.storage.entries == 1000
    # The newest are the ones that are held.
    assert await windows.wait(Rate(1), "999999") == 60
    assert await windows.wait(Rate(1), "0") == 0.0


async def test_moments_that_are_past_take_no_memory(clock: ManualClock) -> None:
    windows = LocalWindows(clock)
    for _ in range(100):
        await windows.take(Rate(100), "someone")
        clock.advance(10)
    assert windows.storage.entries <= 6


async def test_moments_are_bounded_too_and_who_is_refused_stays_remembered(clock: ManualClock) -> None:
    windows = LocalWindows(clock, most=100)
    rate = Rate(100_000)
    for number in range(7):
        for _ in range(100_000):
            await windows.storage.acquire_entry(f"k{number}", rate.amount, 60)
        await windows.take(Rate(1), "attacker")
    assert windows.storage.entries <= 500_000
    assert await windows.take(Rate(1), "attacker") > 0


async def test_a_forgotten_key_leaves_nothing_behind(clock: ManualClock) -> None:
    windows = LocalWindows(clock)
    for _ in range(5):
        await windows.take(MINUTE, "someone")
    await windows.storage.clear(next(iter(windows.storage._held)))
    assert (len(windows.storage), windows.storage.entries) == (0, 0)


async def test_neither_key_nor_log_shows_who_it_is(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    windows = LocalWindows(clock)
    calls = Limit("calls", Rate(1), windows, clock)
    with caplog.at_level(logging.WARNING):
        await passed(calls, 3, "https://issuer.example", "alice@example.com")
    shown = caplog.text + "".join(windows.storage._held)
    assert "alice" not in shown
    assert "issuer.example" not in shown
    assert digest("https://issuer.example", "alice@example.com")[:12] in caplog.text


async def test_a_burst_of_refusals_is_one_line_and_the_next_burst_tells_how_many(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    calls = limit(clock, Rate(1))
    await passed(calls, 500, "someone")
    assert len(caplog.messages) == 1
    clock.advance(60)
    await passed(calls, 2, "someone")
    assert len(caplog.messages) == 2
    assert "498 more refused" in caplog.messages[1]


async def test_a_thousand_callers_at_once_do_not_fill_the_log(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    calls = limit(clock, Rate(1))
    for number in range(1000):
        await passed(calls, 2, str(number))
    assert len(caplog.messages) == 10
    clock.advance(60)
    await passed(calls, 2, "later")
    assert "990 more refused" in caplog.messages[-1]


async def test_the_log_names_an_address_as_it_is_told_to_and_others_by_a_digest(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(clock, named=lambda address: f"named:{len(address)}")
    for key in (("192.0.2.7",), ("2001:db8::/64",), ("loopback", "192.0.2.10"), ("https://as.example", "alice")):
        refused = limits.limit("calls", Rate(1))
        assert await passed(refused, 2, *key) == 1
    told = [record.getMessage().partition(": ")[0] for record in caplog.records]
    alice = digest("https://as.example", "alice")[:12]
    assert told == [f"limit calls reached by {who}" for who in ("named:9", "named:13", "named:10", alice)]
