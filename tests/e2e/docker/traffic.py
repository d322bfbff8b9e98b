"""Calls of both eras as fast as the answers come, each with its time, its fate and the replica that answered.

Not here: low, steady load of every kind (``load``).
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from wire import LEGACY, MODERN, tls_client

from e2e.docker.answered import tool_call
from e2e.docker.deployment import Deployment

__all__ = ["Call", "Traffic", "traffic"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: monotonic seconds, the answering replica and its release, or what was wrong."""

    era: str
    began: float
    ended: float
    replica: str
    release: str
    wrong: str


@dataclass
class Traffic:
    """What came of the calls so far, and those under way (number and beginning)."""

    calls: list[Call] = field(default_factory=list)
    under_way: dict[int, float] = field(default_factory=dict)

    @property
    def failed(self) -> list[Call]:
        return [each for each in self.calls if each.wrong]

    def since(self, moment: float) -> list[Call]:
        """The calls begun after a moment."""
        return [each for each in self.calls if each.began > moment]

    async def until(self, count: int, *, since: float, seconds: float = 60) -> None:
        """Until so many calls that were begun after a moment have ended."""
        deadline = time.monotonic() + seconds
        while len(self.since(since)) < count:
            assert time.monotonic() < deadline, (len(self.since(since)), self.failed[-3:])
            await asyncio.sleep(0.05)


@asynccontextmanager
async def traffic(deployment: Deployment, token: str, *, workers: int = 8) -> AsyncIterator[Traffic]:
    """Workers, half of each era, each with a connection of its own, for as long as the block runs."""
    seen, numbers, stop = Traffic(), itertools.count(), asyncio.Event()

    async def work(era: str) -> None:
        async with tls_client(deployment.folder / "ca.pem") as client:
            while not stop.is_set():
                number, began = next(numbers), time.monotonic()
                seen.under_way[number] = began
                told = await tool_call(client, deployment.mcp_url, token, era, name="where", arguments={})
                del seen.under_way[number]
                wrong = told.wrong and f"{told.status} {told.wrong}"
                here = told.result.get("structuredContent", {})
                seen.calls.append(
                    Call(era, began, time.monotonic(), here.get("replica", ""), here.get("release", ""), wrong)
                )

    tasks = [asyncio.create_task(work((MODERN, LEGACY)[number % 2])) for number in range(workers)]
    try:
        yield seen
    finally:
        # Every call comes to its end: one that hangs is a failure too.
        stop.set()
        await asyncio.gather(*tasks)
