"""Connections that wait in the kernel: counted on a real socket, too many only when it lasts."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.types import Message, Receive, Scope, Send

from gatelodge.app.backlog import BACKLOG_KEY, FEW, GRACE, Backlog
from gatelodge.app.overload import Shedding
from gatelodge.testing.clock import ManualClock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many connections wait")


class Line:
    """A listening socket and those who wait at it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.socket = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
        self.clock = ManualClock()
        self.backlog = Backlog(self.clock)
        self.backlog.watch([self.socket.fileno()])
        stack.callback(self.backlog.close)

    def come(self, number: int) -> None:
        for _ in range(number):
            self._stack.enter_context(socket.create_connection(self.socket.getsockname()))

    def go(self, number: int) -> None:
        for _ in range(number):
            self.socket.accept()[0].close()


@pytest.fixture
def line() -> Iterator[Line]:
    with ExitStack() as stack:
        yield Line(stack)


def test_the_connections_that_nobody_has_taken_are_counted(line: Line) -> None:
    line.come(7)
    assert line.backlog.length() == 7
    line.go(3)
    assert line.backlog.length() == 4


def test_a_short_peak_is_not_too_long_and_a_lasting_one_is(line: Line) -> None:
    line.come(FEW)
    assert line.backlog.too_long() == 0
    line.clock.advance(GRACE / 2)
    assert line.backlog.too_long() == 0
    line.clock.advance(GRACE)
    assert line.backlog.too_long() == FEW
    line.go(1)
    line.clock.advance(0.01)
    assert line.backlog.too_long() == 0
    # The same overload: it has had its time.
    line.come(1)
    line.clock.advance(0.01)
    assert line.backlog.too_long() == FEW
    line.go(FEW)
    line.clock.advance(5)
    assert line.backlog.too_long() == 0
    line.come(FEW)
    line.clock.advance(0.01)
    assert line.backlog.too_long() == 0, "a new peak has its own time"


def test_many_who_ask_at_once_are_told_what_one_look_has_found(line: Line) -> None:
    line.come(FEW)
    line.backlog.too_long()
    line.clock.advance(GRACE)
    assert line.backlog.too_long() == FEW
    line.go(FEW)
    assert line.backlog.too_long() == FEW
    line.clock.advance(0.01)
    assert line.backlog.too_long() == 0


async def test_requests_are_refused_while_it_is_too_long_and_health_is_not(line: Line) -> None:
    async def work(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    shedding = Shedding(work, most=5, line=5, clock=line.clock)

    async def asked(path: str) -> Message:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "headers": [], BACKLOG_KEY: line.backlog}
        await shedding(scope, receive, send)
        return sent[0]

    line.come(FEW)
    assert (await asked("/mcp"))["status"] == 200
    line.clock.advance(GRACE)
    refused = await asked("/mcp")
    assert refused["status"] == 503
    assert dict(refused["headers"])[b"retry-after"] == b"1"
    assert (await asked("/health/live"))["status"] == 200
    line.go(FEW)
    line.clock.advance(0.01)
    assert (await asked("/mcp"))["status"] == 200
    assert shedding.working == 0
