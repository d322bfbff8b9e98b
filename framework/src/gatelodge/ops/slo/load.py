"""The load: each client sends one request at a time at planned moments, and one more compares ways side by side.

Invariant: the plan does not wait for the server: while it refuses or is away, requests go out as before, so the share of
failures is a share of time, and a request that was sent late says by how much. Not here: what a request is (``calls``).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatelodge.ops.slo.calls import ERAS, Asked, Door
from gatelodge.ops.slo.client import LinkedClient
from gatelodge.ops.slo.journal import Journal

__all__ = ["Comparison", "Ways", "compare", "drive"]

_CYCLE = ("search", "fetch", "stream", "search", "list", "stream", "note")
# Notes stay with the seeded users; a run leaves few of them.
MOST_NOTES = 25


@dataclass(frozen=True, slots=True)
class Ways:
    """A client's own doors: ``main`` to the server, ``stream`` to the one with the streaming tool, if any."""

    main: Door
    stream: Door | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same call by two doors; the second is what the first is compared with."""

    asked: Asked
    doors: tuple[Door, Door]


async def drive(
    client: LinkedClient, ways: Ways, asked: Mapping[str, Asked], journal: Journal, *, seconds: float, interval: float
) -> None:
    """One client's requests until ``seconds`` have passed; revisions and kinds in turn, each client at its own point."""
    kinds = [kind for kind in _CYCLE if kind in asked and (kind != "stream" or ways.stream is not None)]
    # Clients start spread over one interval.
    due, turn, notes = interval * (client.number % 7) / 7, client.number, 0
    await client.refresh()
    client.keep_for_later()
    while due < seconds:
        await asyncio.sleep(max(0.0, due - journal.now()))
        kind, era = kinds[turn % len(kinds)], ERAS[(turn // len(kinds) + client.number) % 2]
        if kind == "note":
            notes += 1
            kind = "search" if notes > MOST_NOTES else kind
        door = ways.stream if kind == "stream" and ways.stream is not None else ways.main
        await client.call(door, asked[kind], era, due=due)
        await client.try_stale(ways.main, asked["list"], era)
        due += interval
        turn += 1


async def compare(
    client: LinkedClient, comparisons: Sequence[Comparison], journal: Journal, *, seconds: float, interval: float
) -> None:
    """Both ways of each comparison one after the other, the first of them in turn."""
    due, pair = interval / 2, 0
    await client.refresh()
    while due < seconds:
        await asyncio.sleep(max(0.0, due - journal.now()))
        for comparison in comparisons:
            pair += 1
            order = comparison.doors if (pair // len(comparisons)) % 2 else comparison.doors[::-1]
            era = ERAS[(pair // (2 * len(comparisons))) % 2]
            for door in order:
                await client.call(door, comparison.asked, era, due=None, pair=pair)
        due += interval
