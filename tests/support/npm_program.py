"""A third party's program from npm, running on loopback while a test asks it; without npm the test is skipped.

Not here: which programs, and what their arguments mean (the modules that call this).
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from native_stack import free_port
from npm_install import NpmUnavailable, install_locked

__all__ = ["installed", "listening", "until_listening"]


def installed(packages: Path) -> tuple[Path, Path]:
    """node, and the folder with ``node_modules`` of a lock file's packages; skips with the reason without npm."""
    try:
        return install_locked(packages)
    except NpmUnavailable as reason:
        pytest.skip(f"npm packages: {reason}")


@contextmanager
def listening(
    packages: Path, program: str, arguments: Callable[[int], Sequence[str]], *, seconds: float, **environment: str
) -> Iterator[str]:
    """The URL of a program (its path below ``node_modules``) that was given a port and listens; ended afterwards."""
    node, folder = installed(packages)
    port = free_port()
    process = subprocess.Popen(
        [str(node), str(folder / "node_modules" / program), *arguments(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment,
    )
    try:
        until_listening(process, port, program, seconds)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def until_listening(process: subprocess.Popen[bytes], port: int, name: str, seconds: float) -> None:
    """Return when something listens on the port. Raises: AssertionError when it ended, or does not in time."""
    ends = time.monotonic() + seconds
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, f"{name} ended"
        assert time.monotonic() < ends, f"{name} does not listen"
        time.sleep(0.05)
