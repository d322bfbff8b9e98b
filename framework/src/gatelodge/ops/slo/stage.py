"""The load of a run as a whole: every client with its own connections, the comparison, and what happens in the middle.

Not here: single requests (``client``), what is done to the stack (``changes``), the folder (``run``).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.slo.beside import Beside
from gatelodge.ops.slo.calls import Asked, Door, plan
from gatelodge.ops.slo.changes import change_keys, restart_server
from gatelodge.ops.slo.client import LinkedClient
from gatelodge.ops.slo.faults import RunFailed
from gatelodge.ops.slo.journal import ROTATION, Journal
from gatelodge.ops.slo.load import Comparison, Ways, compare, drive
from gatelodge.ops.slo.place import Local, Place
from gatelodge.ops.slo.timing import open_timing
from gatelodge.ops.verify.messages import MODERN, result_of

__all__ = ["Stage", "first_leaf"]

# Shares of the run.
_ROTATE_AT, _RESTART_AT = 0.35, 0.65


@dataclass(slots=True)
class Stage:
    """One load of ``seconds``. ``beside`` is there on a local stack only; ``changes``: rotate keys and restart."""

    place: Place
    journal: Journal
    beside: Beside | None
    seconds: float
    interval: float
    changes: bool
    _doors: list[Door] = field(default_factory=list)

    async def play(self, linked: Sequence[LinkedClient]) -> None:
        """Drive all clients but the last, which compares. Raises: RunFailed."""
        try:
            asked = await self._plan(linked[0])
            self.journal.began = self.journal.clock.monotonic()
            await self._together(linked, asked)
        except* GatelodgeError as errors:
            # One reason is enough for a person, and the others mostly follow from it.
            raise first_leaf(errors) from errors
        finally:
            for door in self._doors:
                await door.aclose()
        self._note()
        for event in self.journal.events:
            if event.name == ROTATION:
                event.detail["after"] = linked[0].key_id

    async def _together(self, linked: Sequence[LinkedClient], asked: Mapping[str, Asked]) -> None:
        *drivers, comparer = linked
        async with asyncio.TaskGroup() as group:
            for client in drivers:
                group.create_task(self._drive(client, asked))
            group.create_task(self._compare(comparer, asked))
            if self.place.local is not None and self.changes:
                self._change(group, self.place.local, linked)

    def _door(self, url: str, lane: str, server: str, *, host: str | None = None) -> Door:
        made = Door(url, lane, server, open_timing(self.place.ca_file, self.journal.clock), host=host)
        self._doors.append(made)
        return made

    def _main(self) -> Door:
        return self._door(self.place.mcp_url, "edge", "main")

    async def _drive(self, client: LinkedClient, asked: Mapping[str, Asked]) -> None:
        ways = Ways(self._main(), self._door(self.beside.edge, "edge", "stream") if self.beside else None)
        await drive(client, ways, asked, self.journal, seconds=self.seconds, interval=self.interval)

    async def _compare(self, client: LinkedClient, asked: Mapping[str, Asked]) -> None:
        if self.beside is None or self.place.local is None:
            return
        host = urlsplit(self.place.mcp_url).netloc
        inner = self._door(f"{self.place.local.internal['server_url']}/mcp", "direct", "main", host=host)
        protected = self._door(self.beside.direct, "direct", "stream", host=host)
        comparisons = (
            Comparison(asked["search"], (self._main(), inner)),
            Comparison(asked["add"], (protected, self._door(self.beside.open, "open", "stream"))),
        )
        await compare(client, comparisons, self.journal, seconds=self.seconds, interval=self.interval)

    def _change(self, group: asyncio.TaskGroup, local: Local, linked: Sequence[LinkedClient]) -> None:
        journal, place = self.journal, self.place
        group.create_task(self._at(_ROTATE_AT, lambda: change_keys(journal, local, linked)))
        group.create_task(self._at(_RESTART_AT, lambda: restart_server(journal, place, local, journal.clock)))

    async def _at(self, share: float, act: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(max(0.0, share * self.seconds - self.journal.now()))
        await act()

    async def _plan(self, client: LinkedClient) -> dict[str, Asked]:
        """The requests, with a document that a search finds. Raises: RunFailed."""
        query = self.place.query
        chance = random.Random(1)  # noqa: S311 - the same numbers in every run
        asked = plan(query=query, document=None, writes=False, chance=chance)
        reply = await self._main().ask(asked["search"], MODERN, client.token)
        content = (result_of(reply) or {}).get("structuredContent")
        results = content.get("results") if isinstance(content, dict) else None
        first = results[0] if isinstance(results, list) and results else None
        document = first.get("id") if isinstance(first, dict) else None
        if not isinstance(document, str):
            raise RunFailed(
                f"a search for {query!r} found nothing: {reply.says()}", hint="Give other words by --query."
            )
        return plan(query=query, document=document, writes=self.place.local is not None, chance=chance)

    def _note(self) -> None:
        missing = self.journal.not_measured
        if self.place.local is None:
            missing["overheads"] = "only on a local stack: needs the server's own port and an open copy"
            missing["calls that stream and calls that write"] = (
                "which tools a server at a URL has for them is not known"
            )
        if self.place.local is None or not self.changes:
            why = "left out by --no-changes" if self.place.local is not None else "only on a local stack"
            missing |= {"key rotation": why, "server restart": why}


def first_leaf(errors: BaseExceptionGroup[GatelodgeError]) -> GatelodgeError:
    """The first single error of a group, however deep."""
    first = errors.exceptions[0]
    return first_leaf(first) if isinstance(first, BaseExceptionGroup) else first
