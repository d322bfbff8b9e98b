"""aimock, a third party's stand-in of model endpoints of OpenAI's form: chat completions and images, by fixtures."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from npm_install import NpmUnavailable, install_locked

__all__ = ["KEY", "PNG", "Models", "models"]

_PACKAGES = Path(__file__).parent / "npm_models"
_READY_SECONDS = 60
# What the stand-in asks of its callers.
KEY = "key-of-the-tests"
# One grey pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="


@dataclass(frozen=True, slots=True)
class Models:
    """The running stand-in."""

    url: str

    def calls(self, path: str) -> list[dict[str, Any]]:
        """What it was asked at this path, oldest first: entries with ``headers``, ``body`` and ``response``."""
        answer = httpx.get(
            f"{self.url}/__aimock/journal", params={"path": path}, headers={"authorization": f"Bearer {KEY}"}
        )
        found = answer.raise_for_status().json()
        entries: list[dict[str, Any]] = found if isinstance(found, list) else found["entries"]
        return [entry for entry in entries if entry["path"].startswith(path)]


@contextmanager
def models(folder: Path, fixtures: Sequence[dict[str, Any]]) -> Iterator[Models]:
    """The stand-in with these fixtures of its own form, the first that fits answers; ``folder`` is for their file."""
    try:
        node, packages = install_locked(_PACKAGES)
    except NpmUnavailable as reason:
        pytest.skip(f"npm packages: {reason}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    path = folder / "fixtures.json"
    path.write_text(json.dumps({"fixtures": list(fixtures)}))
    program = packages / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    command = [str(node), str(program), "--port", str(port), "--fixtures", str(path), "--strict"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"AIMOCK_API_KEYS": KEY}
    )
    try:
        _await(process, port)
        yield Models(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + _READY_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "aimock ended"
        assert time.monotonic() < ends, "aimock does not listen"
        time.sleep(0.1)
