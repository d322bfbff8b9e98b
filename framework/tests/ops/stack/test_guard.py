"""No orphan: the kernel ends every part whose supervisor is gone, however it went."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from gatelodge.ops.stack import guard
from gatelodge.ops.stack.guard import guarded
from gatelodge.ops.stack.procfs import ProcessId

Until = Callable[[Callable[[], object]], None]

# The part ignores TERM, INT and HUP: only what cannot be ignored ends it.
_PART = """
import signal
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
print('up', flush=True)
while True: signal.pause()
"""
# As kc.sh does it: the command is a child of the shell, which hands TERM on.
_SCRIPT = """
trap 'kill -TERM $child; wait $child' TERM
sleep 600 & child=$!
echo $child
wait $child
"""
_SUPERVISOR = """
import signal, subprocess, sys
from gatelodge.ops.stack.guard import guarded
command = guarded(tuple(sys.argv[2:]), signal.Signals(int(sys.argv[1])))
part = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True)
print(part.pid, part.stdout.readline(), flush=True)
part.wait()
"""


def _kill_supervisor_of(number: signal.Signals, *command: str) -> tuple[ProcessId, str]:
    """Start the command under a supervisor, kill that, and return the command's process and first line."""
    supervised = [sys.executable, "-c", _SUPERVISOR, str(int(number)), *command]
    with subprocess.Popen(supervised, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout
        pid, _, line = supervisor.stdout.readline().partition(" ")
        part = ProcessId.of(int(pid))
        assert part
        supervisor.kill()
        supervisor.wait(60)
    return part, line.strip()


def test_a_part_dies_when_its_supervisor_is_killed(until: Until) -> None:
    part, line = _kill_supervisor_of(signal.SIGKILL, sys.executable, "-c", _PART)
    assert line == "up"
    until(lambda: not part.alive())


def test_a_script_takes_its_child_along_when_the_supervisor_is_killed(until: Until) -> None:
    script, line = _kill_supervisor_of(signal.SIGTERM, "/bin/sh", "-c", _SCRIPT)
    child = ProcessId.of(int(line))
    until(lambda: not script.alive())
    until(lambda: not (child and child.alive()))


def test_a_part_whose_supervisor_is_gone_already_does_not_start() -> None:
    gone = str(os.getpid() + 1_000_000)
    command = [sys.executable, "-I", guard.__file__, gone, "9", sys.executable, "-c", "print(1)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the supervisor is gone" in done.stderr


def test_a_command_that_is_not_there_is_named() -> None:
    done = subprocess.run(guarded(("/no/such/program",)), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "/no/such/program: No such file" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_guard_becomes_the_command(number: signal.Signals) -> None:
    command = guarded((sys.executable, "-c", "import os; print(os.getpid())"), number)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate(timeout=60)
    assert int(output) == process.pid
