"""Requests at a rate that does not depend on the answers, over as many connections as that takes.

A client that waits for each answer slows down with the server, and so never overloads it. Not here: what is measured.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import cast

__all__ = ["Connection", "Seen", "at_rate", "closed_loop"]

_END = b"\r\n\r\n"


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


class _Pool:
    def __init__(self, port: int, request: bytes, seen: Seen) -> None:
        self._port, self._request, self._seen = port, request, seen
        self._idle: deque[Connection] = deque()
        self.began = time.perf_counter()

    async def one(self) -> None:
        began = time.perf_counter()
        status, told = 0, False
        try:
            connection = await self._connection()
            status, told = await connection.ask(self._request)
            if connection.alive:
                self._idle.append(connection)
        except OSError:
            pass
        now = time.perf_counter()
        self._seen.answers.append((now - self.began, status, (now - began) * 1e3, told))

    async def _connection(self) -> Connection:
        while self._idle:
            # The last one first: few are enough while answers come at once.
            connection = self._idle.pop()
            if connection.alive:
                return connection
        self._seen.connections += 1
        _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        return made

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


async def closed_loop(port: int, request: bytes, *, callers: int, seconds: float) -> Seen:
    """So many callers, each with its next request as soon as it has an answer."""
    seen = Seen()
    pool = _Pool(port, request, seen)

    async def repeat() -> None:
        while time.perf_counter() - pool.began < seconds:
            await pool.one()

    await asyncio.gather(*(repeat() for _ in range(callers)))
    pool.close()
    return seen


async def at_rate(port: int, request: bytes, *, a_second: float, seconds: float, patience: float = 20.0) -> Seen:
    """Requests evenly spread; what has no answer ``patience`` seconds after the last one counts as none."""
    seen = Seen()
    pool = _Pool(port, request, seen)
    tasks: set[asyncio.Task[None]] = set()
    sent = 0
    while (now := time.perf_counter() - pool.began) < seconds:
        while sent < now * a_second:
            sent += 1
            task = asyncio.create_task(pool.one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.sleep(0.002)
    if tasks:
        await asyncio.wait(tasks, timeout=patience)
    for task in list(tasks):
        task.cancel()
    seen.answers += [(seconds + patience, 0, patience * 1e3, False)] * len(tasks)
    pool.close()
    return seen
