"""What the kernel says about a process: the start time that tells a reused pid apart, and resident memory (proc(5))."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessId", "rss_bytes", "start_time"]


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be confused with a later one of the same number; ``started`` is in clock ticks."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """The process that has this number now."""
        started = start_time(pid)
        return None if started is None else cls(pid, started)

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return start_time(self.pid) == self.started

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to this very process; ``False`` when it is gone."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # The descriptor pins the process: checked after opening, the signal cannot reach another one.
            if not self.alive():
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; ``None`` when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in parentheses and may hold anything, so fields are counted from its end.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def rss_bytes(pid: int) -> int:
    """Resident memory in bytes; 0 when the process is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
