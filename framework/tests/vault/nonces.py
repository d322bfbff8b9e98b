"""A program: seals in several processes, forked before and in the middle; prints how many nonces repeat, as JSON."""

import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from gatelodge.vault.aead import NONCE_BYTES
from gatelodge.vault.envelope import Binding, seal
from gatelodge.vault.key_source import new_key
from gatelodge.vault.owner import Owner

PROCESSES = 4
KEY = new_key()
BINDING = Binding(Owner("tenant", "user", "github"), "connection", "key", "access_token")


def main(seals: int) -> None:
    """Count repeats of the real nonces, and as a control those of a generator whose state a fork copies."""
    copied = random.Random(1)  # noqa: S311 - the control
    found = {
        "seals": seals,
        "repeated": repeats(seals, os.urandom),
        "control": repeats(1000, copied.randbytes),
    }
    sys.stdout.write(json.dumps(found))


def repeats(seals: int, source: Callable[[int], bytes]) -> int:
    """Nonces that were drawn more than once by forked processes, each of which forks again."""
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder) / str(number) for number in range(PROCESSES)]
        for number, part in enumerate(parts):
            share = seals // PROCESSES + (seals % PROCESSES if number == 0 else 0)
            child = os.fork()
            if child == 0:
                write(part, share // 2, source)
                grandchild = os.fork()
                write(part.with_suffix(".b" if grandchild == 0 else ".a"), share // 4 if grandchild == 0 else 0, source)
                if grandchild:
                    os.waitpid(grandchild, 0)
                    write(part.with_suffix(".c"), share - share // 2 - share // 4, source)
                os._exit(0)
            if number % 2:
                os.waitpid(child, 0)
        while True:
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                break
        drawn = b"".join(path.read_bytes() for path in sorted(Path(folder).iterdir()))
    count = len(drawn) // NONCE_BYTES
    if count != seals:
        raise SystemExit(f"{count} of {seals} nonces were written")
    return count - different(drawn)


def different(drawn: bytes) -> int:
    """How many nonces differ; sorted by their first byte, so that ten million of them need no more than 1 GB."""
    parts = [bytearray() for _ in range(256)]
    for at in range(0, len(drawn), NONCE_BYTES):
        parts[drawn[at]] += drawn[at : at + NONCE_BYTES]
    return sum(len({bytes(part[at : at + NONCE_BYTES]) for at in range(0, len(part), NONCE_BYTES)}) for part in parts)


def write(path: Path, count: int, source: Callable[[int], bytes]) -> None:
    """The nonces of ``count`` seals."""
    start = 1 + len(KEY.id)
    with path.open("wb") as file:
        for _ in range(count):
            file.write(seal(KEY, BINDING, b"token", random=source)[start : start + NONCE_BYTES])


if __name__ == "__main__":
    main(int(sys.argv[1]))
