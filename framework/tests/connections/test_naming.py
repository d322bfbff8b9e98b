"""Whose account a link is for, read later where it could not be read at the link."""

from typing import Any

import httpx2
import pytest
from scripted_provider import ScriptedProvider, configured
from starlette.types import Receive, Scope, Send
from vaults import TENANT, Vault, canary

from gatelodge.connections.naming import Naming
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.connections.tokens import AccessTokens
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.vault.owner import Owner

OWNER = Owner(TENANT, "alice", "jira")
SITES = [{"id": "c-1", "url": "https://one.example", "name": "one"}]
ME = {"accountId": "me", "displayName": "Me"}
LIST, MYSELF = "/oauth/token/accessible-resources", "/ex/jira/c-1/rest/api/3/myself"


def knows(provider: ScriptedProvider) -> None:
    provider.will(LIST, (200, SITES))
    provider.will(MYSELF, (200, ME))


def naming(vault: Vault, provider: ScriptedProvider, outbound: Outbound | None = None) -> Naming:
    registry, outbound = configured("jira"), outbound or provider.outbound()
    endpoints = {"jira": TokenEndpoint(outbound, registry.get("jira"))}
    tokens = AccessTokens(vault.store, registry, endpoints, vault.trail, vault.clock, jitter=lambda: 0.0)
    return Naming(vault.store, tokens, registry, outbound, vault.clock)


async def linked(vault: Vault, named: str = "a") -> Any:
    return await vault.store.put(
        OWNER,
        {"access_token": Secret(f"token-{named}"), "refresh_token": Secret("token-r")},
        actor="user:1",
        scopes=frozenset({"read"}),
        expires_at=vault.clock.now() + 3600,
        absolute_expires_at=vault.clock.now() + 86_400,
    )


async def test_the_name_and_the_site_come_later_and_nothing_else_changes(either_vault: Vault) -> None:
    provider, before = ScriptedProvider(), await linked(either_vault)
    knows(provider)
    assert await naming(either_vault, provider).sweep() == 1
    opened = await either_vault.store.open(OWNER, actor="test", purpose="test")
    assert opened is not None
    after = opened.record
    assert (after.account_id, after.account_name, after.extra["cloud_id"]) == ("me", "Me", "c-1")
    kept = ("id", "status", "scopes", "expires_at", "absolute_expires_at", "created_at", "refreshed_at")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert after.refresh_started_at is None
    assert opened.secrets["access_token"] == Secret("token-a")
    assert opened.secrets["refresh_token"] == Secret("token-r")
    # Named now, it is not asked about again.
    asked = len(provider.asked)
    assert await naming(either_vault, provider).sweep() == 0
    assert len(provider.asked) == asked


@pytest.mark.parametrize("answer", [(503, {}), (401, {}), (429, {}), (200, b"not json")])
async def test_a_provider_that_fails_again_is_left_alone_for_a_minute(vault: Vault, answer: tuple[int, object]) -> None:
    provider, record = ScriptedProvider(), await linked(vault)
    provider.will(LIST, answer)
    names = naming(vault, provider)
    for _ in range(3):
        assert await names.complete([record]) is False
    assert [asked.url.endswith(LIST) for asked in provider.asked] == [True]
    knows(provider)
    vault.clock.advance(60)
    assert await names.complete([record]) is True


async def test_the_account_of_other_tokens_is_never_written_to_these(vault: Vault) -> None:
    provider, record = ScriptedProvider(), await linked(vault)
    knows(provider)

    async def relinked(scope: Scope, receive: Receive, send: Send) -> None:
        # While the provider is asked, the person links another account.
        if scope["path"] == MYSELF:
            await linked(vault, "b")
        await provider(scope, receive, send)

    outbound = Outbound(transport=httpx2.ASGITransport(relinked))
    assert await naming(vault, provider, outbound).complete([record]) is False
    found = await vault.store.look(OWNER)
    assert found is not None
    assert found.account_id is None


async def test_a_link_that_is_dead_gone_or_of_no_configured_provider_is_not_asked_about(vault: Vault) -> None:
    provider, record = ScriptedProvider(), await linked(vault)
    knows(provider)
    names = naming(vault, provider)
    other = await vault.store.put(Owner(TENANT, "alice", "github"), {"access_token": canary("a")}, actor="user:1")
    assert await names.complete([other]) is False
    await vault.store.delete(OWNER, actor="user:1")
    assert await names.complete([record]) is False
    assert provider.asked == []
