"""File locks: one supervisor per state folder, one preparer per cache. The kernel frees them with their holder."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gatelodge.ops.stack.failures import guarded_disk

__all__ = ["try_lock", "waiting_lock"]


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold the lock for the body; yields ``False`` at once when another process has it. Raises: DiskRefused."""
    descriptor = _open(path)
    try:
        yield _taken(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def waiting_lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock for the body, waiting for another holder after telling so. Raises: DiskRefused."""
    descriptor = _open(path)
    try:
        if not _taken(descriptor):
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: Path) -> int:
    with guarded_disk(path.parent, f"the lock file {path.name}"):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
