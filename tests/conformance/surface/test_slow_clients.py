"""Clients that are slow on purpose: each is closed in time, and a thousand of them cost the others nothing."""

import os
import selectors
import socket
import ssl
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from results import record
from surface import HOST, QUICK, Edge, Surface, call, descriptors, edge, enough_descriptors, surface, until

from gatelodge.app.slow_clients import Limits

COMMAND = "pytest tests/conformance/surface/test_slow_clients.py"
# All of them within the time that the connections are held.
MANY = int(os.environ.get("GATELODGE_SLOW_CONNECTIONS", "1000"))
GOOD = 100

_HEAD = f"POST /mcp HTTP/1.1\r\nHost: {HOST}\r\n".encode()
_SLOW = {
    "silent": b"",
    "header": _HEAD + b"X-Slow: a",
    "one header field": _HEAD[:30],
    "body": _HEAD + b"Content-Length: 100\r\n\r\n{",
    "chunked body": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{",
    "line ends only": b"\r\n\r\n",
}


@pytest.fixture(scope="module")
def served() -> Iterator[Surface]:
    with surface(QUICK) as running:
        yield running


def connect(port: int, data: bytes = b"", context: ssl.SSLContext | None = None) -> socket.socket:
    """A connection that has sent ``data``."""
    wire = socket.create_connection(("127.0.0.1", port), timeout=60)
    # Else the request waits 40 ms and more for the acknowledgement of the handshake's end, and hides what the rest takes.
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is not None:
        wire = context.wrap_socket(wire, server_hostname="localhost")
    wire.sendall(data)
    return wire


def rest(wire: socket.socket) -> bytes:
    """Everything up to the end of the connection, which must come within the socket's time limit."""
    received = b""
    try:
        while chunk := wire.recv(65536):
            received += chunk
    except ConnectionResetError:
        received += b"<reset>"
    return received


def bearing(served: Surface, data: bytes) -> bytes:
    """A slow request with a good token, so that the server waits for its body."""
    return data.replace(b"\r\n", b"\r\nAuthorization: " + served.bearer().encode() + b"\r\n", 1)


@pytest.mark.parametrize("kind", [kind for kind in _SLOW if kind != "line ends only"])
@pytest.mark.parametrize("token", [True, False])
def test_a_connection_that_stops_is_closed(served: Surface, kind: str, token: bool) -> None:
    data = bearing(served, _SLOW[kind]) if token and b"\r\n" in _SLOW[kind] else _SLOW[kind]
    with connect(served.port, data) as wire:
        answer = rest(wire)
    if not data:
        assert answer == b""
    elif token or "body" not in kind:
        assert answer == b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    else:
        # Refused without its body; the rest of the body is not waited for.
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("piece", [b"\r\n", b"X-A: b\r\n", b"a"])
def test_a_header_that_grows_by_drops_is_closed_all_the_same(served: Surface, piece: bytes) -> None:
    drip(served.port, b"" if piece == b"\r\n" else _HEAD, piece)


@pytest.mark.parametrize("token", [True, False])
def test_a_body_that_grows_by_drops_is_closed_all_the_same(served: Surface, token: bool) -> None:
    data = _HEAD + b"Content-Length: 1000000\r\n\r\n"
    drip(served.port, bearing(served, data) if token else data, b" ")


def test_chunk_extensions_that_never_end_are_closed_all_the_same(served: Surface) -> None:
    drip(served.port, bearing(served, _HEAD) + b"Transfer-Encoding: chunked\r\n\r\n1;a=", b"a")


def drip(port: int, data: bytes, piece: bytes) -> None:
    """Send a piece each time the server has been silent for a moment, until it closes; a minute at most."""
    deadline = time.monotonic() + 60
    with connect(port, data) as wire:
        wire.settimeout(0.1)
        while True:
            assert time.monotonic() < deadline, "the server never closed"
            try:
                wire.sendall(piece)
                if not wire.recv(65536):
                    return
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return


def test_an_idle_kept_connection_is_closed_and_a_busy_one_is_not(served: Surface) -> None:
    request = f"GET /health/live HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    ends = time.monotonic() + 2.5 * QUICK.head
    with connect(served.port) as wire:
        answered = 0
        # Longer in all than any limit: the limits are on requests, not on a connection that is in use.
        while time.monotonic() < ends:
            wire.sendall(request)
            answer = b""
            while not answer.endswith(b"}"):
                answer += wire.recv(1) or pytest.fail("a connection in use was closed")
            assert answer.startswith(b"HTTP/1.1 200 ")
            answered += 1
        assert rest(wire) == b""
    assert answered > 3


def test_a_client_that_takes_nothing_of_its_answer_is_cut_off() -> None:
    with surface(QUICK) as running, socket.socket() as wire:
        before = descriptors()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect(("127.0.0.1", running.port))
        wire.settimeout(60)
        # The answer holds the argument twice: far more than the buffers of both sides.
        wire.sendall(call(running.bearer(), "whoami", {"canary": "x" * 3_500_000}))
        until(lambda: descriptors() == before + 1, "the connection was never there")
        # Nothing is read here, and the answer never ends: the server has to let go of it by itself.
        until(lambda: descriptors() == before, "the server kept a client that reads nothing")
        assert len(rest(wire)) < 7_000_000


def test_bare_uvicorn_keeps_every_slow_connection() -> None:
    """The negative control: without our protocol the same connections live on after every limit has passed."""
    with surface(QUICK, bare=True) as running, ExitStack() as stack:
        sent = {kind: bearing(running, data) if "body" in kind else data for kind, data in _SLOW.items()}
        wires = [stack.enter_context(connect(running.port, data)) for data in sent.values()]
        with connect(running.port, f"GET /health/live HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()) as fast:
            assert fast.recv(65536).startswith(b"HTTP/1.1 200 ")
        selector = selectors.DefaultSelector()
        for wire, kind in zip(wires, sent, strict=True):
            selector.register(wire, selectors.EVENT_READ, kind)
        waited, closed = 2.5 * QUICK.head, set[str]()
        ends = time.monotonic() + waited
        while (left := ends - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                wire = key.fileobj  # type: ignore[assignment]
                if not wire.recv(65536):
                    closed.add(key.data)
                    selector.unregister(wire)
        selector.close()
        assert closed == set()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (_HEAD + b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (_HEAD + b"X-Long: " + b"a" * 200_000, 431),
        (_HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(5000)) + b"\r\n", 431),
        (_HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 200_000, 431),
        (_HEAD + b"a" * 200_000, 431),
    ],
)
def test_a_header_over_the_limits_is_refused(served: Surface, data: bytes, status: int) -> None:
    before = len(served.records)
    with connect(served.port) as wire:
        try:
            wire.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            answer = b"<reset>"
        else:
            answer = rest(wire)
    # The refusal of what is still being sent may be lost in a reset, as with every server.
    assert answer.startswith(b"HTTP/1.1 %d " % status) or answer == b"<reset>"
    assert len(served.records) == before


def test_a_token_of_sixteen_kilobytes_passes(served: Surface) -> None:
    request = f"GET /health/live HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {'a' * 16_384}\r\n"
    with connect(served.port, request.encode() + b"Connection: close\r\n\r\n") as wire:
        assert rest(wire).startswith(b"HTTP/1.1 200 ")


@contextmanager
def slow_ones(port: int, served: Surface, context: ssl.SSLContext | None) -> Iterator[list[socket.socket]]:
    """``MANY`` connections of every slow kind, held open by this test."""
    kinds = [b"", _SLOW["header"], bearing(served, _SLOW["body"])]
    with ExitStack() as stack:
        yield [stack.enter_context(connect(port, kinds[number % 3], context)) for number in range(MANY)]


def good_requests(port: int, context: ssl.SSLContext | None, bearer: str, count: int = GOOD) -> tuple[list[float], int]:
    """Times of good calls, one connection each, and how many were not answered 200."""
    times, refused = [], 0
    request = call(bearer, "whoami", {"canary": "x"}, extra="Connection: close\r\n")
    for _ in range(count):
        began = time.perf_counter()
        with connect(port, request, context) as wire:
            refused += not rest(wire).startswith(b"HTTP/1.1 200 ")
        times.append(time.perf_counter() - began)
    return times, refused


HELD = Limits(head=8, stall=8, body=10, idle=5, write=8)


def test_a_thousand_slow_connections_refuse_nobody_and_are_closed() -> None:
    enough_descriptors(3 * MANY + 200)
    with surface(HELD) as running:
        _thousand("direct", running.port, running, None)


def test_a_thousand_slow_connections_through_traefik_refuse_nobody_and_are_closed(tmp_path: Path) -> None:
    enough_descriptors(3 * MANY + 200)
    # A TLS handshake each takes its time: held a little longer, so that all are there while the good calls run.
    with surface(HELD) as running, edge(tmp_path, running.port, read_timeout="10s") as front:
        _thousand("traefik", front.port, running, front)


def _thousand(name: str, port: int, served: Surface, front: Edge | None) -> None:
    context = front.context if front else None
    bearer = served.bearer()
    good_requests(port, context, bearer, 20)
    base, refused_before = good_requests(port, context, bearer)
    with slow_ones(port, served, context) as wires:
        # The first calls wait until the server has seen what the others sent.
        early, refused_early = good_requests(port, context, bearer, 20)
        loaded, refused = good_requests(port, context, bearer)
        held = sum(1 for wire in wires if still_open(wire))
        closed = sum(1 for wire in wires if ended(wire))
    after, _ = good_requests(port, context, bearer)
    base += after
    ratio = p99(loaded) / p99(base)
    record(
        23,
        name,
        tried=MANY,
        passed=closed,
        figure=f"{MANY} connected, {held} still held after the measurement, {closed} closed by the server, {refused} of {GOOD} good calls refused, p99 ratio "
        f"{ratio:.2f} ({p99(base) * 1000:.1f} to {p99(loaded) * 1000:.1f} ms; "
        f"first {len(early)} calls after the burst: at most {max(early) * 1000:.0f} ms), median ratio "
        f"{statistics.median(loaded) / statistics.median(base):.2f}",
        command=COMMAND,
        negative_control="test_bare_uvicorn_keeps_every_slow_connection",
    )
    assert refused_before == refused_early == refused == 0
    assert closed == MANY


def still_open(wire: socket.socket) -> bool:
    """Whether nothing has come back on a connection, not even its end."""
    wire.settimeout(0)
    try:
        wire.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        wire.settimeout(60)
    return False


def ended(wire: socket.socket) -> bool:
    """Whether the server ends a connection that it owes nothing any more, within the socket's time limit."""
    try:
        rest(wire)
    except TimeoutError:
        return False
    except ssl.SSLError:
        return True
    return True


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(times, n=100)[98]
