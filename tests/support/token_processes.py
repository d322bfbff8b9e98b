"""Processes that hold access tokens on a shared database (``token_worker``), started and asked by a test."""

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from token_worker import TENANT
from vaults import Vault

from gatelodge.vault.owner import Owner

__all__ = ["Worker", "expired_link", "workers"]

_HERE = Path(__file__).parent
_PATHS = os.pathsep.join(str(path) for path in (_HERE, _HERE.parents[1] / "framework" / "tests" / "support"))


class Worker:
    """One process; it answers each line with one line, or with two when it forks."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def say(self, line: str) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def line(self) -> str:
        """The next line of its answer."""
        assert self._process.stdout is not None
        return (await asyncio.wait_for(self._process.stdout.readline(), 120)).decode().strip()

    async def race(self, owner: Owner, callers: int) -> list[str]:
        """What so many callers at once got, each different thing once."""
        await self.say(f"{owner.provider} {owner.user} {callers}")
        found: list[str] = json.loads(await self.line())
        return found


@asynccontextmanager
async def workers(
    vault: Vault, token_urls: Mapping[str, str], count: int = 1, *, fork: bool = False, forgetful: bool = False
) -> AsyncIterator[list[Worker]]:
    """So many processes on the vault's database with the vault's key; forgetful ones are broken on purpose."""
    key = b64encode(vault.keyring.primary.secret).decode()
    config: dict[str, object] = {"database": vault.config.dsn, "key": key, "token_urls": dict(token_urls)}
    config |= {"fork": fork, "forgetful": forgetful}
    environment = os.environ | {"WORKER": json.dumps(config), "PYTHONPATH": _PATHS}
    started = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, str(_HERE / "token_worker.py")),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(count)
    ]
    try:
        yield [Worker(process) for process in started]
    finally:
        for process in started:
            assert process.stdin is not None
            process.stdin.close()
        for process in started:
            await asyncio.wait_for(process.wait(), 60)


async def expired_link(vault: Vault, provider: str, user: str, minted: Mapping[str, str]) -> Owner:
    """A link whose access token has ended, by the clock of the machine."""
    from gatelodge.core.secret import Secret

    owner = Owner(TENANT, user, provider)
    secrets = {name: Secret(minted[name]) for name in ("access_token", "refresh_token")}
    await vault.store.put(owner, secrets, actor="test", expires_at=vault.clock.now())
    return owner
