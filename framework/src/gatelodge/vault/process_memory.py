"""Keys and tokens in a process's memory: no core dump, and no look into it by another process of the same user.

Invariant: what the kernel does not offer is left out, and said once. Not covered: root, the swap, a debugger that was
attached before.
"""

import ctypes
import logging
import resource
import sys

__all__ = ["keep_memory_private"]

_log = logging.getLogger(__name__)
_PR_SET_DUMPABLE = 4


def keep_memory_private() -> bool:
    """Ask the kernel for both, for as long as this process lives; whether it agreed to both."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A core_pattern that is a pipe (systemd-coredump, apport) is written whatever the limit is, but for such a process.
    # Also closes /proc/PID/mem and ptrace to its own user (prctl(2), PR_SET_DUMPABLE).
    private = sys.platform == "linux" and bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
    if not private:
        _log.warning("this system does not keep other processes of the same user out of this process's memory")
    return private
