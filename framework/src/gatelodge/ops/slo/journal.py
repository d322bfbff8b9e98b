"""What a run saw: its samples, its events, its links. Bounded; times are seconds since the run began.

Invariant: a sample that overlapped a window carries the window's name; the same rule (``window_of``) checks it later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gatelodge.core.clock import Clock
from gatelodge.ops.slo.faults import RunFailed
from gatelodge.ops.slo.sample import Sample
from gatelodge.ops.slo.timing import Timing

__all__ = ["MOST_SAMPLES", "RESTART", "ROTATION", "Event", "Journal", "Link", "Meaning", "window_of"]

MOST_SAMPLES = 100_000
RESTART, ROTATION = "restart", "key-rotation"


@dataclass(slots=True)
class Event:
    """Something that the run did: ``until`` is None while it lasts."""

    name: str
    at: float
    until: float | None = None
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a new client; ``seconds`` from the first discovery request to the token."""

    user: int
    seconds: float
    good: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a request was, and what is wrong about its answer (``why``; empty when nothing is)."""

    lane: str
    server: str
    kind: str
    era: str
    client: int
    valid: bool
    why: str


def window_of(at: float, ended: float, events: Sequence[Event]) -> str:
    """The restart that a request overlapped, by name, or nothing."""
    for event in events:
        if event.name == RESTART and event.at <= ended and (event.until is None or at <= event.until):
            return RESTART
    return ""


@dataclass(slots=True)
class Journal:
    """The notes of one run."""

    clock: Clock
    began: float
    samples: list[Sample] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    not_measured: dict[str, str] = field(default_factory=dict)

    def now(self) -> float:
        """Seconds since the run began."""
        return self.clock.monotonic() - self.began

    def open(self, name: str, **detail: str) -> Event:
        """Something begins."""
        event = Event(name, round(self.now(), 4), detail=detail)
        self.events.append(event)
        return event

    def close(self, event: Event) -> None:
        """It is over."""
        event.until = round(self.now(), 4)

    def add(self, timing: Timing, meaning: Meaning, *, due: float | None, pair: int = 0) -> Sample:
        """Keep one request; ``due``: when it was to be sent. Raises: RunFailed, when there are too many."""
        if len(self.samples) >= MOST_SAMPLES:
            raise RunFailed(f"more than {MOST_SAMPLES} requests", hint="Give fewer --seconds or --clients.")
        ended = timing.ended if timing.ended is not None else self.clock.monotonic()
        at = round(max(0.0, timing.began - self.began), 4)
        total = round((ended - timing.began) * 1000, 3)
        sample = Sample(
            at=at,
            late=round(max(0.0, at - due) * 1000, 3) if due is not None else 0.0,
            ttfb=round((timing.first - timing.began) * 1000, 3) if timing.first is not None else None,
            total=total,
            lane=meaning.lane,
            server=meaning.server,
            kind=meaning.kind,
            era=meaning.era,
            status=timing.status,
            streamed=timing.streamed,
            valid=meaning.valid,
            good=not meaning.why,
            client=meaning.client,
            pair=pair,
            window=window_of(at, at + total / 1000, self.events),
            why=meaning.why,
        )
        self.samples.append(sample)
        return sample
