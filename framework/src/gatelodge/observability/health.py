"""What a process depends on, asked rarely and side by side: the registry behind ``/health/ready``.

Invariants: whoever asks and however often, each check runs once at a time and not again while its answer is young; nobody
waits longer than ``PATIENCE``; a check that is not ``needed`` is never waited for and never makes a process unready; what
is told has a fixed size and holds no text of an error. Not here: what is checked, and how it is answered (``app``).
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["DEADLINE", "PATIENCE", "Check", "Health", "Kept", "Overall", "Told"]

# Seconds, all of these. How long one who asks waits, and how long a check may take.
PATIENCE, DEADLINE = 0.8, 10.0
_YOUNG = 0.5

logger = logging.getLogger(__name__)

Overall = Literal["ok", "degraded", "unavailable"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a check found, where it is a copy: its age, and how long fetching it took."""

    age: float
    latency: float


@dataclass(frozen=True, slots=True)
class Check:
    """``ask`` returns when the part works, else raises a GatelodgeError; it is asked every ``every`` seconds at most.

    ``means`` says in words of its own what is waited for.
    """

    name: str
    ask: Callable[[], Awaitable[Kept | None]]
    means: str
    needed: bool = True
    every: float = _YOUNG


@dataclass(frozen=True, slots=True)
class Told:
    """One part as it is known now; ``up`` is None before the first answer. ``code`` is why it is not up."""

    check: Check
    up: bool | None
    age: float | None = None
    latency: float | None = None
    code: Code | None = None


class Health:
    """The checks of one process."""

    def __init__(self, clock: Clock, checks: Iterable[Check] = ()) -> None:
        self._clock = clock
        self._probes = [_Probe(check, clock) for check in checks]

    def add(self, *checks: Check) -> None:
        """Further checks."""
        self._probes += [_Probe(check, self._clock) for check in checks]

    async def look(self) -> tuple[Told, ...]:
        """Every part, asked now where its answer is old."""
        for probe in self._probes:
            probe.begin()
        waited = {probe.flight: probe.patience() for probe in self._probes if probe.check.needed and probe.flight}
        if waited and (most := max(waited.values())) > 0:
            # Ends no check: others may wait for it, and its answer is kept.
            await asyncio.wait(waited, timeout=most)
        return tuple(probe.told() for probe in self._probes)

    async def aclose(self) -> None:
        """End what is under way."""
        flights = [probe.flight for probe in self._probes if probe.flight is not None]
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)

    @staticmethod
    def overall(told: Iterable[Told]) -> Overall:
        """In one word: a needed part that is not up makes it ``unavailable``, another one ``degraded``."""
        down = [each for each in told if not each.up and (each.check.needed or each.up is False)]
        if any(each.check.needed for each in down):
            return "unavailable"
        return "degraded" if down else "ok"


class _Probe:
    """One check: its last answer and the question that is out."""

    def __init__(self, check: Check, clock: Clock) -> None:
        self.check, self._clock = check, clock
        self.flight: asyncio.Task[None] | None = None
        self._up: bool | None = None
        self._asked = self._answered = 0.0
        self._kept: Kept | None = None
        self._took = 0.0
        self._code: Code | None = None

    def begin(self) -> None:
        """Ask, unless it was asked just now or still is."""
        now = self._clock.monotonic()
        if self.flight is not None or (self._up is not None and now - self._answered < self.check.every):
            return
        self._asked = now
        self.flight = asyncio.create_task(self._run())

    def patience(self) -> float:
        """How much longer one who asks waits for the question that is out."""
        return PATIENCE - (self._clock.monotonic() - self._asked)

    def told(self) -> Told:
        """What is known."""
        if self.check.needed and self.flight is not None:
            # It had its time: a part that does not answer is not up, whatever it said before.
            self._say(up=False, why="no answer in time")
            return Told(self.check, up=False, code=Code.UPSTREAM_UNREACHABLE)
        if not self._up:
            return Told(self.check, self._up, code=self._code)
        passed = self._clock.monotonic() - self._answered
        if self._kept is None:
            return Told(self.check, up=True, age=passed, latency=self._took)
        return Told(self.check, up=True, age=self._kept.age + passed, latency=self._kept.latency)

    async def _run(self) -> None:
        kept, code, why = None, None, ""
        try:
            async with asyncio.timeout(DEADLINE):
                kept = await self.check.ask()
        except TimeoutError:
            code, why = Code.UPSTREAM_UNREACHABLE, f"no answer within {DEADLINE:g} s"
        except GatelodgeError as error:
            code, why = error.code, error.detail
        finally:
            self.flight = None
            if sys.exception() is not None:
                # Nobody foresaw it: the event loop logs it with its traceback.
                self._up, self._code = False, Code.INTERNAL_ERROR
        self._answered = self._clock.monotonic()
        self._took, self._kept, self._code = self._answered - self._asked, kept, code
        self._say(up=code is None, why=why)

    def _say(self, *, up: bool, why: str = "") -> None:
        if up and self._up is False:
            logger.info("health: %s is up again", self.check.name)
        elif not up and self._up is not False:
            logger.warning("health: %s is not up: %s", self.check.name, why)
        self._up = up
