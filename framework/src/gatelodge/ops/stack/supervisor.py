"""Starts the parts, waits until they are ready, watches them, stops them in reverse order.

Nothing is restarted silently, and ``ready`` is recorded only while every part is. Not here: which parts there are
(``parts``), signals and files around a run (``up``).
"""

import asyncio
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.stack.failures import DiskRefused, PartFailed
from gatelodge.ops.stack.process import Part, Process, log_tail, outcome, spawn, stop, until_ready
from gatelodge.ops.stack.procfs import ProcessId
from gatelodge.ops.stack.record import Record, RunState, write_record

__all__ = ["Supervisor"]

_WINDOW = 60.0
_RESTARTS = 3


class _StopRequested(Exception):
    """Leaves the task group when a stop was asked for."""


class Supervisor:
    """Runs ``parts`` (in start order) as one. ``check`` runs when all are ready, before ``ready`` is said."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        record: Path,
        myself: ProcessId,
        urls: Mapping[str, str],
        clock: Clock,
        report: Callable[[str], None],
        check: Callable[[], Awaitable[None]],
        on_ready: Callable[[], None],
    ) -> None:
        self._parts = tuple(parts)
        self._file = record
        self._myself = myself
        self._urls = dict(urls)
        self._clock = clock
        self._report = report
        self._check = check
        self._on_ready = on_ready
        self._processes: dict[str, Process] = {}
        self._ready = {part.name: asyncio.Event() for part in self._parts}
        self._complete = False
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    def request_stop(self) -> None:
        """Ask for an orderly stop; asking again ends what still runs at once."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def obey_signals(self) -> None:
        """Take Ctrl-C, TERM and HUP as requests to stop; call it inside the running loop of the main thread."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.request_stop)

    async def run(self) -> GatelodgeError | None:
        """Run until a stop is asked for or a part fails for good. Returns the failure, if it was one."""
        failure: GatelodgeError | None = None
        self._write(RunState.STARTING, "starting the parts")
        try:
            async with asyncio.TaskGroup() as group:
                for part in self._parts:
                    group.create_task(self._keep(part))
                group.create_task(self._complete_start())
                group.create_task(self._until_stop())
        except* _StopRequested:
            self._report("stopping")
        except* GatelodgeError as errors:
            failure = _first(errors)
            self._report(f"stopping: {failure.detail}")
        finally:
            await self._stop_all(failure)
        return failure

    async def _until_stop(self) -> None:
        await self._stop.wait()
        raise _StopRequested

    async def _complete_start(self) -> None:
        for part in self._parts:
            await self._ready[part.name].wait()
        await self._check()
        self._complete = True
        self._write(RunState.READY, "ready")
        self._on_ready()

    async def _keep(self, part: Part) -> None:
        began = self._clock.monotonic()
        process = await self._start(part)
        await until_ready(part, process)
        self._report(f"{part.name} ready ({self._clock.monotonic() - began:.1f} s)")
        if part.after_ready:
            await part.after_ready()
        self._ready[part.name].set()
        deaths: deque[float] = deque()
        while True:
            code = await process.wait()
            self._ready[part.name].clear()
            self._allow_restart(part, deaths, f"{part.name} {outcome(code)}")
            process = await self._start(part)
            try:
                await until_ready(part, process)
            except PartFailed:
                if process.returncode is None:
                    raise
                continue
            self._ready[part.name].set()
            self._report(f"{part.name} ready again")
            if all(ready.is_set() for ready in self._ready.values()):
                self._write(RunState.READY, f"{part.name} was restarted")

    def _allow_restart(self, part: Part, deaths: deque[float], what: str) -> None:
        now = self._clock.monotonic()
        deaths.append(now)
        while deaths[0] <= now - _WINDOW:
            deaths.popleft()
        if not self._complete:
            raise PartFailed(f"{what} during the start{log_tail(part.log)}")
        if len(deaths) > _RESTARTS:
            raise PartFailed(f"{what}, {len(deaths)} times within a minute{log_tail(part.log)}")
        self._report(f"{what}; restarting it ({len(deaths)} of {_RESTARTS} within a minute), see {part.log}")
        self._write(RunState.STARTING, f"{what}; restarting it")

    async def _start(self, part: Part) -> Process:
        process = await spawn(part)
        self._processes[part.name] = process
        if not self._complete:
            self._write(RunState.STARTING, "starting the parts")
        return process

    async def _stop_all(self, failure: GatelodgeError | None) -> None:
        requested = failure is None and self._stop.is_set()
        reason = failure.detail if failure else "stopped on request" if requested else "an error of the supervisor"
        self._write_if_possible(RunState.STOPPING, reason)
        for part in reversed(self._parts):
            process = self._processes.get(part.name)
            if process and not await stop(process, part.stop_seconds, self._hurry):
                self._report(f"{part.name} did not stop in time and was killed")
        self._processes.clear()
        self._write_if_possible(RunState.STOPPED if requested else RunState.FAILED, reason)

    def _write_if_possible(self, state: RunState, message: str) -> None:
        # A full disk must not keep the parts from being stopped.
        try:
            self._write(state, message)
        except DiskRefused as error:
            self._report(error.detail)

    def _write(self, state: RunState, message: str) -> None:
        found = {name: ProcessId.of(process.pid) for name, process in self._processes.items()}
        alive = {name: process for name, process in found.items() if process}
        write_record(self._file, Record(state, message, self._myself, self._urls, alive))


def _first(errors: BaseExceptionGroup[GatelodgeError]) -> GatelodgeError:
    # A part that failed explains more than a check that could not reach it.
    leaves: list[GatelodgeError] = []
    pending: list[BaseException] = [errors]
    while pending:
        error = pending.pop(0)
        if isinstance(error, BaseExceptionGroup):
            pending.extend(error.exceptions)
        elif isinstance(error, GatelodgeError):
            leaves.append(error)
    return next((error for error in leaves if isinstance(error, PartFailed)), leaves[0])
