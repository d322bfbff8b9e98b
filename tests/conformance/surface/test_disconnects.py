"""A client that leaves: its tool and the tool's own request end with it, and nothing of it stays behind.

``GATELODGE_DISCONNECTS`` sets how often; the scoreboard's figure is that of 10,000.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from results import record
from surface import HOST, Surface, call, descriptors, surface, until

from gatelodge.app.slow_clients import Limits

COUNT = int(os.environ.get("GATELODGE_DISCONNECTS", "1000"))
COMMAND = "GATELODGE_DISCONNECTS=10000 pytest tests/conformance/surface/test_disconnects.py"
# How many clients are there at a time.
_AT_ONCE = 50


@pytest.fixture(scope="module")
def served() -> Iterator[Surface]:
    with surface(Limits()) as running:
        yield running


@dataclass
class Upstream:
    """A server that is asked and never answers; it knows when its askers leave."""

    port: int = 0
    asked: int = 0
    left: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def reached(self, asked: int, left: int) -> None:
        """Wait until that many have asked and left."""
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(lambda: self.asked >= asked and self.left >= left)


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    state, writers = Upstream(), list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(1)
        async with state.changed:
            state.asked += 1
            state.changed.notify_all()
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        async with state.changed:
            state.left += 1
            state.changed.notify_all()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    async with server:
        state.port = int(server.sockets[0].getsockname()[1])
        try:
            yield state
        finally:
            for writer in writers:
                writer.transport.abort()


async def leave(served: Surface, state: Upstream, request: bytes, asked: int) -> None:
    """Ask, wait until the upstream was asked, and leave."""
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(request)
    await state.reached(asked, 0)
    writer.transport.abort()


@pytest.mark.requirement("MCP26-HTTP-cancel")
@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("manner", ["reset", "close", "half-close"])
async def test_a_tool_and_its_upstream_call_end_when_the_client_leaves(
    served: Surface, modern: bool, manner: str
) -> None:
    async with upstream() as state:
        request = call(served.bearer(), "wait", {"upstream": state.port}, modern=modern)
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(request)
        await state.reached(1, 0)
        if manner == "reset":
            writer.transport.abort()
        elif manner == "close":
            writer.close()
        else:
            writer.write_eof()
        # The upstream sees its caller leave, or this waits in vain: nothing else ever ends that call.
        await state.reached(1, 1)
        writer.transport.abort()


@pytest.mark.parametrize("cut", [10, 200, -1])
async def test_a_client_that_leaves_within_its_request_runs_nothing(served: Surface, cut: int) -> None:
    before = served.work.started
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(call(served.bearer(), "wait", {"upstream": 9})[:cut])
    await writer.drain()
    writer.close()
    await asyncio.to_thread(until, lambda: served.tasks() <= _IDLE_TASKS + served.work.started, "a task is left")
    assert served.work.started == before


_IDLE_TASKS = 20


@pytest.mark.requirement("MCP26-HTTP-cancel")
@pytest.mark.parametrize("modern", [True, False])
async def test_no_task_and_no_descriptor_is_left_of_all_that_left(served: Surface, modern: bool) -> None:
    count = COUNT // 2
    async with upstream() as state:
        request = call(served.bearer(), "wait", {"upstream": state.port}, modern=modern)
        await leave(served, state, request, 1)
        await state.reached(1, 1)
        await asyncio.to_thread(until, lambda: served.work.ended == served.work.started, "a tool is at work")
        tasks, files = served.tasks(), descriptors()
        slowest = 0.0
        for first in range(0, count, _AT_ONCE):
            batch = min(_AT_ONCE, count - first)
            asked = state.asked + batch
            wires = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(batch)]
            for _, writer in wires:
                writer.write(request)
            await state.reached(asked, 0)
            began = time.perf_counter()
            for _, writer in wires:
                writer.transport.abort()
            await state.reached(asked, asked)
            slowest = max(slowest, time.perf_counter() - began)
        await asyncio.to_thread(until, lambda: served.work.ended == served.work.started, "a tool goes on")
        await asyncio.to_thread(until, lambda: served.tasks() <= tasks, "tasks are left")
        await asyncio.to_thread(until, lambda: descriptors() <= files, "descriptors are left")
        left_tasks, left_files = served.tasks() - tasks, descriptors() - files
    record(
        26,
        f"disconnects-{'2026' if modern else '2025'}",
        tried=count,
        passed=state.left - 1,
        figure=f"{max(left_tasks, 0)} tasks and {max(left_files, 0)} descriptors left of {count}; the slowest of "
        f"{_AT_ONCE} at once was cancelled upstream after {slowest * 1000:.0f} ms",
        command=COMMAND,
        negative_control="test_a_server_that_does_not_pass_the_disconnect_on_is_noticed",
    )
    assert served.work.finished == 0
    assert state.left == state.asked


async def test_a_server_that_does_not_pass_the_disconnect_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: with a gate that hides the disconnect, the upstream call goes on."""

    def hiding(body: bytes, receive: object) -> object:
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> object:
            if pending:
                return pending.pop()
            return await asyncio.Event().wait()

        return again

    monkeypatch.setattr("gatelodge.app.gate.replay", hiding)
    with surface(Limits()) as running:
        async with upstream() as state:
            await leave(running, state, call(running.bearer(), "wait", {"upstream": state.port}), 1)
            # A later request has come and gone, and the first one's call is still there.
            await asyncio.to_thread(_health, running)
            assert (state.asked, state.left) == (1, 0)


def _health(running: Surface) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as wire:
        wire.sendall(f"GET /health/live HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        assert wire.recv(65536).startswith(b"HTTP/1.1 200 ")
