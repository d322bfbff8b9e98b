"""Following a supervisor from another process: a detached start, and a second ``up`` beside a running stack."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gatelodge.core.clock import Clock
from gatelodge.ops.stack.failures import PartFailed, guarded_disk
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.lock import try_lock
from gatelodge.ops.stack.process import rotate
from gatelodge.ops.stack.record import RunState, read_record
from gatelodge.ops.stack.status import read_status
from gatelodge.ops.stack.table import render_table

__all__ = ["detach", "follow"]

Report = Callable[[str], None]

_SECONDS = 600.0
_PAUSE = 0.1


def follow(layout: Layout, report: Report, *, clock: Clock, seconds: float = _SECONDS) -> int:
    """Show the table of the stack that runs here, waiting while it starts. Returns the exit code."""
    deadline = clock.monotonic() + seconds
    said = False
    while clock.monotonic() < deadline:
        record = read_record(layout.record)
        if record.state is RunState.READY:
            report("the stack is already running")
            report(render_table(read_status(layout)))
            return 0
        if not said:
            report("another start is under way; waiting for it")
            said = True
        with try_lock(layout.lock) as free:
            if free:
                last = read_record(layout.record)
                report(f"it ended: {last.state.value}, {last.message}")
                return 1
        time.sleep(_PAUSE)
    report(f"it was not ready within {seconds:.0f} s; gatelodge status shows how it goes on")
    return 1


def detach(layout: Layout, command: Sequence[str], report: Report, *, clock: Clock, seconds: float = _SECONDS) -> int:
    """Start ``command`` (a foreground ``up``) as a daemon and show its lines until it is ready or has failed.

    Returns the exit code. Raises: DiskRefused, PartFailed.
    """
    layout.create()
    with try_lock(layout.lock) as free:
        pass
    if not free:
        return follow(layout, report, clock=clock, seconds=seconds)
    log = layout.log("supervisor")
    rotate(log)
    daemon = _daemon(command, log)
    lines = _Lines(log, report)
    deadline = clock.monotonic() + seconds
    while clock.monotonic() < deadline:
        code = _exit_code(daemon)
        record = read_record(layout.record)
        lines.show()
        if code is not None:
            lines.show()
            return code or 1
        mine = record.supervisor is not None and record.supervisor.pid == daemon
        if mine and record.state is RunState.READY:
            own = layout.state == layout.checkout / ".gatelodge"
            stop = "gatelodge down" if own else f"gatelodge down --state-dir {layout.state}"
            report(render_table(read_status(layout)) + f"\nIt runs in the background: {stop} stops it.")
            return 0
        time.sleep(_PAUSE)
    report(f"it was not ready within {seconds:.0f} s and goes on starting; gatelodge status shows how")
    return 1


def _daemon(command: Sequence[str], log: Path) -> int:
    """Start the command as a daemon; returns its pid."""
    with guarded_disk(log.parent, "the supervisor's log"):
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return os.posix_spawn(
            command[0],
            list(command),
            {**os.environ, "PYTHONUNBUFFERED": "1"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            # A session of its own: neither Ctrl-C nor the end of this terminal reaches it.
            setsid=True,
        )
    except OSError as error:
        raise PartFailed(f"{command[0]} could not be started: {error.strerror}") from error
    finally:
        os.close(output)


def _exit_code(pid: int) -> int | None:
    """How the daemon ended; ``None`` while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


class _Lines:
    """The whole lines that a log has gained since the last look."""

    def __init__(self, log: Path, report: Report) -> None:
        self._log = log
        self._report = report
        self._seen = 0

    def show(self) -> None:
        with suppress(FileNotFoundError), self._log.open("rb") as file:
            file.seek(self._seen)
            whole, newline, _ = file.read().rpartition(b"\n")
            self._seen += len(whole) + len(newline)
            if newline:
                self._report(whole.decode(errors="replace"))
