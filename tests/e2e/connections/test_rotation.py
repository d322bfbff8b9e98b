"""Refreshes at real OAuth servers, and answers that are lost after the server has acted (catalogue of faults, V10)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from lossy_proxy import Fault, LossyProxy, lossy
from oauth_servers import OAuthServer
from rotating_providers import registry_of
from token_processes import expired_link
from vaults import Vault

from gatelodge.connections.errors import NeedsReauth, ProviderUnavailable
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.connections.tokens import AccessTokens
from gatelodge.outbound.client import Outbound

FAULTS: tuple[Fault, ...] = ("lost", "cut", "unavailable", "silent")


@asynccontextmanager
async def tokens_behind(
    vault: Vault, name: str, server: OAuthServer, *, seconds: float = 60.0
) -> AsyncIterator[tuple[LossyProxy, AccessTokens]]:
    """AccessTokens whose way to the token endpoint can be disturbed."""
    outbound = Outbound(timeout=seconds)
    async with lossy(server.token_url) as proxy:
        registry = registry_of({name: proxy.url})
        endpoint = TokenEndpoint(outbound, registry.get(name), timeout=seconds)

        async def pause(seconds: float) -> None:
            vault.clock.advance(seconds)
            await asyncio.sleep(0)

        tokens = AccessTokens(vault.store, registry, {name: endpoint}, vault.trail, vault.clock, sleep=pause)
        yield proxy, tokens
        await tokens.aclose()
        await outbound.aclose()


async def test_a_chain_of_refreshes_works_at_both_servers(
    vault: Vault, strict: OAuthServer, lenient: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gatelodge")
    for name, server, check in (("github", strict, "/me"), ("jira", lenient, "/known")):
        minted = server.mint()
        owner = await expired_link(vault, name, "chain", minted)
        async with tokens_behind(vault, name, server) as (proxy, tokens):
            seen = {minted["access_token"]}
            for _ in range(4):
                token = await tokens.access(owner, purpose="chain")
                seen.add(token.value.reveal())
                assert server.get(check, token.value.reveal()).keys() & {"sub", "good"}
                vault.clock.advance(3600)
            assert len(seen) == 5
            assert proxy.posts == 4
        assert not any(token in caplog.text for token in seen)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lost_answer_of_a_strict_server_asks_for_a_new_consent_and_never_loops(
    sqlite_vault: Vault, strict: OAuthServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    minted = strict.mint()
    owner = await expired_link(sqlite_vault, "github", "lost", minted)
    async with tokens_behind(sqlite_vault, "github", strict, seconds=0.5 if fault == "silent" else 60.0) as (
        proxy,
        tokens,
    ):
        proxy.fault = fault
        with pytest.raises(ProviderUnavailable) as lost:
            await tokens.access(owner, purpose="lost")
        # A 503 says that nothing was done; that this one lies is found out by the next request.
        assert lost.value.sent is (fault != "unavailable")
        assert proxy.posts == 1, "not sent again"
        proxy.fault = "none"
        proxy.released.set()
        sqlite_vault.clock.advance(60)
        for _ in range(10):
            with pytest.raises(NeedsReauth) as dead:
                await tokens.access(owner, purpose="lost")
            assert dead.value.reason == ("refused" if fault == "unavailable" else "interrupted")
        assert proxy.posts == 2
    assert not any(minted[name] in caplog.text for name in ("access_token", "refresh_token"))


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lost_answer_of_a_server_with_leeway_costs_nothing(
    sqlite_vault: Vault, lenient: OAuthServer, fault: Fault
) -> None:
    owner = await expired_link(sqlite_vault, "jira", "lost", lenient.mint())
    async with tokens_behind(sqlite_vault, "jira", lenient, seconds=2.0 if fault == "silent" else 60.0) as (
        proxy,
        tokens,
    ):
        proxy.fault = fault
        with pytest.raises(ProviderUnavailable):
            await tokens.access(owner, purpose="lost")
        proxy.fault = "none"
        proxy.released.set()
        sqlite_vault.clock.advance(60)
        token = await tokens.access(owner, purpose="lost")
        assert lenient.get("/known", token.value.reveal()) == {"good": True}
        assert proxy.posts == 2


async def test_a_request_that_never_reached_the_server_costs_nothing_anywhere(
    sqlite_vault: Vault, strict: OAuthServer
) -> None:
    owner = await expired_link(sqlite_vault, "github", "unsent", strict.mint())
    async with tokens_behind(sqlite_vault, "github", strict) as (proxy, tokens):
        proxy.fault = "unsent"
        with pytest.raises(ProviderUnavailable):
            await tokens.access(owner, purpose="unsent")
        proxy.fault = "none"
        sqlite_vault.clock.advance(60)
        token = await tokens.access(owner, purpose="unsent")
        assert "sub" in strict.get("/me", token.value.reveal())


async def test_a_grant_that_the_server_ended_asks_for_a_new_consent(sqlite_vault: Vault, strict: OAuthServer) -> None:
    minted = strict.mint()
    owner = await expired_link(sqlite_vault, "github", "ended", minted)
    async with tokens_behind(sqlite_vault, "github", strict) as (_, tokens):
        await tokens.access(owner, purpose="ended")
        thief = await expired_link(sqlite_vault, "github", "thief", minted)
        with pytest.raises(NeedsReauth):
            await tokens.access(thief, purpose="a second use of the first refresh token")
        sqlite_vault.clock.advance(3600)
        with pytest.raises(NeedsReauth) as dead:
            await tokens.access(owner, purpose="ended")
        assert dead.value.reason == "refused"
