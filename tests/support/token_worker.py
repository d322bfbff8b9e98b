"""A process of its own with AccessTokens on a shared database, driven by lines on standard input.

``race PROVIDER USER N``: so many callers at once; prints the access tokens they got, or what they were refused with.
``crash PROVIDER USER``: a child does it once, and its process id is printed for the test to end it. The child is forked,
so that two hundred of them do not load Python two hundred times.
"""

import asyncio
import json
import os
import sys
from typing import Any

from rotating_providers import registry_of

from gatelodge.audit.unkept import NoTrail
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.connections.tokens import AccessTokens
from gatelodge.core.clock import SystemClock
from gatelodge.core.errors import GatelodgeError
from gatelodge.outbound.client import Outbound
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import open_database
from gatelodge.vault.keyring import read_keys
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import RefreshLease
from gatelodge.vault.sql_store import SqlTokenStore

TENANT = "https://as.example/realms/mcp"


def say(line: str) -> None:
    """A line to the test in one write: a child that is killed between two would leave half of one."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


class Forgetful(SqlTokenStore):
    """Broken on purpose: the old refresh token is gone before the new one is here."""

    async def begin_refresh(
        self, owner: Owner, version: int, *, holder: str, lease_seconds: float
    ) -> RefreshLease | None:
        """The lease, on a row that has lost what a crash would need."""
        opened = await self.open(owner, actor="test", purpose="broken on purpose")
        if opened is None or opened.record.version != version:
            return None
        access = {"access_token": opened.secrets["access_token"]}
        record = await self.put(owner, access, actor="test", expires_at=opened.record.expires_at)
        return await super().begin_refresh(owner, record.version, holder=holder, lease_seconds=lease_seconds)


async def serve(config: dict[str, Any], lines: list[str] | None) -> None:
    """Answer the given lines, or those of standard input until it ends."""
    database = await open_database(DatabaseConfig(config["database"]))
    outbound = Outbound()
    registry = registry_of(config["token_urls"])
    endpoints = {name: TokenEndpoint(outbound, registry.get(name)) for name in registry.names()}
    kind = Forgetful if config["forgetful"] else SqlTokenStore
    store = kind(database, read_keys(config["key"], "the test's key"), NoTrail(), SystemClock())
    tokens = AccessTokens(store, registry, endpoints, NoTrail(), SystemClock())
    try:
        while lines is None or lines:
            line = lines.pop(0) if lines else await asyncio.to_thread(sys.stdin.readline)
            if not line:
                return
            provider, user, callers = line.split()
            owner = Owner(TENANT, user, provider)
            found = await asyncio.gather(*(_access(tokens, owner) for _ in range(int(callers))))
            say(json.dumps(sorted(set(found))))
    finally:
        await tokens.aclose()
        await outbound.aclose()
        await database.aclose()


async def _access(tokens: AccessTokens, owner: Owner) -> str:
    try:
        return (await tokens.access(owner, purpose="race")).value.reveal()
    except GatelodgeError as error:
        return f"refused: {error.code.value}"


def fork_for_each(config: dict[str, Any]) -> None:
    """A child for each line; it keeps its number, though it may have ended, until the next line comes."""
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            # Nothing of the parent is ended by the child.
            asyncio.run(serve(config, [f"{line.strip()} 1"]))
            os._exit(0)
        say(str(child))
        sys.stdin.readline()
        os.waitpid(child, 0)
        say("gone")


if __name__ == "__main__":
    given = json.loads(os.environ["WORKER"])
    if given["fork"]:
        fork_for_each(given)
    else:
        asyncio.run(serve(given, None))
