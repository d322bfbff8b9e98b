"""While a thousand connections are being opened at once: nobody is refused, and what it costs is not the server's.

The control is Traefik's own answer to a path that no rule names: it meets the handshakes and nothing of ours. On two
cores that the opener shares, handshakes take the time, for every answer alike.
"""

import os
import select
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from results import record
from surface import HOST, call, edge, enough_descriptors, surface

from gatelodge.app.slow_clients import Limits

COMMAND = "pytest tests/conformance/surface/test_burst.py"
MANY = int(os.environ.get("GATELODGE_SLOW_CONNECTIONS", "1000"))
QUIET = 60
_HELD = Limits(head=20, stall=20, body=20, idle=20, write=20)
_NOTHING = f"GET /nowhere HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
_OPENER = Path(__file__).with_name("opener.py")


@contextmanager
def opening(port: int, *ca_file: Path) -> Iterator[subprocess.Popen[str]]:
    """The opener at work; all it opened is closed at the end."""
    command = [sys.executable, str(_OPENER), str(port), str(MANY), *map(str, ca_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def answered(port: int, data: bytes, context: ssl.SSLContext | None, status: int) -> float:
    """Milliseconds of one request on a connection of its own; fails unless it is answered with ``status``."""
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        with wire:
            wire.sendall(data)
            answer = wire.recv(65536)
            assert answer.startswith(b"HTTP/1.1 %d " % status)
    return (time.perf_counter() - began) * 1000


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(times, n=100)[98]


@pytest.mark.parametrize("name", ["direct", "traefik"])
def test_nobody_is_refused_while_a_thousand_connections_are_opened(tmp_path: Path, name: str) -> None:
    enough_descriptors(3 * MANY)
    with surface(_HELD) as served:
        good = call(served.bearer(), "whoami", {"canary": "x"}, extra="Connection: close\r\n")
        if name == "direct":
            lines = [_figures("calls", *_measured(served.port, good, None, 200))]
        else:
            with edge(tmp_path, served.port, read_timeout="30s") as front:
                ca_file = tmp_path / "tls" / "ca.pem"
                lines = [
                    _figures("calls", *_measured(front.port, good, front.context, 200, ca_file)),
                    _figures(
                        "control: Traefik's own 404", *_measured(front.port, _NOTHING, front.context, 404, ca_file)
                    ),
                ]
    record(
        23,
        f"while they are opened, {name}",
        tried=len(lines) * MANY,
        passed=len(lines) * MANY,
        figure="; ".join(lines),
        command=COMMAND,
        negative_control="the same burst against an answer that never leaves Traefik",
    )


def _measured(
    port: int, data: bytes, context: ssl.SSLContext | None, status: int, *ca_file: Path
) -> tuple[list[float], list[float], float]:
    """Milliseconds of quiet requests and of those during the opening, and how many seconds that took."""
    for _ in range(10):
        answered(port, data, context, status)
    quiet = [answered(port, data, context, status) for _ in range(QUIET)]
    during: list[float] = []
    with opening(port, *ca_file) as process:
        assert process.stdout is not None
        while not select.select([process.stdout], [], [], 0)[0]:
            during.append(answered(port, data, context, status))
        # What waits behind the last of them belongs to the burst.
        during += [answered(port, data, context, status) for _ in range(2)]
        took = float(process.stdout.readline())
    return quiet, during, took


def _figures(what: str, quiet: list[float], during: list[float], seconds: float) -> str:
    return (
        f"{what}: {MANY} opened in {seconds:.2f} s, {len(during)} answered meanwhile, none refused; median "
        f"{statistics.median(quiet):.1f} to {statistics.median(during):.1f} ms, p99 {p99(quiet):.1f} to "
        f"{p99(during):.1f} ms (ratio {p99(during) / p99(quiet):.2f})"
    )
