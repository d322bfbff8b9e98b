import pytest

from gatelodge.core.clock import Clock
from gatelodge.testing.clock import ManualClock


def test_the_clock_stands_still_until_it_is_moved() -> None:
    clock: Clock = ManualClock(1000.0)

    assert (clock.now(), clock.now(), clock.monotonic()) == (1000.0, 1000.0, 0.0)


def test_both_readings_move_together() -> None:
    clock = ManualClock(1000.0)
    clock.advance(2.5)
    clock.advance(0)

    assert (clock.now(), clock.monotonic()) == (1002.5, 2.5)


def test_the_clock_never_goes_back() -> None:
    with pytest.raises(ValueError, match="only goes forward"):
        ManualClock().advance(-1)
