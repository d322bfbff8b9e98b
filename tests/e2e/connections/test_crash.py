"""kill -9 in the middle of a refresh: nothing is lost that the provider still honours, and nothing loops.

``FAULT_ROUNDS=200 pytest tests/e2e/connections/test_crash.py`` is the long run: so many kills for each kind of rotation.
"""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from typing import Literal

import pytest
from lossy_proxy import LossyProxy, lossy
from oauth_servers import OAuthServer
from results import record
from rotating_providers import registry_of
from token_processes import Worker, expired_link, workers
from vaults import Vault

from gatelodge.connections.errors import NeedsReauth
from gatelodge.connections.refresh import LEASE_SECONDS
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.connections.tokens import AccessTokens
from gatelodge.core.clock import SystemClock
from gatelodge.outbound.client import Outbound
from gatelodge.vault.owner import Owner
from gatelodge.vault.sql_store import SqlTokenStore

KILLS = int(os.environ.get("FAULT_ROUNDS", "3"))
MOMENTS = ("acted", "answered", "any")


class Later(SystemClock):
    """The machine's clock after the lease of a process that was killed has ended."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return super().now() + LEASE_SECONDS + 1


async def killed(worker: Worker, proxy: LossyProxy, owner: Owner, moment: str, chance: random.Random) -> int:
    """Have a process refresh and kill it; how many requests reached the server."""
    proxy.posts, proxy.fault = 0, "silent" if moment == "acted" else "none"
    proxy.acted.clear()
    proxy.released.clear()
    await worker.say(f"{owner.provider} {owner.user}")
    pid = int(await worker.line())
    if moment == "any":
        await asyncio.sleep(chance.uniform(0, 0.12))
    else:
        await asyncio.wait_for(proxy.acted.wait(), 60)
    if moment == "answered":
        await asyncio.sleep(chance.uniform(0, 0.02))
    os.kill(pid, signal.SIGKILL)
    proxy.released.set()
    await worker.say("killed")
    while (await worker.line()) != "gone":
        """What a child printed before its end."""
    posts, proxy.fault = proxy.posts, "none"
    return posts


@pytest.mark.parametrize("name", ["jira", "github"])
async def test_a_killed_refresh_loses_nothing_that_the_provider_honours(
    name: Literal["jira", "github"], vault: Vault, strict: OAuthServer, lenient: OAuthServer
) -> None:
    outcomes, wrong = await killed_refreshes(vault, name, lenient if name == "jira" else strict, KILLS)
    record(
        19,
        f"refresh, {vault.db.dialect}, {'leeway' if name == 'jira' else 'strict rotation'}",
        tried=KILLS,
        passed=KILLS - len(wrong),
        figure=f"{len(wrong)} of {KILLS} lost or unreadable",
        command=f"FAULT_ROUNDS={KILLS} .venv/bin/pytest tests/e2e/connections/test_crash.py",
        negative_control="a store that drops the old refresh token before the new one is kept: each of its kills is a loss",
        outcomes=outcomes,
    )
    assert wrong == []
    assert outcomes.get("a good token"), outcomes


async def test_a_store_that_forgets_too_early_loses_tokens_and_is_noticed(
    sqlite_vault: Vault, lenient: OAuthServer
) -> None:
    outcomes, wrong = await killed_refreshes(sqlite_vault, "jira", lenient, 2, moments=("acted",), forgetful=True)
    assert len(wrong) == 2, outcomes
    assert set(outcomes) == {"linked again: expired"}


async def killed_refreshes(
    vault: Vault,
    name: Literal["jira", "github"],
    server: OAuthServer,
    kills: int,
    *,
    moments: Sequence[str] = MOMENTS,
    forgetful: bool = False,
) -> tuple[dict[str, int], list[str]]:
    """What became of each link whose refresh was killed, and those that lost what the server still honours."""
    chance = random.Random(20261121)  # noqa: S311 - moments of a kill
    outcomes, wrong = dict[str, int](), list[str]()
    outbound, clock = Outbound(), Later()
    async with (
        lossy(server.token_url) as proxy,
        workers(vault, {name: proxy.url}, fork=True, forgetful=forgetful) as (worker,),
    ):
        registry = registry_of({name: proxy.url})
        store = SqlTokenStore(vault.db, vault.keyring, vault.trail, clock, lease_clock=clock)
        endpoints: dict[str, TokenEndpoint] = {name: TokenEndpoint(outbound, registry.get(name))}
        for number in range(kills):
            owner = await expired_link(vault, name, f"killed-{number}", server.mint())
            acted = await killed(worker, proxy, owner, moments[number % len(moments)], chance)
            tokens = AccessTokens(store, registry, endpoints, vault.trail, clock)
            try:
                token = (await tokens.access(owner, purpose="after the kill")).value.reveal()
                good = server.get("/known", token).get("good") or "sub" in server.get("/me", token)
                outcome = "a good token" if good else "a dead token"
            except NeedsReauth as error:
                outcome = f"linked again: {error.reason}"
                # A second look must not ask the server again.
                with pytest.raises(NeedsReauth):
                    await tokens.access(owner, purpose="once more")
            allowed = {"a good token"} | ({"linked again: interrupted"} if name == "github" and acted else set())
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            if outcome not in allowed or proxy.posts - acted > 1:
                wrong.append(f"{number}: {outcome}, {acted} requests before the kill, {proxy.posts} in all")
    await outbound.aclose()
    return outcomes, wrong
