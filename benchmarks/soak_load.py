"""The load of the soak: short calls of both eras at a rate that no answer slows down, and streams beside them.

Each request is the next user's, so that the load is many people's and none of them comes near a limit. Not here: what is
asked of the server's process and said of it all (``soak``).
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple

from caller import request, signed
from messages import ERAS
from open_loop import PATIENCE, Connection, Connections, evenly, in_turn

__all__ = ["Answer", "Calls"]

# Of a hundred short calls so many are of the tool that may write.
_WRITES = 5
_EVENTS, _PAUSE = 6, 0.5
_PROGRESS = {"progressToken": "p"}
_TOOLS = {
    "add": {"name": "add", "arguments": {"a": 1, "b": 2}},
    "keep": {"name": "keep", "arguments": {"text": "kept"}},
    "count": {"name": "count", "arguments": {"events": _EVENTS, "pause": _PAUSE}, "_meta": _PROGRESS},
}


class Answer(NamedTuple):
    """Of one request: when it ended (``time.perf_counter``), its tool, status (0: none came), milliseconds.

    ``right``: the result is the tool's, and a stream has all its events.
    """

    at: float
    tool: str
    status: int
    ms: float
    right: bool


class Calls:
    """Everybody who calls one server; ``answers`` has all of it, in the order of the answers."""

    def __init__(self, port: int, tokens: Sequence[str]) -> None:
        self.answers: list[Answer] = []
        self._connections, self._tokens = Connections(port), cycle(tokens)
        self._requests = {(era, tool): request(era, "tools/call", _TOOLS[tool]) for era in ERAS for tool in _TOOLS}
        # The same mixture in each run.
        self._chance = random.Random(1)  # noqa: S311 - no secret

    async def short(self) -> None:
        """One short call, of a tool and an era by chance."""
        tool = "keep" if self._chance.random() * 100 < _WRITES else "add"
        await self.call(self._chance.choice(ERAS), tool)

    async def call(self, era: str, tool: str) -> None:
        """One call of the next user, on a connection that is free."""
        asked = await self._connections.ask(signed(self._requests[era, tool], next(self._tokens)))
        self.answers.append(Answer(asked.at, tool, asked.status, asked.ms, _right(asked.answer, tool)))

    async def capacity(self, callers: int, seconds: float) -> float:
        """Answers a second, of callers who wait for theirs: what nine of ten whole seconds reached, not a lucky one."""
        first, began = len(self.answers), time.perf_counter()
        await in_turn(self.short, callers=callers, seconds=seconds)
        found = Counter(int(answer.at - began) for answer in self.answers[first:] if answer.tool != "count")
        reached = sorted(found[second] for second in range(max(1, int(seconds))))
        return float(reached[len(reached) // 10])

    async def at_rate(self, a_second: float, seconds: float, *, patience: float = PATIENCE) -> None:
        """Short calls evenly spread; what has no answer ``patience`` seconds after the last one counts as none."""
        none = await evenly(self.short, a_second=a_second, seconds=seconds, patience=patience)
        self.answers += [Answer(time.perf_counter(), "", 0, patience * 1e3, right=False)] * none

    async def streams(self, number: int, stop: asyncio.Event) -> None:
        """So many streams at once, each followed by the next, until told; those that are open come to their end."""

        async def repeat(era: str) -> None:
            while not stop.is_set():
                await self.call(era, "count")

        await asyncio.gather(*(repeat(ERAS[at % 2]) for at in range(number)))

    async def get(self, port: int, path: str) -> str:
        """The body of a page of the server's."""
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
        try:
            status, _ = await connection.ask(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        finally:
            connection.close()
        if status != 200:
            raise RuntimeError(f"{path} is answered with {status}")
        return connection.answer.partition(b"\r\n\r\n")[2].decode()

    def close(self) -> None:
        """End the connections that are free."""
        self._connections.close()


def _right(answer: bytes, tool: str) -> bool:
    events = answer.count(b"notifications/progress")
    return b'"isError":false' in answer and events == (_EVENTS if tool == "count" else 0)
