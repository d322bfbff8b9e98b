"""One refresh upstream, however many callers in however many processes ask for the token at once.

``FAULT_ROUNDS=200 pytest tests/e2e/connections/test_race.py`` is the long run.
"""

import asyncio
import os
from typing import Any

import pytest
from oauth_servers import OAuthServer
from results import record
from rotating_providers import registry_of
from token_processes import expired_link, workers
from vaults import Vault

from gatelodge.audit.unkept import NoTrail
from gatelodge.connections.errors import ProviderUnavailable
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.connections.tokens import AccessTokens
from gatelodge.outbound.client import Outbound
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import RefreshLease
from gatelodge.vault.sql_store import SqlTokenStore

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "5"))
CALLERS = 100


def asked(server: OAuthServer) -> int:
    """Token requests that the server answered so far."""
    counts = server.get("/counts")
    return int(counts["success"] + counts["error"])


async def test_100_callers_in_each_of_2_processes_make_one_refresh(vault: Vault, strict: OAuthServer) -> None:
    once, wrong = 0, list[Any]()
    async with workers(vault, {"github": strict.token_url}, 2) as both:
        for number in range(ROUNDS):
            owner = await expired_link(vault, "github", f"racer-{number}", strict.mint())
            before = asked(strict)
            first, second = await asyncio.gather(*(worker.race(owner, CALLERS) for worker in both))
            made = asked(strict) - before
            if made == 1 and first == second and len(first) == 1 and "sub" in strict.get("/me", first[0]):
                once += 1
            else:
                wrong.append((number, made, first, second))
    record(
        18,
        f"{vault.db.dialect}, 2 processes of {CALLERS} callers",
        tried=ROUNDS,
        passed=once,
        figure=f"exactly 1 refresh in {once} of {ROUNDS} rounds",
        command="FAULT_ROUNDS=200 .venv/bin/pytest tests/e2e/connections/test_race.py",
        negative_control="without the lease two processes refreshed twice, and oidc-provider ended the grant",
    )
    assert once == ROUNDS, wrong


class WithoutLease(SqlTokenStore):
    """A store that gives the lease to the first two that ask, when both have asked."""

    gate: asyncio.Barrier
    left = 2

    async def begin_refresh(
        self, owner: Owner, version: int, *, holder: str, lease_seconds: float
    ) -> RefreshLease | None:
        if self.left == 0:
            return None
        self.left -= 1
        await self.gate.wait()
        return RefreshLease(owner, "", version, 0, holder, lease_seconds)


async def test_without_the_lease_two_processes_refresh_twice_and_the_grant_is_dead(
    sqlite_vault: Vault, strict: OAuthServer
) -> None:
    vault = sqlite_vault
    owner = await expired_link(vault, "github", "control", strict.mint())
    store = WithoutLease(vault.db, vault.keyring, NoTrail(), vault.clock)
    store.gate = asyncio.Barrier(2)
    outbound, registry = Outbound(), registry_of({"github": strict.token_url})
    endpoints = {"github": TokenEndpoint(outbound, registry.get("github"))}
    before, revoked = asked(strict), strict.get("/counts")["revoked"]

    async def pause(seconds: float) -> None:
        vault.clock.advance(seconds)

    async def one() -> str:
        tokens = AccessTokens(store, registry, endpoints, NoTrail(), vault.clock, sleep=pause)
        with pytest.raises(ProviderUnavailable) as failed:
            await tokens.access(owner, purpose="control")
        return type(failed.value).__name__

    # Neither of them holds the row, so that neither can keep its tokens or call the link dead.
    assert set(await asyncio.gather(one(), one())) == {"ProviderUnavailable"}
    await outbound.aclose()
    assert asked(strict) - before == 2
    assert strict.get("/counts")["revoked"] == revoked + 1
