"""A program: a child opens a vault and serves a token; its parent, the same user, looks into its memory, then it aborts.

``looking_in.py FOLDER protected|open``; prints what was seen as JSON. As root both become another user.
"""

import asyncio
import ctypes
import json
import os
import re
import resource
import sys
from pathlib import Path

from vaults import ALICE, canary, new_keyring, open_vault

from gatelodge.storage.config import DatabaseConfig
from gatelodge.vault.process_memory import keep_memory_private

NOBODY = 65_534
_PR_SET_DUMPABLE = 4


def main(folder: Path, *, protected: bool) -> None:
    """Fork, look, wait."""
    # As an operator's shell may have it.
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    os.chdir(folder)
    told, tell = os.pipe()
    seen, look = os.pipe()
    child = os.fork()
    if child == 0:
        asyncio.run(serve(folder, tell, seen, protected=protected))
        os._exit(100)
    os.close(tell)
    become_somebody(folder)
    wanted = os.read(told, 200)
    assert wanted, "the child ended"
    found = {"found": occurrences(child, wanted)}
    os.write(look, b"x")
    status = os.waitpid(child, 0)[1]
    cores = [path.name for path in folder.iterdir() if path.name.startswith("core")]
    sys.stdout.write(
        json.dumps({**found, "signal": os.WTERMSIG(status), "dumped": os.WCOREDUMP(status), "cores": cores})
    )


def become_somebody(folder: Path) -> None:
    """The user of parent and child: not root, who sees everything, and as open as processes are by default."""
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    # A change of the user takes core dumps away by itself.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


async def serve(folder: Path, tell: int, seen: int, *, protected: bool) -> None:
    """As a server does: the key, the database, one token; then the end by SIGABRT."""
    vault = await open_vault(DatabaseConfig(f"sqlite:///{folder / 'vault' / 'test.db'}"), new_keyring())
    await vault.store.put(ALICE, {"access_token": canary("core")}, actor="user:a")
    opened = await vault.store.open(ALICE, actor="user:a", purpose="a call")
    assert opened is not None
    become_somebody(folder)
    if protected:
        keep_memory_private()
    os.write(tell, opened.secrets["access_token"].reveal().encode())
    os.read(seen, 1)
    os.abort()


def occurrences(process: int, wanted: bytes) -> int | None:
    """How often the bytes are in a process's writable memory; None when it cannot be read."""
    count = 0
    try:
        maps = Path(f"/proc/{process}/maps").read_text()
        with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
            for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.MULTILINE):
                memory.seek(int(start, 16))
                try:
                    count += memory.read(int(end, 16) - int(start, 16)).count(wanted)
                except OSError:
                    continue
    except PermissionError:
        return None
    return count


if __name__ == "__main__":
    main(Path(sys.argv[1]), protected=sys.argv[2] == "protected")
