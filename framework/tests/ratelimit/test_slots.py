"""What runs at once."""

import pytest

from gatelodge.ratelimit.errors import LimitReached, Overloaded
from gatelodge.ratelimit.slots import Slots
from gatelodge.testing.clock import ManualClock


def test_one_key_has_so_many_slots_and_gets_another_when_it_leaves_one() -> None:
    slots = Slots("streams", ManualClock(), per_key=2)
    first, _ = slots.enter("someone"), slots.enter("someone")
    with pytest.raises(LimitReached) as caught:
        slots.enter("someone")
    assert caught.value.headers == {"retry-after": "1"}
    slots.enter("another")
    slots.leave(first)
    slots.enter("someone")
    assert slots.running == 3


def test_the_total_is_nobodys_own_limit() -> None:
    slots = Slots("streams", ManualClock(), per_key=2, total=3)
    for key in ("a", "b", "c"):
        slots.enter(key)
    with pytest.raises(Overloaded):
        slots.enter("d")
    with pytest.raises(Overloaded):
        slots.enter()


def test_who_has_no_key_is_bounded_by_the_total_only() -> None:
    slots = Slots("streams", ManualClock(), per_key=1, total=5)
    held = [slots.enter() for _ in range(5)]
    with pytest.raises(Overloaded):
        slots.enter()
    for found in held:
        slots.leave(found)
    assert slots.running == 0


def test_nothing_is_kept_of_who_has_left() -> None:
    slots = Slots("calls-at-once", ManualClock(), per_key=1)
    for number in range(1000):
        slots.leave(slots.enter(str(number)))
    assert not slots._held
