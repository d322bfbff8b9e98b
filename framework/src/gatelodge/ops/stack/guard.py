"""Runs a command that dies with its parent: ``python -I guard.py PARENT_PID SIGNAL COMMAND...``.

A supervisor killed with SIGKILL cannot clean up, so the kernel does (prctl(2), PR_SET_PDEATHSIG). For parts the signal
is KILL: one that hangs would outlive any other, and every store here survives a power cut. Standard library only: it
is run as a file, before every part. The signal follows the thread that forked, so parts are started from the main one.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def guarded(command: tuple[str, ...], number: signal.Signals = signal.SIGKILL) -> tuple[str, ...]:
    """The command line that runs ``command`` as a child which gets ``number`` when this process ends."""
    return (sys.executable, "-I", __file__, str(os.getpid()), str(int(number)), *command)


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then become the command."""
    parent, number, command = int(arguments[1]), int(arguments[2]), arguments[3:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    # A parent that died before the line above sends no signal any more.
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the command is what this file is for
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv)
