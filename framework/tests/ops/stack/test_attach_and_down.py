"""A detached start, a second start beside it, and the stop, with a stand-in for the real parts."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gatelodge.core.clock import SystemClock
from gatelodge.ops.stack.attach import detach, follow
from gatelodge.ops.stack.down import down
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.procfs import ProcessId
from gatelodge.ops.stack.record import Record, RunState, read_record
from gatelodge.ops.stack.status import read_status

# What `up` does around a run, with one small part: lock, record, signals.
_SUPERVISOR = """
import asyncio, os, pathlib, sys
from gatelodge.core.clock import SystemClock
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.lock import try_lock
from gatelodge.ops.stack.process import Part
from gatelodge.ops.stack.procfs import ProcessId
from gatelodge.ops.stack.supervisor import Supervisor
layout = Layout(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
ready = layout.state / "part-ready"
program = f"import pathlib, signal; pathlib.Path({str(ready)!r}).write_text(''); signal.pause()"
async def probe(): return ready.exists()
async def check(): return None
async def main():
    part = Part("a", (sys.executable, "-c", program), dict(os.environ), layout.log("a"), probe, layout.state)
    supervisor = Supervisor(
        [part], record=layout.record, myself=ProcessId.of(os.getpid()), urls={"mcp_url": "https://localhost:1/mcp"},
        clock=SystemClock(), report=print, check=check, on_ready=lambda: print("ready"))
    supervisor.obey_signals()
    return await supervisor.run()
with try_lock(layout.lock) as mine:
    assert mine
    sys.exit(1 if asyncio.run(main()) else 0)
"""
_STUBBORN = _SUPERVISOR.replace("    supervisor.obey_signals()\n", "").replace(
    "import asyncio,", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nimport asyncio,"
)

Until = Callable[[Callable[[], object]], None]


def _command(layout: Layout, program: str = _SUPERVISOR) -> list[str]:
    return [sys.executable, "-c", program, str(layout.checkout), str(layout.state)]


@pytest.fixture
def lines(layout: Layout) -> Iterator[list[str]]:
    yield []
    if layout.record.exists() and (left := json.loads(layout.record.read_text())["supervisor"]):
        # Its starter is this process, which must take its exit code as init would.
        if process := ProcessId.of(left["pid"]):
            process.send(signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(left["pid"], 0)


def _detached(layout: Layout, lines: list[str], program: str = _SUPERVISOR) -> Record:
    assert detach(layout, _command(layout, program), lines.append, clock=SystemClock()) == 0
    return read_record(layout.record)


def test_a_detached_start_shows_its_progress_and_the_table_and_goes_on(layout: Layout, lines: list[str]) -> None:
    record = _detached(layout, lines)
    text = "\n".join(lines)
    assert "a ready (" in text
    assert "https://localhost:1/mcp" in text
    assert record.supervisor
    assert record.supervisor.alive()


def test_a_detached_start_that_fails_shows_why_and_returns_its_code(layout: Layout, lines: list[str]) -> None:
    failing = [sys.executable, "-c", "import sys; print('the reason'); sys.exit(2)"]
    assert detach(layout, failing, lines.append, clock=SystemClock()) == 2
    assert "the reason" in lines[0]


def test_a_second_start_says_that_one_runs_and_shows_the_table(layout: Layout, lines: list[str]) -> None:
    first = _detached(layout, lines)
    for detached in (True, False):
        lines.clear()
        if detached:
            assert detach(layout, _command(layout), lines.append, clock=SystemClock()) == 0
        else:
            assert follow(layout, lines.append, clock=SystemClock()) == 0
        assert lines[0] == "the stack is already running"
        assert "https://localhost:1/mcp" in lines[1]
    assert read_record(layout.record).supervisor == first.supervisor


def test_following_a_start_that_ended_says_how(layout: Layout, lines: list[str]) -> None:
    assert follow(layout, lines.append, clock=SystemClock()) == 1
    assert lines[-1].startswith("it ended: stopped")


def test_down_stops_the_supervisor_and_its_parts(layout: Layout, lines: list[str]) -> None:
    before = _detached(layout, lines)
    assert down(layout, lines.append, clock=SystemClock()) == 0
    assert lines[-1] == "stopped"
    assert before.supervisor
    assert not before.supervisor.alive()
    assert not before.processes["a"].alive()
    assert read_record(layout.record).state is RunState.STOPPED


def test_down_kills_a_supervisor_that_does_not_stop_and_leaves_no_part(layout: Layout, lines: list[str]) -> None:
    before = _detached(layout, lines, _STUBBORN)
    assert down(layout, lines.append, clock=SystemClock(), seconds=0.2) == 0
    assert lines[-1] == "it did not stop in time and was killed"
    assert not before.processes["a"].alive()
    assert read_record(layout.record).state is RunState.STOPPED


def test_down_without_a_stack_says_so(layout: Layout, lines: list[str]) -> None:
    assert down(layout, lines.append, clock=SystemClock()) == 0
    assert lines == ["nothing runs here"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_foreground_supervisor_stops_all(layout: Layout, number: signal.Signals, until: Until) -> None:
    with subprocess.Popen(_command(layout), stdout=subprocess.PIPE, text=True, start_new_session=True) as supervisor:
        until(lambda: read_record(layout.record).state is RunState.READY)
        part = read_record(layout.record).processes["a"]
        supervisor.send_signal(number)
        assert supervisor.wait(60) == 0
    assert not part.alive()


def test_no_part_outlives_a_supervisor_killed_with_sigkill(layout: Layout, until: Until) -> None:
    with subprocess.Popen(_command(layout), stdout=subprocess.PIPE, text=True) as supervisor:
        until(lambda: read_record(layout.record).state is RunState.READY)
        part = read_record(layout.record).processes["a"]
        supervisor.kill()
        supervisor.wait(60)
    until(lambda: not part.alive())
    status = read_status(layout)
    assert (status.ready, status.processes) == (False, ())
    assert "the supervisor died while the stack was ready" in status.message


def test_the_log_of_the_run_before_is_kept(layout: Layout, lines: list[str]) -> None:
    failing = [sys.executable, "-c", "import sys; print(sys.argv[1]); sys.exit(1)"]
    for word in ("one", "two"):
        detach(layout, [*failing, word], lines.append, clock=SystemClock())
    log = layout.log("supervisor")
    assert (log.read_text(), Path(f"{log}.1").read_text()) == ("two\n", "one\n")


def test_the_status_has_urls_only_when_ready_and_the_memory_of_every_process(layout: Layout, lines: list[str]) -> None:
    assert "mcp_url" not in read_status(layout).document()
    _detached(layout, lines)
    document = json.loads(json.dumps(read_status(layout).document()))
    assert (document["state"], document["mcp_url"]) == ("ready", "https://localhost:1/mcp")
    assert [part["name"] for part in document["processes"]] == ["a", "supervisor"]
    assert document["processes"][0]["rss_bytes"] > 1_000_000
