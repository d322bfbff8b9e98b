"""Packs and unpacks volumes for ``backup.sh`` and ``restore.sh``: ``volumes.py pack|unpack``, a tar on a standard stream.

Every folder of ``/volumes`` is one volume; owners and modes are kept. An SQLite file is copied by SQLite itself, so that a
server may write to it meanwhile. Not here: the database of Keycloak (``pg_dump``).
"""

import contextlib
import io
import os
import sqlite3
import sys
import tarfile
from pathlib import Path

ROOT = Path("/volumes")
_SQLITE = b"SQLite format 3\x00"
# What belongs to an open SQLite file is in its copy.
_BESIDE = ("-journal", "-wal", "-shm")


def is_database(path: Path) -> bool:
    """Whether a file is one of SQLite."""
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def pack(root: Path, out: tarfile.TarFile) -> None:
    """Add everything below ``root``. Raises: OSError, sqlite3.Error."""
    databases = {path for path in root.rglob("*") if is_database(path)}
    beside = {Path(f"{path}{ending}") for path in databases for ending in _BESIDE}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path in beside:
            continue
        if path not in databases:
            with contextlib.suppress(FileNotFoundError):  # a temporary file that was just renamed
                out.add(path, name, recursive=False)
            continue
        entry, content = out.gettarinfo(str(path), name), copied(path)
        entry.size = len(content)
        out.addfile(entry, io.BytesIO(content))


def copied(path: Path) -> bytes:
    """A database as it is at one moment, whoever writes to it."""
    # As its owner: the files that SQLite makes beside it while it reads must stay usable for the server.
    os.seteuid(path.stat().st_uid)
    try:
        source, copy = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=30), sqlite3.connect(":memory:")
        with contextlib.closing(source), contextlib.closing(copy):
            source.backup(copy)
            return copy.serialize()
    finally:
        os.seteuid(0)


def main() -> int:
    """Exit code 0, or 2 for another verb."""
    match sys.argv[1:]:
        case ["pack"]:
            with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as out:
                pack(ROOT, out)
        case ["unpack"]:
            with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as packed:
                packed.extractall(ROOT, numeric_owner=True, filter="tar")
        case _:
            sys.stderr.write("usage: volumes.py pack|unpack\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
