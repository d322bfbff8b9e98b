"""Catalogue C18 and C19: how long a token that should be worthless still works, and what steps of the clock do.

An access token is not asked about at the issuer, so it may be replayed until it expires: the window is the rest of its
life, at most ``max_life``, and the leeway. A user who was disabled or signed out is served for that long.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest
from protected import PUBLIC_URL
from results import record

from conformance.attacks.in_process import Wire, request_for, serving
from conformance.attacks.model import Attack, Expect, bearer
from conformance.attacks.world import World, make_world
from gatelodge.core.clock import SystemClock
from gatelodge.resource_server.cache import CachedVerifier
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer

COMMAND = ".venv/bin/pytest tests/conformance/attacks/test_windows.py"
LEEWAY, LIFE = 10.0, 300.0


class SteppingClock:
    """A server's clock whose wall time somebody sets, while its monotonic time goes on as before."""

    def __init__(self, true: ManualClock) -> None:
        self.true, self.step = true, 0.0

    def now(self) -> float:
        """True time and the step."""
        return self.true.now() + self.step

    def monotonic(self) -> float:
        """True time since the start."""
        return self.true.monotonic()


@pytest.fixture(scope="module")
def keys() -> World:
    """Keys are slow to make; the clock of this one is not used."""
    return make_world("https://localhost:8443/realms/mcp", PUBLIC_URL, ManualClock())


@pytest.fixture
def true() -> ManualClock:
    """The time of the issuer, and of the server before anyone steps its clock."""
    return ManualClock()


@asynccontextmanager
async def server(keys: World, true: ManualClock) -> AsyncIterator[tuple[httpx2.AsyncClient, SteppingClock, Wire]]:
    """A server with a clock of its own, and the issuer's wire."""
    clock = SteppingClock(true)
    keys.tokens._clock = true
    wire = Wire([FakeIssuer(keys.tokens)])
    async with serving(replace(keys, clock=clock), wire, {"token_leeway": LEEWAY}) as client:
        yield client, clock, wire


async def status(client: httpx2.AsyncClient, token: str) -> int:
    """The answer to one request with this token."""
    return (await client.send(request_for(Attack("C18", "", Expect.OK, bearer(token)), PUBLIC_URL))).status_code


async def window(keys: World, true: ManualClock) -> float:
    """Seconds for which one token, replayed each second, is served."""
    async with server(keys, true) as (client, _, _):
        token = keys.good()
        served = 0.0
        while served < 2 * LIFE and await status(client, token) == 200:
            true.advance(1)
            served += 1
        # What expired stays expired, remembered or not.
        assert served == 2 * LIFE or await status(client, token) == 401
    return served


@pytest.mark.requirement("RFC9068-4-expiry")
async def test_a_replayed_token_works_to_the_end_of_its_life_and_leeway_and_no_longer(
    keys: World, true: ManualClock
) -> None:
    found = await window(keys, true)
    assert found == LIFE + LEEWAY
    record(
        1,
        "replay of one token, C18",
        tried=1,
        passed=1,
        command=COMMAND,
        negative_control="remembered tokens whose age nobody looks at: served for longer",
        figure=f"served for {found:g} s: its life of {LIFE:g} s and {LEEWAY:g} s of leeway",
    )


async def test_the_window_is_seen_to_grow_when_the_age_of_remembered_tokens_is_ignored(
    keys: World, true: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def usable(*_: object) -> bool:
        return True

    monkeypatch.setattr(CachedVerifier, "_usable", usable)
    assert await window(keys, true) > LIFE + LEEWAY


@pytest.mark.parametrize(
    ("step", "served"),
    [(0.0, True), (1.0, True), (-1.0, True), (9.0, True), (-9.0, True), (300.0, True), (-300.0, False)],
)
async def test_a_step_of_the_clock_refuses_only_what_is_beyond_the_leeway(
    keys: World, true: ManualClock, step: float, served: bool
) -> None:
    async with server(keys, true) as (client, clock, wire):
        old = keys.good()
        assert await status(client, old) == 200
        fetches = wire.fetches
        clock.step = step
        # To a clock that is five minutes late, the issuer's tokens come from the future (RFC 7519, section 4.1.5).
        assert await status(client, keys.good()) == (200 if served else 401)
        assert await status(client, old) == (200 if served else 401)
        # Keys and metadata age by the monotonic clock: a step makes nobody fetch them, and nothing is dropped.
        assert wire.fetches == fetches
        clock.step = 0.0
        assert await status(client, old) == 200


async def test_a_step_to_after_the_end_refuses_the_token_and_none_that_is_longer(
    keys: World, true: ManualClock
) -> None:
    async with server(keys, true) as (client, clock, _):
        short, long = keys.good(), keys.good(exp=int(true.now()) + 3600)
        assert [await status(client, token) for token in (short, long)] == [200, 200]
        clock.step = LIFE + LEEWAY
        assert [await status(client, token) for token in (short, long)] == [401, 200]


async def test_a_change_of_the_time_zone_changes_nothing(keys: World, monkeypatch: pytest.MonkeyPatch) -> None:
    system = SystemClock()
    keys.tokens._clock = system
    wire = Wire([FakeIssuer(keys.tokens)])
    async with serving(replace(keys, clock=system), wire, {}) as client:
        token = keys.good()
        try:
            for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12"):
                monkeypatch.setenv("TZ", zone)
                time.tzset()
                assert await status(client, token) == 200
                assert await status(client, keys.good()) == 200
        finally:
            monkeypatch.undo()
            time.tzset()
