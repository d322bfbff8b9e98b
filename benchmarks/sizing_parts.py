"""The four parts of ``sizing.py``: users, open streams, callers and documents. Each gives the rows of its table."""

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from caller import Caller, drive, in_turn, opened, request
from loads import Load, compared, together
from messages import ERAS
from peers import LIFE
from replica import PUBLIC_URL, Replica, replica

from gatelodge.testing.tokens import TokenFactory

__all__ = ["PARTS", "Place"]

SAMPLE, WITH_STREAMS = "sample:app", "sizing_server:app"
SLICES = 20
CALL = {"name": "search", "arguments": {"query": "harbour lantern"}}
HOLD = {"name": "hold", "arguments": {}, "_meta": {"progressToken": "p"}}
_WORDS = "harbour lantern bridge garden ledger copper winter signal orchard valley engine mirror canvas timber"


class Place:
    """Where a run's replicas come from, and the tokens of its users."""

    def __init__(self, folder: Path, factory: TokenFactory) -> None:
        self._folder, self._factory = folder, factory
        self._stack = contextlib.ExitStack()
        self._made = 0
        self.tokens: list[str] = []

    def sign_in(self, users: int) -> None:
        """As many tokens, each of another user; and one more, of whom no part counts."""
        now = int(time.time())
        wanted: dict[str, Any] = {
            "aud": PUBLIC_URL,
            "scope": "openid deep-research:read",
            "exp": now + LIFE,
            "iat": now,
        }
        self.tokens = [self._factory.token(sub=f"user-{number}", **wanted) for number in range(users + 1)]

    @property
    def stranger(self) -> str:
        """The token of the one that is not counted."""
        return self.tokens[-1]

    def corpus(self, documents: int, words: int = 300) -> Path:
        """A folder of that many documents of made-up text, the same in each run."""
        folder, source = self._folder / f"corpus-{documents}", random.Random(documents)  # noqa: S311 - words
        if not folder.exists():
            folder.mkdir()
            known = [*_WORDS.split(), *(f"word{number}" for number in range(5000))]
            for number in range(documents):
                text = " ".join(source.choices(known, k=words))
                (folder / f"{number}.md").write_text(f"# Document {number}\n\n{text}\n")
        return folder

    @contextlib.contextmanager
    def replicas(self, number: int, application: str, corpora: Sequence[Path]) -> Iterator[list[Replica]]:
        """That many, one after the other on as many corpora; or all on the one that is given."""
        corpora = corpora if len(corpora) == number else [corpora[0]] * number
        with contextlib.ExitStack() as stack:
            found = []
            for corpus in corpora:
                self._made += 1
                folder = self._folder / f"replica-{self._made}"
                found.append(stack.enter_context(replica(self._factory.issuer, application, folder, corpus)))
            yield found


