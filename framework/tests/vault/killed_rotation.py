"""A program: rotations of one vault, each child killed at its n-th statement; prints what was seen as JSON."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from vaults import TENANT, Vault, open_vault

from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Transaction
from gatelodge.vault.errors import CredentialUnreadable
from gatelodge.vault.key_source import new_key
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.owner import Owner

ROWS = 8
KEYS = [new_key(), new_key()]


def main(url: str, kills: int) -> None:
    """Kill ``kills`` rotations; every connection is read after each."""
    config = DatabaseConfig(url)
    apart(lambda: fill(config))
    killed = finished = unreadable = turn = at = 0
    statements: set[int] = set()
    while killed < kills:
        at += 1
        code = apart(lambda turn=turn, at=at: rotate(config, turn, at))  # type: ignore[misc]
        if code == -signal.SIGKILL:
            killed += 1
            statements.add(at)
        elif code == 0:
            # The keys change places, and statements are counted from the first again.
            finished, turn, at = finished + 1, turn + 1, 0
        else:
            raise SystemExit(f"a rotation ended with {code}")
        unreadable += apart(lambda: count_unreadable(config))
    while apart(lambda: rotate(config, turn, 0)):
        raise SystemExit("the last rotation did not finish")
    found = {"killed": killed, "finished": finished + 1, "unreadable": unreadable, "statements": len(statements)}
    # That the count can fail: with another key none of them opens.
    found["control"] = apart(lambda: count_unreadable(config, Keyring([new_key()])))
    sys.stdout.write(json.dumps(found))


def apart(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run in a child; its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001 - the child's outermost edge
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(100)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def opened(config: DatabaseConfig, turn: int, keyring: Keyring | None = None) -> Vault:
    """The vault with both keys; which is primary changes with the turn."""
    return await open_vault(config, keyring or Keyring(KEYS if turn % 2 == 0 else KEYS[::-1]))


async def fill(config: DatabaseConfig) -> int:
    """The connections, under the key that the first turn does not have as primary."""
    vault = await opened(config, 1)
    for number in range(ROWS):
        await vault.store.put(
            Owner(TENANT, str(number), "github"), {"access_token": Secret(f"token {number}")}, actor="user:a"
        )
    await vault.aclose()
    return 0


async def rotate(config: DatabaseConfig, turn: int, at: int) -> int:
    """A rotation, every third one with new data keys, killed before its ``at``-th statement or commit."""
    vault = await opened(config, turn)
    vault.clock.advance(1 + turn)
    seen = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        async def counting(*given: Any, **more: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return await call(*given, **more)

        return counting

    for name in ("_run", "commit"):
        setattr(Transaction, name, counted(getattr(Transaction, name)))
    await vault.store.rotation.run(actor="operator:o", batch=3, renew=turn % 3 == 2)
    await vault.aclose()
    return 0


async def count_unreadable(config: DatabaseConfig, keyring: Keyring | None = None) -> int:
    """Connections that are gone, do not open, or open to something else."""
    vault, wrong = await opened(config, 0, keyring), 0
    for number in range(ROWS):
        try:
            found = await vault.store.open(Owner(TENANT, str(number), "github"), actor="user:a", purpose="a call")
        except CredentialUnreadable:
            found = None
        wrong += found is None or found.secrets["access_token"].reveal() != f"token {number}"
    await vault.aclose()
    return wrong


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
