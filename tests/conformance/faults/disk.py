"""A disk that loses power: file operations recorded by strace, and what may be on the disk after a cut between them.

The model: a file's content is safe up to its last fsync or fdatasync, a new file's name when its folder was synced. Of
what came later any part may be there: all, nothing, or some writes, the last of them torn at a sector of 512 bytes.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

__all__ = ["Disk", "Operation", "read_trace", "traced"]

_SECTOR = 512
_CALL = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)")
_FILE = re.compile(r"^\d+<([^>]*)>(?:, (.*))?$")
_CALLS = "pwrite64,write,fdatasync,fsync,ftruncate,unlink"


@dataclass(frozen=True)
class Operation:
    """One call that ended well: ``write``, ``truncate``, ``sync``, ``unlink``."""

    kind: str
    path: str
    offset: int = 0
    data: bytes = b""


@dataclass
class _File:
    safe: bytes = b""
    named: bool = False
    later: list[Operation] = field(default_factory=list)


class Disk:
    """The state while a recording is replayed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}

    def apply(self, done: Operation) -> None:
        """Take the next operation of a recording."""
        if done.kind == "sync" and done.path == self._folder:
            for file in self._files.values():
                file.named = True
        elif done.kind == "sync":
            file = self._files.setdefault(done.path, _File())
            for one in file.later:
                file.safe = _done(file.safe, one)
            file.later.clear()
        elif done.kind == "unlink":
            self._files.pop(done.path, None)
        else:
            self._files.setdefault(done.path, _File()).later.append(done)

    def image(self, chance: Random, *, share: float) -> dict[str, bytes]:
        """Files by name after a cut now, with about ``share`` of what is not safe yet."""
        found = {}
        for path, file in self._files.items():
            if not file.named and chance.random() > share:
                continue
            content = file.safe
            for one in [one for one in file.later if chance.random() < share]:
                content = _done(content, _torn(one, chance) if chance.random() < 0.2 and share < 1 else one)
            found[Path(path).name] = content
        return found


def traced(command: list[str], trace: Path, paths: list[Path], *options: str, timeout: float = 300) -> None:
    """Run a program of ours under strace, which notes (or disturbs, by ``options``) its calls on ``paths``."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    watched = [word for path in paths for word in ("-P", str(path))]
    base = [strace, "-f", "-y", "-xx", "-s", "1000000", "-o", str(trace), "-e", f"trace={_CALLS}", *watched]
    done = subprocess.run(
        [*base, *options, sys.executable, *command], capture_output=True, text=True, timeout=timeout, check=False
    )
    if "ptrace" in done.stderr and "Operation not permitted" in done.stderr:
        pytest.skip("this machine does not allow ptrace")
    assert done.returncode == 0, done.stderr[-3000:]


def read_trace(trace: Path) -> Iterator[Operation]:
    """The operations of a recording that ended well, in the order of their ends."""
    begun: dict[str, str] = {}
    for line in trace.read_text().splitlines():
        thread, _, text = line.partition(" ")
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            begun[thread] = text.removesuffix("<unfinished ...>").rstrip()
            continue
        if text.startswith("<..."):
            text = begun.pop(thread) + text.partition("resumed>")[2]
        call = _CALL.match(text)
        if call is not None and int(call[3]) >= 0:
            yield from _operation(call[1], call[2])


def _operation(name: str, arguments: str) -> Iterator[Operation]:
    if name == "unlink":
        yield Operation("unlink", _text(arguments.strip('"')))
        return
    file = _FILE.match(arguments)
    if file is None:
        return
    path, rest = _text(file[1]), file[2] or ""
    if name in ("fsync", "fdatasync"):
        yield Operation("sync", path)
    elif name == "ftruncate":
        yield Operation("truncate", path, int(rest))
    else:
        data = bytes.fromhex(rest.split('"')[1].replace("\\x", ""))
        offset = int(rest.rpartition(",")[2]) if name == "pwrite64" else -1
        yield Operation("write", path, offset, data)


def _done(content: bytes, one: Operation) -> bytes:
    if one.kind == "truncate":
        return content[: one.offset].ljust(one.offset, b"\0")
    padded = content.ljust(one.offset, b"\0")
    return padded[: one.offset] + one.data + padded[one.offset + len(one.data) :]


def _torn(one: Operation, chance: Random) -> Operation:
    if one.kind != "write":
        return one
    sectors = chance.randrange(len(one.data) // _SECTOR + 1)
    return Operation("write", one.path, one.offset, one.data[: sectors * _SECTOR])


def _text(hexed: str) -> str:
    return bytes.fromhex(hexed.replace("\\x", "")).decode()
