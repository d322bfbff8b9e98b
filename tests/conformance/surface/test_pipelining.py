"""A request that waits behind a refused one is never run: the refusal is the last answer of its connection.

Otherwise whoever gets another's first request refused, behind a proxy that shares connections, has a second one run.
"""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from surface import HOST, QUICK, Surface, call, edge, surface, until

LIMIT = 4 * 1024 * 1024
_POST = f"POST /mcp HTTP/1.1\r\nHost: {HOST}\r\n".encode()
_BEHIND = f"GET /d/behind HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def chunked(authorization: str, *chunks: bytes) -> bytes:
    """A request whose body is these bytes of chunked coding."""
    head = _POST + b"Authorization: " + authorization.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(chunks)


def refused(served: Surface) -> dict[str, tuple[int, bytes]]:
    """What the server refuses, and with which status, when another whole request comes in the same bytes."""
    bearer = served.bearer()
    # So much that the answer is there long before the end.
    too_large = b"%x\r\n" % (2 * LIMIT) + b" " * (2 * LIMIT) + b"\r\n0\r\n\r\n"
    return {
        "two lengths": (400, _POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n"),
        "length and chunks": (400, _POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        "no host": (400, b"GET /d/first HTTP/1.1\r\n\r\n"),
        "two hosts": (400, _POST + b"Host: evil.example\r\nContent-Length: 0\r\n\r\n"),
        "another host in the target": (400, b"GET http://evil.example/ HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n"),
        "bad chunk": (400, chunked(bearer, b"zz\r\n{}\r\n0\r\n\r\n")),
        "chunk longer than it says": (400, chunked(bearer, b"2\r\n{}xx\r\n0\r\n\r\n")),
        "unknown coding": (501, _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        "unknown version": (400, f"GET /d/first HTTP/1.2\r\nHost: {HOST}\r\n\r\n".encode()),
        "header too large": (431, _POST + b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n"),
        "too many headers": (431, _POST + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n"),
        "body too large": (413, chunked(bearer, too_large)),
    }  # fmt: skip


_NAMES = (
    "two lengths", "length and chunks", "no host", "two hosts", "another host in the target", "bad chunk",
    "chunk longer than it says", "unknown coding", "unknown version", "header too large", "too many headers",
    "body too large",
)  # fmt: skip


@pytest.fixture(scope="module")
def served() -> Iterator[Surface]:
    with surface() as running:
        yield running


@pytest.fixture(scope="module")
def hurried() -> Iterator[Surface]:
    """A server whose limits of time are short."""
    with surface(QUICK) as running:
        yield running


def everything(wire: socket.socket) -> bytes:
    """What comes until the server ends the connection, which must be within the socket's time limit."""
    received = b""
    try:
        while chunk := wire.recv(65536):
            received += chunk
    except (ConnectionResetError, BrokenPipeError):
        received += b"<reset>"
    return received


def statuses(answer: bytes) -> list[int]:
    # One answer's body may end right where the next answer begins.
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d\d\d)(?: |\r)", answer)]


def send(port: int, data: bytes) -> bytes:
    """Send, and read to the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        received = b""
        try:
            wire.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            received = b"<reset>"
        return received + everything(wire)


def behind(served: Surface) -> int:
    """How often the second request was run."""
    return sum(seen.path == "/d/behind" for seen in served.records)


def test_the_cases_are_named_once(served: Surface) -> None:
    assert tuple(refused(served)) == _NAMES


@pytest.mark.parametrize("name", _NAMES)
def test_what_waits_behind_a_refused_request_is_not_run(served: Surface, name: str) -> None:
    status, first = refused(served)[name]
    answer = send(served.port, first + _BEHIND)
    # The end may come as a reset while the client is still sending.
    assert statuses(answer) in ([status], []), answer[:200]
    assert statuses(answer) or answer == b"<reset>"
    assert behind(served) == 0


@pytest.mark.parametrize("name", _NAMES)
def test_what_is_sent_after_a_refusal_is_not_run(served: Surface, name: str) -> None:
    status, first = refused(served)[name]
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as wire:
        try:
            wire.sendall(first)
            answer = wire.recv(65536)
            wire.sendall(_BEHIND)
            answer += everything(wire)
        except (ConnectionResetError, BrokenPipeError):
            answer = b"<reset>"
    assert statuses(answer) == [status] or answer == b"<reset>"
    assert behind(served) == 0


@pytest.mark.parametrize(
    "first",
    [
        _POST + b"X-Slow: a",
        _POST + b"Authorization: BEARER\r\nContent-Length: 100\r\n\r\n{",
        _POST + b"Authorization: BEARER\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{",
    ],
    ids=["header", "body", "chunked body"],
)
def test_what_comes_after_a_time_limit_is_not_run(hurried: Surface, first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", hurried.port), timeout=60) as wire:
        wire.sendall(first.replace(b"BEARER", hurried.bearer().encode()))
        answer = wire.recv(65536)
        try:
            # The rest that was waited for, and one more request.
            wire.sendall(b"\r\n\r\n" + b" " * 99 + b"\r\n0\r\n\r\n" + _BEHIND)
            answer += everything(wire)
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert statuses(answer) == [408]
    assert behind(hurried) == 0


def test_what_is_refused_for_its_token_leaves_the_next_request_alone(served: Surface) -> None:
    """The control: an ordinary refusal, of a whole request, ends nothing; the next one, sent after it, is run."""
    before = behind(served)
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as wire:
        wire.sendall(call("Bearer wrong", "whoami", {"canary": "x"}))
        answer = wire.recv(65536)
        assert statuses(answer) == [401]
        wire.sendall(_BEHIND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert statuses(everything(wire)) == [404]
    assert behind(served) == before + 1


def test_a_request_sent_before_the_last_was_answered_is_dropped_and_the_first_is_answered(served: Surface) -> None:
    before = behind(served)
    answer = send(served.port, call(served.bearer(), "whoami", {"canary": "x"}) + _BEHIND)
    assert statuses(answer) == [200]
    assert behind(served) == before


def test_bare_uvicorn_runs_what_waits_behind_a_body_that_is_too_large() -> None:
    """The negative control: with uvicorn's own protocol the second request of the same bytes is run."""
    with surface(bare=True) as running:
        _, first = refused(running)["body too large"]
        answer = send(running.port, first + _BEHIND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert statuses(answer)[:1] == [413] or answer == b"<reset>"
        until(lambda: behind(running) == 1, "uvicorn did not run the second request")


def test_through_traefik_nothing_is_run_that_waits_behind_a_body_without_a_sure_end(tmp_path: Path) -> None:
    with surface() as running, edge(tmp_path, running.port) as front:
        for name in ("two lengths", "bad chunk", "chunk longer than it says", "unknown coding"):
            with (
                socket.create_connection(("127.0.0.1", front.port), timeout=60) as plain,
                front.context.wrap_socket(plain, server_hostname="localhost") as wire,
            ):
                wire.sendall(refused(running)[name][1] + _BEHIND)
                assert len(statuses(everything(wire))) == 1, name
        assert behind(running) == 0
        with (
            socket.create_connection(("127.0.0.1", front.port), timeout=60) as plain,
            front.context.wrap_socket(plain, server_hostname="localhost") as wire,
        ):
            # The control: the same request behind one that is right.
            wire.sendall(_BEHIND + _BEHIND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert statuses(everything(wire)) == [404, 404]
        assert behind(running) == 2
