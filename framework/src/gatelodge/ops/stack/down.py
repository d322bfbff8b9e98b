"""``gatelodge down``: stop the recorded supervisor, and be sure that it was it."""

import signal
import time
from collections.abc import Callable

from gatelodge.core.clock import Clock
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.record import Record, RunState, read_record, write_record

__all__ = ["down"]

_PAUSE = 0.05


def down(layout: Layout, report: Callable[[str], None], *, clock: Clock, seconds: float = 60.0) -> int:
    """Stop the stack of this checkout: TERM to its supervisor, KILL after ``seconds``. Returns the exit code."""
    record = read_record(layout.record)
    supervisor = record.supervisor
    if not record.state.running or supervisor is None:
        report("nothing runs here")
        return 0
    report("stopping")
    supervisor.send(signal.SIGTERM)
    if _gone(record, clock, seconds):
        report("stopped")
        return 0
    # Its parts die with it, by the kernel's hand (see guard).
    supervisor.send(signal.SIGKILL)
    stopped = _gone(record, clock, 10.0)
    write_record(layout.record, Record(RunState.STOPPED, "killed: it did not stop in time", None, record.urls))
    report("it did not stop in time and was killed" if stopped else "it could not be killed; see the process list")
    return 0 if stopped else 1


def _gone(record: Record, clock: Clock, seconds: float) -> bool:
    processes = [process for process in (record.supervisor, *record.processes.values()) if process]
    deadline = clock.monotonic() + seconds
    while any(process.alive() for process in processes):
        if clock.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)
    return True