async def users(place: Place, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The first call of each user of each replica, and further calls of those who just called."""
    one, sizes = request(ERAS[1], "tools/call", CALL), options.users
    each = -(-max(sizes) // SLICES)
    with place.replicas(len(sizes), SAMPLE, [place.corpus(options.documents[0])]) as replicas:
        for at in replicas:
            await in_turn(at, one, [place.stranger] * options.warm_up)
        rows: list[dict[str, Any]] = [
            {"users": size, "before": at.held()} for size, at in zip(sizes, replicas, strict=True)
        ]
        first: list[list[Load | None]] = [[None] * SLICES for _ in sizes]
        again: list[list[Load | None]] = [[None] * SLICES for _ in sizes]
        for number in range(SLICES):
            for case in _turn(len(sizes), number):
                at, size, numbers = replicas[case], sizes[case], range(number * each, (number + 1) * each)
                new = [place.tokens[user] for user in numbers if user < size]
                known = [place.tokens[user % size] for user in numbers]
                if new:
                    first[case][number] = await in_turn(at, one, new)
                else:
                    # A token is remembered for a minute, and slices may be longer apart.
                    await in_turn(at, one, known[: options.again])
                # The smallest size makes all the calls that the largest makes, so that calls alone explain no growth.
                rest = known[len(new) :] if case == 0 else []
                again[case][number] = await in_turn(at, one, rest + known[: options.again])
        for case, row in enumerate(rows):
            row["after"] = replicas[case].held()
            row |= {"first": together(first[case], again[0]), "again": together(again[case], again[0])}
    return rows


async def streams(place: Place, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Open streams of both eras, and calls beside them."""
    calls = request(ERAS[1], "tools/call", CALL)
    cases = [(size, ERAS[1]) for size in options.streams] + [(max(options.streams), ERAS[0])]
    rows: list[dict[str, Any]] = [{"streams": size, "era": era} for size, era in cases]
    with place.replicas(len(cases), WITH_STREAMS, [place.corpus(options.documents[0])]) as replicas:
        held: list[list[Caller]] = []
        for (size, era), at, row in zip(cases, replicas, rows, strict=True):
            # As many users call everywhere, so that only the streams differ.
            await in_turn(at, calls, place.tokens[: max(options.streams)])
            row["before"] = at.held()
            began = time.perf_counter()
            held.append(await opened(at, request(era, "tools/call", HOLD), place.tokens[:size], b"notifications/"))
            row["opened_in_s"] = round(time.perf_counter() - began, 2)
        row_loads = await _beside(place, replicas, calls, options)
        for row, at, loads in zip(rows, replicas, row_loads, strict=True):
            row["open"] = at.held()
            row |= {name: compared(loads[name], row_loads[0][name]) for name in loads}
        used = [at.processor_s() for at in replicas]
        await asyncio.sleep(options.idle)
        for row, at, before in zip(rows, replicas, used, strict=True):
            row["idle_processor_percent"] = round((at.processor_s() - before) / options.idle * 100, 2)
        for stream in (stream for streams in held for stream in streams):
            stream.close()
        for row, at in zip(rows, replicas, strict=True):
            await in_turn(at, calls, [place.stranger] * 10)
            row["closed"] = at.held()
    return rows


async def _beside(
    place: Place, replicas: Sequence[Replica], one: bytes, options: argparse.Namespace
) -> list[dict[str, list[Load]]]:
    """Rounds of calls at every replica, by one caller and by eight."""
    found: list[dict[str, list[Load]]] = [{"one_caller": [], "eight_callers": []} for _ in replicas]
    for number in range(options.rounds):
        for at in _turn(len(replicas), number):
            for name, callers in (("one_caller", 1), ("eight_callers", 8)):
                tokens = place.tokens[:callers]
                found[at][name].append(await drive(replicas[at], one, tokens, options.seconds))
    return found


async def callers(place: Place, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Callers at once, each without pause, at one replica."""
    rows: list[dict[str, Any]] = []
    with place.replicas(1, SAMPLE, [place.corpus(options.documents[0])]) as (at,):
        for era in ERAS:
            one = request(era, "tools/call", CALL)
            await in_turn(at, one, [place.stranger] * options.warm_up)
            loads: dict[int, list[Load]] = {size: [] for size in options.callers}
            for number in range(options.rounds):
                for turn in _turn(len(options.callers), number):
                    size = options.callers[turn]
                    loads[size].append(await drive(at, one, place.tokens[:size], options.seconds))
            base = loads[options.callers[0]]
            rows += [{"era": era, "callers": size, **compared(own, base)} for size, own in loads.items()]
        rows[-1]["after"] = at.held()
    return rows


async def documents(place: Place, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Searches by one caller in corpora of different sizes."""
    one, sizes = request(ERAS[1], "tools/call", CALL), options.documents
    corpora = [place.corpus(size) for size in sizes]
    with place.replicas(len(sizes), SAMPLE, corpora) as replicas:
        loads: list[list[Load]] = [[] for _ in sizes]
        for at in replicas:
            await in_turn(at, one, [place.stranger] * options.warm_up)
        for number in range(options.rounds):
            for case in _turn(len(sizes), number):
                loads[case].append(await drive(replicas[case], one, [place.stranger], options.seconds))
        return [
            {
                "documents": size,
                "text_mb": round(sum(file.stat().st_size for file in corpus.iterdir()) / 2**20, 4),
                "ready_s": at.ready_s,
                "after": at.held(),
                **compared(own, loads[0]),
            }
            for size, corpus, at, own in zip(sizes, corpora, replicas, loads, strict=True)
        ]


def _turn(number: int, turn: int) -> list[int]:
    """Who comes first changes: after a pause of the machine it should not be the same one."""
    return [(at + turn) % number for at in range(number)]


PARTS = {"users": users, "streams": streams, "callers": callers, "documents": documents}
