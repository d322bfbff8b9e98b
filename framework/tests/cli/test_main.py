"""The entry point, whatever becomes of its output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gatelodge.cli.main import main

REALM = Path(__file__).parents[3] / "infra" / "keycloak"
RENDER = ["realm", "render", "--public-url", "https://mcp.example.com", "--folder", str(REALM)]


def test_output_that_nobody_reads_any_more_ends_the_command_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "gatelodge", *RENDER]
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_another_broken_pipe_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr("gatelodge.cli.realm._render", fail)
    with pytest.raises(BrokenPipeError):
        main(RENDER)
