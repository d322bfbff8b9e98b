"""Five hundred answers that are being streamed and do not go on: others are served, and each ends when its tool does."""

import socket
import statistics
from contextlib import ExitStack
from pathlib import Path

import pytest
from results import record
from surface import HOST, Edge, Surface, descriptors, edge, enough_descriptors, surface, until
from wire import LEGACY, MODERN, message

from conformance.surface.test_slow_clients import connect, good_requests, p99, rest
from gatelodge.app.slow_clients import Limits

COMMAND = "pytest tests/conformance/surface/test_open_streams.py"
MANY = 500
GOOD = 100
# How many begin at a time.
AT_ONCE = 50


def request(served: Surface, upstream: int, era: str) -> bytes:
    """A call whose answer is a stream that starts with its progress."""
    params = {"name": "stream", "arguments": {"upstream": upstream}, "_meta": {"progressToken": "p"}}
    body, headers = message("tools/call", params, era)
    headers |= {"host": HOST, "authorization": served.bearer(), "content-length": str(len(body)), "connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + body


def begun(wire: socket.socket) -> bytes:
    """What of an answer came, up to its first event."""
    received = b""
    while b"notifications/progress" not in received:
        received += wire.recv(65_536) or pytest.fail("the stream ended at its start")
    return received


def leave(waiting: socket.socket, count: int) -> None:
    """Take the upstream calls that wait, and end each."""
    for _ in range(count):
        asking, _ = waiting.accept()
        with asking:
            assert asking.recv(1) == b"?"


@pytest.mark.parametrize(("way", "era"), [("direct", MODERN), ("direct", LEGACY), ("traefik", MODERN)])
def test_five_hundred_open_streams_refuse_nobody_and_leave_nothing(tmp_path: Path, way: str, era: str) -> None:
    enough_descriptors(6 * MANY)
    # Limits far shorter than the streams last: a stream that does not go on is no slow client. What a request may take
    # to come is no part of that.
    with surface(Limits(head=60, stall=2, body=2, idle=2, write=2)) as served:
        if way == "direct":
            streams(served, served.port, None, f"{way}, {era}", era)
        else:
            with edge(tmp_path, served.port) as front:
                streams(served, front.port, front, f"{way}, {era}", era)


def streams(served: Surface, port: int, front: Edge | None, name: str, era: str) -> None:
    """Open them, measure, end them, and look for what is left."""
    context, bearer = front.context if front else None, served.bearer()
    good_requests(port, context, bearer, 20)
    base, refused_before = good_requests(port, context, bearer, GOOD)
    with socket.create_server(("127.0.0.1", 0), backlog=MANY) as waiting, ExitStack() as stack:
        asked = request(served, waiting.getsockname()[1], era)
        # The first leaves what stays for good: pools, threads.
        with connect(port, asked, context) as wire:
            begun(wire)
            leave(waiting, 1)
            rest(wire)
        until(lambda: served.work.finished == 1, "the first stream did not end")
        until(lambda: served.tasks() <= _IDLE_TASKS, "the server does not come to rest")
        files = descriptors()
        wires, heads = list[socket.socket](), list[bytes]()
        while len(wires) < MANY:
            # In parts: a server that is late refuses some of a hundred that begin at once, as it should.
            part = [stack.enter_context(connect(port, asked, context)) for _ in range(min(AT_ONCE, MANY - len(wires)))]
            wires += part
            heads += [begun(wire) for wire in part]
        loaded, refused = good_requests(port, context, bearer, GOOD)
        assert served.work.started - served.work.ended == MANY
        leave(waiting, MANY)
        answers = [head + rest(wire) for head, wire in zip(heads, wires, strict=True)]
        stack.close()
        until(lambda: served.tasks() <= _IDLE_TASKS, "tasks are left")
        until(lambda: descriptors() <= files, "descriptors are left")
    whole = sum(1 for answer in answers if b"text/event-stream" in answer and b"answered" in answer)
    record(
        23,
        f"open streams, {name}",
        tried=MANY,
        passed=whole,
        figure=f"{MANY} streams open, {refused} of {GOOD} good calls refused, p99 ratio {p99(loaded) / p99(base):.2f} "
        f"({p99(base) * 1000:.1f} to {p99(loaded) * 1000:.1f} ms), median ratio "
        f"{statistics.median(loaded) / statistics.median(base):.2f}; {whole} ended with their result",
        command=COMMAND,
        negative_control="test_a_stream_whose_tool_goes_on_is_noticed",
    )
    assert refused_before == refused == 0
    assert whole == MANY
    assert served.work.finished == MANY + 1


# What lives in a server that nobody asks anything; more than that is a leak.
_IDLE_TASKS = 20


def test_a_stream_whose_tool_goes_on_is_noticed() -> None:
    """The negative control: a stream that is still open is seen as a task and as descriptors."""
    with surface(Limits()) as served, socket.create_server(("127.0.0.1", 0)) as waiting:
        good_requests(served.port, None, served.bearer(), 1)
        tasks, files = served.tasks(), descriptors()
        with connect(served.port, request(served, waiting.getsockname()[1], MODERN)) as wire:
            begun(wire)
            until(lambda: served.work.started == 1, "the tool did not start")
            # Both ends of the client's connection and the tool's own.
            assert descriptors() >= files + 3
            assert served.tasks() > tasks
        until(lambda: served.work.ended == 1, "the tool outlived its client")
