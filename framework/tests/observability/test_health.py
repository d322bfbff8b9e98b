"""Checks behind readiness: each once at a time, kept for a moment, and nobody waits long."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.observability import health as module
from gatelodge.observability.config import LogConfig
from gatelodge.observability.health import Check, Health, Kept
from gatelodge.testing.clock import ManualClock


class Away(GatelodgeError):
    """A part that does not answer."""

    code = Code.STORAGE_UNAVAILABLE


class Part:
    """A part that counts how often it was asked; ``answer`` is what it does."""

    def __init__(self, answer: Callable[[], Awaitable[Kept | None]] | None = None) -> None:
        self.asked = 0
        self.down = False
        self._answer = answer

    async def ask(self) -> Kept | None:
        self.asked += 1
        if self.down:
            raise Away("10.0.0.7 refused canary-password")
        return None if self._answer is None else await self._answer()


async def never() -> Kept | None:
    await asyncio.Event().wait()
    return None


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)


async def test_a_thousand_who_ask_at_once_cause_one_question() -> None:
    part = Part()
    health = Health(ManualClock(), [Check("store", part.ask, "store")])
    told = await asyncio.gather(*(health.look() for _ in range(1000)))
    assert part.asked == 1
    assert {each.up for (each,) in told} == {True}


async def test_an_answer_is_kept_for_a_moment_and_then_asked_for_anew() -> None:
    part, clock = Part(), ManualClock()
    health = Health(clock, [Check("store", part.ask, "store")])
    await health.look()
    clock.advance(0.4)
    (told,) = await health.look()
    assert part.asked == 1
    assert told.age == pytest.approx(0.4)
    clock.advance(0.2)
    await health.look()
    assert part.asked == 2


async def test_a_part_that_is_down_is_told_by_its_code_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    part, clock = Part(), ManualClock()
    health = Health(clock, [Check("store", part.ask, "store")])
    part.down = True
    for _ in range(3):
        (told,) = await health.look()
        assert (told.up, told.code, told.age) == (False, Code.STORAGE_UNAVAILABLE, None)
        assert health.overall([told]) == "unavailable"
        clock.advance(1)
    part.down = False
    (told,) = await health.look()
    assert told.up
    # Good news wakes nobody who is called for warnings, and is seen at the level that processes have by default.
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "health: store is not up: 10.0.0.7 refused canary-password"),
        (LogConfig().level.upper(), "health: store is up again"),
    ]


async def test_checks_run_side_by_side_and_who_asks_waits_a_moment_at_most() -> None:
    hanging, quick = Part(never), Part()
    checks = [Check(name, part.ask, name) for name, part in (("a", hanging), ("b", Part(never)), ("c", quick))]
    health = Health(ManualClock(), checks)
    async with asyncio.timeout(60):
        first, second, third = await health.look()
    assert (first.up, second.up, third.up) == (False, False, True)
    assert first.code is Code.UPSTREAM_UNREACHABLE
    # Still the first question: a part that hangs is not asked by more and more.
    await health.look()
    assert hanging.asked == 1
    await health.aclose()


async def test_a_question_that_had_its_time_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 3600.0)
    clock = ManualClock()
    health = Health(clock, [Check("a", Part(never).ask, "a")])
    looking = asyncio.create_task(health.look())
    await settled()
    clock.advance(3600)
    async with asyncio.timeout(60):
        (told,) = await health.look()
    assert told.up is False
    looking.cancel()
    await health.aclose()


async def test_what_others_can_do_without_is_neither_waited_for_nor_makes_it_unready() -> None:
    provider = Part(never)
    health = Health(ManualClock(), [Check("github", provider.ask, "github", needed=False)])
    (told,) = await health.look()
    assert (told.up, health.overall([told])) == (None, "ok")
    await health.aclose()
    down, clock = Part(), ManualClock()
    down.down = True
    health = Health(clock, [Check("github", down.ask, "github", needed=False, every=60)])
    await health.look()
    await settled()
    (told,) = await health.look()
    assert (told.up, health.overall([told])) == (False, "degraded")
    clock.advance(59)
    await health.look()
    assert down.asked == 1


async def test_a_copy_says_its_own_age() -> None:
    async def kept() -> Kept:
        return Kept(300.0, 0.02)

    clock = ManualClock()
    health = Health(clock, [Check("keys", kept, "authorization server")])
    await health.look()
    clock.advance(0.25)
    (told,) = await health.look()
    assert (told.age, told.latency) == (300.25, 0.02)


async def test_a_check_that_fails_as_nobody_foresaw_is_not_up() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    clock = ManualClock()
    health = Health(clock, [Check("a", broken, "a")])
    for _ in range(2):
        (told,) = await health.look()
        assert (told.up, told.code) == (False, Code.INTERNAL_ERROR)
        clock.advance(1)


async def test_a_check_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.01)
    part = Part(never)
    health = Health(ManualClock(), [Check("a", part.ask, "a")])
    (told,) = await health.look()
    assert (told.up, told.code) == (False, Code.UPSTREAM_UNREACHABLE)
    await health.aclose()
