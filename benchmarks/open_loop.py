"""Requests at a rate that does not depend on the answers, over as many connections as that takes.

A client that waits for each answer slows down with the server, and so never overloads it. Not here: what is measured.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

__all__ = ["PATIENCE", "Asked", "Connection", "Connections", "Seen", "at_rate", "closed_loop", "evenly", "in_turn"]

# Seconds that an answer may take after the last request.
PATIENCE = 20.0
# Seconds after which a free connection is not used again, as Traefik's are in front of a server (decision 0008). The server
# closes after five; a request written in that moment has no answer, whoever wrote it (RFC 9112, section 9.3.1).
_IDLE = 3.0
_END = b"\r\n\r\n"


class Asked(NamedTuple):
    """Of one request: when it ended (``time.perf_counter``), status (0: no answer came), milliseconds, the answer."""

    at: float
    status: int
    ms: float
    retry_after: bool
    answer: bytes


@dataclass
class Seen:
    """Answers in the order they came: seconds since the start, status (0: none came), milliseconds, Retry-After sent."""

    answers: list[tuple[float, int, float, bool]] = field(default_factory=list)
    connections: int = 0

    def ms(self, status: int) -> list[float]:
        """Milliseconds of the answers with this status."""
        return [ms for _, found, ms, _ in self.answers if found == status]


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._got = bytearray()
        self._answer: asyncio.Future[tuple[int, bool]] | None = None
        self.alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are no subclasses of it.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(_END)
        if end < 0:
            return
        head = bytes(self._got[:end]).lower()
        if b"transfer-encoding: chunked" in head:
            whole = self._got.endswith(b"0\r\n\r\n")
        else:
            length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
            whole = len(self._got) >= end + len(_END) + length
        if whole and self._answer is not None and not self._answer.done():
            self.alive = b"connection: close" not in head
            self._answer.set_result((int(head[9:12]), b"retry-after:" in head))

    def connection_lost(self, _: Exception | None) -> None:
        self.alive = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((0, False))

    @property
    def answer(self) -> bytes:
        """The newest answer, head and body."""
        return bytes(self._got)

    async def ask(self, request: bytes) -> tuple[int, bool]:
        """Status (0: the connection ended first), and whether the answer has Retry-After."""
        self._got.clear()
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is not None:
            self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Connections:
    """Connections to a port of loopback, as many as requests are out at once; ``made`` is how many it took."""

    def __init__(self, port: int) -> None:
        self.made = 0
        self._port = port
        self._idle: list[tuple[float, Connection]] = []

    async def ask(self, request: bytes) -> Asked:
        """One request on a connection that is free."""
        began = time.perf_counter()
        status, told, answer = 0, False, b""
        try:
            connection = await self._free()
            status, told = await connection.ask(request)
            answer = connection.answer
            if connection.alive:
                self._idle.append((time.perf_counter(), connection))
        except OSError:
            # Refused or reset: no answer came.
            pass
        now = time.perf_counter()
        return Asked(now, status, (now - began) * 1e3, told, answer)

    async def _free(self) -> Connection:
        while self._idle:
            # The last one first: few are enough while answers come at once.
            since, connection = self._idle.pop()
            if connection.alive and time.perf_counter() - since < _IDLE:
                return connection
            connection.close()
        self.made += 1
        _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        return made

    def close(self) -> None:
        """End the connections that are free."""
        for _, connection in self._idle:
            connection.close()


async def in_turn(one: Callable[[], Awaitable[None]], *, callers: int, seconds: float) -> None:
    """So many callers, each with its next request as soon as it has an answer."""
    began = time.perf_counter()

    async def repeat() -> None:
        while time.perf_counter() - began < seconds:
            await one()

    await asyncio.gather(*(repeat() for _ in range(callers)))


async def evenly(
    one: Callable[[], Coroutine[Any, Any, None]], *, a_second: float, seconds: float, patience: float
) -> int:
    """Requests evenly spread; returns how many had no answer ``patience`` seconds after the last one."""
    tasks: set[asyncio.Task[None]] = set()
    sent, began = 0, time.perf_counter()
    while (now := time.perf_counter() - began) < seconds:
        while sent < now * a_second:
            sent += 1
            task = asyncio.create_task(one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.sleep(0.002)
    if tasks:
        await asyncio.wait(tasks, timeout=patience)
    left = list(tasks)
    for task in left:
        task.cancel()
    return len(left)


class _Same:
    """One request over and over."""

    def __init__(self, port: int, request: bytes) -> None:
        self.seen = Seen()
        self._connections, self._request = Connections(port), request
        self._began = time.perf_counter()

    async def one(self) -> None:
        asked = await self._connections.ask(self._request)
        self.seen.answers.append((asked.at - self._began, asked.status, asked.ms, asked.retry_after))

    def end(self) -> Seen:
        self._connections.close()
        self.seen.connections = self._connections.made
        return self.seen


async def closed_loop(port: int, request: bytes, *, callers: int, seconds: float) -> Seen:
    """One request of so many callers, each again as soon as it has an answer."""
    same = _Same(port, request)
    await in_turn(same.one, callers=callers, seconds=seconds)
    return same.end()


async def at_rate(port: int, request: bytes, *, a_second: float, seconds: float, patience: float = PATIENCE) -> Seen:
    """One request evenly spread; what has no answer ``patience`` seconds after the last one counts as none."""
    same = _Same(port, request)
    none = await evenly(same.one, a_second=a_second, seconds=seconds, patience=patience)
    same.seen.answers += [(seconds + patience, 0, patience * 1e3, False)] * none
    return same.end()
