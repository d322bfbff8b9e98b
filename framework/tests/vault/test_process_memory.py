"""What a server holds in memory is in no core dump, and another process of its user does not read it."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from results import record

from gatelodge.vault.process_memory import keep_memory_private

HERE = Path(__file__).parent


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not below pytest's own folders, which another user may not enter.
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def seen(folder: Path, how: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(HERE / "looking_in.py"), str(folder), how],
        env={**os.environ, "PYTHONPATH": str(HERE.parent / "support")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_system_without_prctl_is_told_of(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(sys, "platform", "other")
    assert not keep_memory_private()
    assert "does not keep other processes" in caplog.text
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_a_process_that_asked_for_it_is_closed_says_so_and_ends_in_order() -> None:
    asked = (
        "import ctypes, resource; from gatelodge.vault.process_memory import keep_memory_private as keep; "
        "print(keep(), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=120)
    # The second figure is what PR_GET_DUMPABLE gives.
    assert (done.stdout.split(), done.stderr) == (["True", "0", "0"], "")


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_a_process_with_an_open_vault_leaves_no_core_and_lets_nobody_look_in(folder: Path) -> None:
    protected = seen(folder, "protected")
    assert protected == {"found": None, "signal": 6, "dumped": False, "cores": []}
    with tempfile.TemporaryDirectory() as other:
        control = seen(Path(other), "open")
    assert control["found"], "else the search itself finds nothing"
    record(
        12,
        "token in memory and core dump",
        tried=2,
        passed=2,
        command=".venv/bin/pytest framework/tests/vault/test_process_memory.py",
        negative_control=f"without the protection the token is found {control['found']} times in the process's memory",
        figure=f"killed by SIGABRT; a core without the protection: {'yes' if control['dumped'] else 'none here either'}",
    )
