"""What can go wrong when the stack starts, each with one line a person can act on."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["DiskRefused", "DownloadFailed", "PartFailed", "PortBusy", "guarded_disk"]


class DownloadFailed(GatelodgeError):
    """A part could not be fetched, or what came is not the pinned one."""

    code = Code.STACK_DOWNLOAD


class DiskRefused(GatelodgeError):
    """A folder cannot be written, or the disk is full."""

    code = Code.STACK_DISK


class PortBusy(GatelodgeError):
    """A port cannot be used; the detail names the port and the option that changes it."""

    code = Code.STACK_PORT_BUSY


class PartFailed(GatelodgeError):
    """A part did not start or did not stay up; the detail names its log file."""

    code = Code.STACK_PART_FAILED


@contextmanager
def guarded_disk(folder: Path, doing: str) -> Iterator[None]:
    """Turn an ``OSError`` of the body into one clear line. Raises: DiskRefused."""
    try:
        yield
    except OSError as error:
        raise DiskRefused(f"{doing}: {_reason(error, folder)}") from error


def _reason(error: OSError, folder: Path) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"no space left on the disk of {folder}"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{error.filename or folder} is not writable for this user"
        case _:
            return f"{error.filename or folder}: {error.strerror or error}"
