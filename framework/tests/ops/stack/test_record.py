"""The record and the processes it names."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gatelodge.ops.stack.failures import DiskRefused
from gatelodge.ops.stack.procfs import ProcessId, rss_bytes, start_time
from gatelodge.ops.stack.record import Record, RunState, read_record, write_record


def _me() -> ProcessId:
    me = ProcessId.of(os.getpid())
    assert me
    return me


def _dead() -> ProcessId:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)
    return ProcessId(process.pid, 1)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Record(RunState.READY, "ready", _me(), {"mcp_url": "https://localhost:1/mcp"}, {"desk": _me()})
    write_record(tmp_path / "state.json", record)
    assert read_record(tmp_path / "state.json") == record


def test_the_record_is_readable_by_its_owner_only_and_no_draft_is_left(tmp_path: Path) -> None:
    write_record(tmp_path / "state.json", Record(RunState.READY))
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("state", [RunState.STARTING, RunState.READY, RunState.STOPPING])
def test_a_record_whose_supervisor_died_is_read_as_stopped(tmp_path: Path, state: RunState) -> None:
    write_record(tmp_path / "state.json", Record(state, "", _dead()))
    read = read_record(tmp_path / "state.json")
    assert read.state is RunState.STOPPED
    assert state.value in read.message


def test_a_record_of_an_earlier_process_with_the_same_number_is_read_as_stopped(tmp_path: Path) -> None:
    me = _me()
    write_record(tmp_path / "state.json", Record(RunState.READY, "", ProcessId(me.pid, me.started - 1)))
    assert read_record(tmp_path / "state.json").state is RunState.STOPPED


def test_a_failure_is_still_told_after_the_supervisor_is_gone(tmp_path: Path) -> None:
    write_record(tmp_path / "state.json", Record(RunState.FAILED, "why", _dead()))
    assert read_record(tmp_path / "state.json") == Record(RunState.FAILED, "why", _read_supervisor(tmp_path))


def _read_supervisor(folder: Path) -> ProcessId | None:
    return read_record(folder / "state.json").supervisor


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"state": "odd"}', '{"state": "ready", "supervisor": 1}'])
def test_a_broken_record_is_read_as_stopped(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert read_record(tmp_path / "state.json").state is RunState.STOPPED


def test_a_stack_that_never_ran_is_stopped(tmp_path: Path) -> None:
    assert read_record(tmp_path / "state.json").state is RunState.STOPPED


def test_a_record_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DiskRefused, match=r"writing state\.json"):
        write_record(tmp_path / "missing" / "state.json", Record(RunState.READY))


def test_a_signal_reaches_only_the_very_process() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        found = ProcessId.of(process.pid)
        assert found
        assert ProcessId(found.pid, found.started + 1).send(signal.SIGKILL) is False
        assert process.poll() is None
        assert found.send(signal.SIGKILL) is True
        assert process.wait(60) == -signal.SIGKILL
        assert found.send(signal.SIGKILL) is False
    finally:
        process.kill()
        process.wait(60)


def test_resident_memory_is_in_bytes() -> None:
    assert rss_bytes(os.getpid()) > 1_000_000


def test_a_process_that_is_gone_has_no_start_time_and_no_memory() -> None:
    gone = _dead().pid
    assert (start_time(gone), rss_bytes(gone), ProcessId.of(gone)) == (None, 0, None)
