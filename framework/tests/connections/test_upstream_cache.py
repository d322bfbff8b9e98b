"""The cache's own bounds: entries, bytes, time, and nothing left behind."""

from gatelodge.connections.cache import AnswerCache, Key
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Answer
from gatelodge.testing.clock import ManualClock
from gatelodge.vault.owner import Owner

ALICE, BOB = Owner("t", "alice", "github"), Owner("t", "bob", "github")


def keep(cache: AnswerCache, owner: Owner, name: str, size: int = 10, seconds: float = 60.0) -> Key:
    key = Key.of(owner, Secret("canary"), name)
    with cache.slot(owner) as slot:
        cache.keep(slot, key, Answer(200, {}, b"x" * size), seconds)
    return key


def test_the_least_recently_used_entry_goes_first() -> None:
    cache = AnswerCache(ManualClock(), max_entries=2)
    first, second = keep(cache, ALICE, "1"), keep(cache, ALICE, "2")
    assert cache.get(first)
    keep(cache, BOB, "3")
    assert cache.get(first)
    assert cache.get(second) is None
    assert len(cache) == 2


def test_bytes_are_bounded_and_a_large_answer_is_not_kept() -> None:
    cache = AnswerCache(ManualClock(), max_bytes=80_000)
    assert cache.get(keep(cache, ALICE, "large", 10_000)) is None
    keys = [keep(cache, ALICE, str(number), 8000) for number in range(20)]
    assert len(cache) == 8
    assert cache.get(keys[-1])
    assert cache.get(keys[0]) is None
    cache.drop(ALICE)
    assert len(cache) == 0
    assert cache._bytes == 0
    assert cache._keys == {}


def test_an_entry_replaced_or_over_leaves_nothing() -> None:
    clock = ManualClock()
    cache = AnswerCache(clock)
    keep(cache, ALICE, "1", 5)
    key = keep(cache, ALICE, "1", 7)
    found = cache.get(key)
    assert found is not None
    assert len(found.body) == 7
    clock.advance(60)
    assert cache.get(key) is None
    assert cache.get(keep(cache, ALICE, "2", seconds=0)) is None
    assert (len(cache), cache._bytes, cache._keys, cache._open) == (0, 0, {}, {})


def test_a_drop_spoils_what_is_under_way_for_that_owner_only() -> None:
    cache = AnswerCache(ManualClock())
    with cache.slot(ALICE) as first, cache.slot(ALICE) as second, cache.slot(BOB) as other:
        cache.drop(ALICE)
        assert (first.spoiled, second.spoiled, other.spoiled) == (True, True, False)


def test_no_key_holds_a_token() -> None:
    assert "canary" not in repr(Key.of(ALICE, Secret("canary"), "GET /"))
