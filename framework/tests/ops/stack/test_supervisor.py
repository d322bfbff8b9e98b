"""The supervisor over small real processes."""

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.stack.failures import PartFailed
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.process import Part
from gatelodge.ops.stack.procfs import ProcessId
from gatelodge.ops.stack.record import Record, RunState, read_record
from gatelodge.ops.stack.supervisor import Supervisor
from gatelodge.testing.clock import ManualClock

# Says that it is up by a file, and writes its name into a shared one when it is asked to stop.
_STEADY = """
import pathlib, signal, sys
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def stop(*_):
    with open(folder / "stopped", "a") as file: file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
(folder / name).write_text("up")
while True: signal.pause()
"""
_STUBBORN = _STEADY.replace("signal.SIGTERM, stop", "signal.SIGTERM, signal.SIG_IGN")


class Stage:
    """A supervisor of a test with what it said."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.folder = layout.state
        self.lines: list[str] = []
        self.clock = ManualClock()
        self.tables = 0
        self.checks = 0
        self.failing_check: GatelodgeError | None = None

    def part(self, name: str, program: str = _STEADY, *, ready: float = 20.0, stop: float = 20.0) -> Part:
        async def probe() -> bool:
            return (self.folder / name).exists()

        return Part(
            name=name,
            command=(sys.executable, "-c", program, name, str(self.folder)),
            environment=dict(os.environ),
            log=self.layout.log(name),
            probe=probe,
            folder=self.folder,
            ready_seconds=ready,
            stop_seconds=stop,
        )

    def supervisor(self, *parts: Part) -> Supervisor:
        async def check() -> None:
            self.checks += 1
            if self.failing_check:
                raise self.failing_check

        def shown() -> None:
            self.tables += 1

        me = ProcessId.of(os.getpid())
        assert me
        return Supervisor(
            parts,
            record=self.layout.record,
            myself=me,
            urls={"mcp_url": "https://localhost:1/mcp"},
            clock=self.clock,
            report=self.lines.append,
            check=check,
            on_ready=shown,
        )

    def record(self) -> Record:
        return read_record(self.layout.record)

    def said(self, words: str) -> bool:
        return any(words in line for line in self.lines)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in files of other processes
                await asyncio.sleep(0.02)

    async def run(
        self, supervisor: Supervisor, during: Callable[[], Awaitable[None]]
    ) -> tuple[GatelodgeError | None, dict[str, ProcessId]]:
        """Run until ready, do ``during``, stop. Returns the failure and the processes there were when ready."""
        running = asyncio.create_task(supervisor.run())
        try:
            await self.until(lambda: self.record().state is RunState.READY or running.done())
            processes = dict(self.record().processes)
            await during()
            supervisor.request_stop()
            return await asyncio.wait_for(running, 60), processes
        finally:
            supervisor.request_stop()
            supervisor.request_stop()
            await asyncio.wait({running}, timeout=30)


async def _nothing() -> None:
    return


@pytest.fixture
def stage(layout: Layout) -> Stage:
    return Stage(layout)


async def test_it_is_ready_only_when_every_part_is_and_the_check_passed(stage: Stage) -> None:
    seen: list[tuple[RunState, int]] = []

    async def during() -> None:
        seen.append((stage.record().state, stage.checks))

    failure, processes = await stage.run(stage.supervisor(stage.part("a"), stage.part("b")), during)
    assert failure is None
    assert seen == [(RunState.READY, 1)]
    assert set(processes) == {"a", "b"}
    assert stage.tables == 1


async def test_a_stop_ends_the_parts_in_reverse_order_and_is_recorded(stage: Stage) -> None:
    parts = [stage.part(name) for name in ("a", "b", "c")]
    _, processes = await stage.run(stage.supervisor(*parts), _nothing)
    assert (stage.folder / "stopped").read_text().split() == ["c", "b", "a"]
    assert not any(process.alive() for process in processes.values())
    assert stage.record().state is RunState.STOPPED
    assert not stage.record().processes


async def test_what_belongs_to_a_parts_readiness_runs_before_the_whole_is_ready(stage: Stage) -> None:
    done: list[RunState] = []

    async def after_ready() -> None:
        done.append(stage.record().state)

    part = stage.part("a")
    with_step = dataclasses.replace(part, after_ready=after_ready)
    await stage.run(stage.supervisor(with_step), _nothing)
    assert done == [RunState.STARTING]


async def test_a_part_that_exits_before_it_is_ready_fails_the_start_with_its_log(stage: Stage) -> None:
    bad = stage.part("bad", "import sys; print('the reason'); sys.exit(3)")
    failure, _ = await stage.run(stage.supervisor(stage.part("a"), bad), _nothing)
    assert isinstance(failure, PartFailed)
    assert "bad exited with code 3 before it was ready" in failure.detail
    assert str(stage.layout.log("bad")) in failure.detail
    assert "the reason" in failure.detail
    assert (stage.record().state, stage.record().message) == (RunState.FAILED, failure.detail)
    assert stage.checks == 0


async def test_a_part_that_is_never_ready_fails_the_start(stage: Stage) -> None:
    slow = stage.part("slow", "import signal; signal.pause()", ready=0.3)
    failure, _ = await stage.run(stage.supervisor(slow), _nothing)
    assert isinstance(failure, PartFailed)
    assert "slow was not ready within" in failure.detail


async def test_a_program_that_is_missing_is_named(stage: Stage) -> None:
    part = stage.part("a")
    missing = dataclasses.replace(part, command=("/no/such/program",))
    failure, _ = await stage.run(stage.supervisor(missing), _nothing)
    assert isinstance(failure, PartFailed)
    assert "/no/such/program: No such file" in failure.detail


async def test_a_part_that_dies_during_the_start_is_not_restarted(stage: Stage) -> None:
    short = stage.part("short", _STEADY.replace("while True: signal.pause()", "sys.exit(4)"))
    never = stage.part("never", "import signal; signal.pause()")
    failure, _ = await stage.run(stage.supervisor(short, never), _nothing)
    assert failure is not None
    assert "short exited with code 4" in failure.detail
    assert not stage.said("restarting")


async def test_a_failed_check_stops_everything_and_is_the_failure(stage: Stage) -> None:
    stage.failing_check = PartFailed("the link failed at sign-in")
    failure, _ = await stage.run(stage.supervisor(stage.part("a")), _nothing)
    assert failure is stage.failing_check
    assert stage.record().state is RunState.FAILED
    assert (stage.folder / "stopped").read_text().split() == ["a"]
    assert stage.tables == 0


async def _crash(stage: Stage, name: str) -> None:
    """Kill the part and wait until another process of it is ready, or nothing is."""
    old = stage.record().processes[name]
    (stage.folder / name).unlink()
    old.send(signal.SIGKILL)
    await stage.until(
        lambda: (
            stage.record().state is RunState.FAILED
            or (stage.record().state is RunState.READY and stage.record().processes.get(name) not in {None, old})
        )
    )


async def test_a_crashed_part_is_restarted_with_a_line_that_says_so(stage: Stage) -> None:
    failure, before = await stage.run(stage.supervisor(stage.part("a"), stage.part("b")), lambda: _crash(stage, "a"))
    assert failure is None
    assert stage.said("a was ended by signal SIGKILL; restarting it (1 of 3 within a minute)")
    assert stage.said("a ready again")
    assert not before["a"].alive()


async def test_the_stack_is_not_ready_while_a_part_restarts(stage: Stage) -> None:
    states: list[RunState] = []

    async def during() -> None:
        (stage.folder / "a").unlink()
        stage.record().processes["a"].send(signal.SIGKILL)
        await stage.until(lambda: stage.said("restarting"))
        states.append(stage.record().state)
        await stage.until(lambda: stage.said("ready again"))

    await stage.run(stage.supervisor(stage.part("a")), during)
    assert states == [RunState.STARTING]


async def test_the_fourth_crash_within_a_minute_stops_everything(stage: Stage) -> None:
    async def during() -> None:
        for _ in range(4):
            await _crash(stage, "a")

    failure, _ = await stage.run(stage.supervisor(stage.part("a"), stage.part("b")), during)
    assert isinstance(failure, PartFailed)
    assert "4 times within a minute" in failure.detail
    assert stage.record().state is RunState.FAILED
    assert (stage.folder / "stopped").read_text().split() == ["b"]


async def test_crashes_further_apart_are_always_restarted(stage: Stage) -> None:
    async def during() -> None:
        for _ in range(5):
            await _crash(stage, "a")
            stage.clock.advance(61)

    failure, _ = await stage.run(stage.supervisor(stage.part("a")), during)
    assert failure is None


async def test_a_part_that_ignores_the_request_to_stop_is_killed_and_named(stage: Stage) -> None:
    _, processes = await stage.run(stage.supervisor(stage.part("stubborn", _STUBBORN, stop=0.2)), _nothing)
    assert stage.said("stubborn did not stop in time and was killed")
    assert not processes["stubborn"].alive()


async def test_a_second_request_to_stop_does_not_wait(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.part("stubborn", _STUBBORN, stop=600))

    async def during() -> None:
        supervisor.request_stop()

    # `run` asks again after `during`, and waits far less than the part's bound.
    failure, processes = await stage.run(supervisor, during)
    assert failure is None
    assert not processes["stubborn"].alive()


async def test_a_record_that_cannot_be_written_does_not_keep_parts_running(stage: Stage, tmp_path: Path) -> None:
    async def during() -> None:
        stage.folder.rename(tmp_path / "moved")

    _, processes = await stage.run(stage.supervisor(stage.part("a")), during)
    assert not processes["a"].alive()
    assert stage.said("writing state.json")


async def test_the_terminals_interrupt_reaches_the_supervisor_only(stage: Stage) -> None:
    _, processes = await stage.run(
        stage.supervisor(stage.part("a")), lambda: _assert_other_session(stage.record().processes["a"].pid)
    )
    assert processes


async def _assert_other_session(pid: int) -> None:
    assert os.getsid(pid) == pid != os.getsid(0)


async def test_a_part_that_never_comes_back_stops_everything(stage: Stage) -> None:
    once = 'if (folder / "ran").exists(): sys.exit(5)\n(folder / "ran").write_text("")\n'
    program = _STEADY.replace("def stop", f"{once}def stop")

    async def during() -> None:
        (stage.folder / "a").unlink()
        stage.record().processes["a"].send(signal.SIGKILL)
        await stage.until(lambda: stage.record().state is RunState.FAILED)

    failure, _ = await stage.run(stage.supervisor(stage.part("a", program)), during)
    assert isinstance(failure, PartFailed)
    assert "a exited with code 5, 4 times within a minute" in failure.detail


async def test_an_error_of_the_supervisor_itself_leaves_nothing_running_and_is_no_clean_stop(stage: Stage) -> None:
    supervisor = stage.supervisor(stage.part("a"))

    async def broken() -> None:
        raise ZeroDivisionError

    supervisor._check = broken
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(supervisor.run(), 60)
    assert stage.record().state is RunState.FAILED
    assert (stage.folder / "stopped").read_text().split() == ["a"]
