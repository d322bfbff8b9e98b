"""Access tokens on demand: when they are renewed, by how many, and what every failure leaves behind."""

import asyncio
import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from scripted_provider import ScriptedProvider, configured
from vaults import TENANT, Vault

from gatelodge.audit.actor import of_user
from gatelodge.audit.trail import Trail
from gatelodge.connections.errors import (
    ConnectionMissing,
    NeedsReauth,
    ProviderLimited,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from gatelodge.connections.reading import REASONS
from gatelodge.connections.refresh import LEASE_SECONDS
from gatelodge.connections.sweep import Swept
from gatelodge.connections.timing import due, lasts
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.connections.tokens import AccessToken, AccessTokens
from gatelodge.core.secret import Secret
from gatelodge.storage.errors import Conflict, StorageFault, StorageUnavailable
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Opened, Record, RefreshLease, Status
from gatelodge.vault.sql_store import SqlTokenStore

PATHS = {
    "github": "/login/oauth/access_token",
    "jira": "/oauth/token",
    "slack": "/api/oauth.v2.access",
    "notion": "/v1/oauth/token",
}
PAIR = {"access_token": Secret("canary-a0"), "refresh_token": Secret("canary-r0")}
LIFE = 3600.0


def fresh(number: int = 1, **changed: Any) -> tuple[int, dict[str, Any]]:
    """What a provider gives in a refresh."""
    pair = {"access_token": f"canary-a{number}", "refresh_token": f"canary-r{number}", "expires_in": LIFE}
    return 200, {name: value for name, value in (pair | changed).items() if value is not None}


@dataclass
class Desk:
    """AccessTokens of one provider, and everything around them."""

    vault: Vault
    provider: ScriptedProvider
    tokens: AccessTokens
    owner: Owner

    async def link(self, secrets: Mapping[str, Secret] = PAIR, *, life: float | None = LIFE, **more: Any) -> Record:
        ends = None if life is None else self.vault.clock.now() + life
        return await self.vault.store.put(self.owner, secrets, actor="user:1", expires_at=ends, **more)

    def will(self, *answers: tuple[int, object]) -> None:
        self.provider.will(PATHS[self.owner.provider], *answers)

    async def access(self, **more: str) -> AccessToken:
        return await self.tokens.access(self.owner, purpose="test", **more)

    async def stored(self) -> Opened:
        opened = await self.vault.store.open(self.owner, actor="test", purpose="test")
        assert opened is not None
        return opened

    async def secrets(self) -> dict[str, str]:
        return {name: secret.reveal() for name, secret in (await self.stored()).secrets.items()}

    @property
    def sent(self) -> list[str]:
        """Refresh tokens that reached the provider, in order."""
        return [asked.fields["refresh_token"] for asked in self.provider.asked]

    def again(self) -> "Desk":
        """The same after a restart: the lease of the process before has ended."""
        self.vault.clock.advance(LEASE_SECONDS + 1)
        return desk(self.vault, self.owner.provider, self.provider)


def desk(
    vault: Vault, name: str, provider: ScriptedProvider | None = None, store: Any = None, *, waits: bool = False
) -> Desk:
    """With ``waits`` a wait takes its time; else the clock is put forward."""
    provider = provider or ScriptedProvider()
    registry = configured("github", "jira", "slack", "notion", "coda")
    outbound = provider.outbound()
    endpoints = {known: TokenEndpoint(outbound, registry.get(known)) for known in PATHS}

    async def pause(seconds: float) -> None:
        if waits:
            await asyncio.sleep(seconds)
            return
        vault.clock.advance(seconds)
        await asyncio.sleep(0)

    tokens = AccessTokens(
        store or vault.store, registry, endpoints, vault.trail, vault.clock, jitter=lambda: 0.0, sleep=pause
    )
    return Desk(vault, provider, tokens, Owner(TENANT, "alice", name))


def record(**times: float | None) -> Record:
    return Record("id", Owner(TENANT, "a", "github"), Status.ACTIVE, **times)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("life", "jitter", "before"),
    [(3600, 0.0, 180), (3600, 1.0, 270), (600, 0.0, 60), (28_800, 0.0, 1440), (60, 0.0, 30), (20, 1.0, 10)],
)
def test_a_token_is_due_at_its_end_minus_a_margin(life: float, jitter: float, before: float) -> None:
    held = record(expires_at=1000 + life, created_at=1000.0)
    assert not due(held, 1000 + life - before - 0.01, jitter)
    assert due(held, 1000 + life - before, jitter)


def test_a_token_without_an_end_is_never_due_and_one_that_is_over_always() -> None:
    assert not due(record(expires_at=None), 1e12, 1.0)
    assert due(record(expires_at=1000.0, created_at=2000.0), 2000.0, 0.0)
    assert lasts(record(expires_at=None), 1e12)
    assert not lasts(record(expires_at=1000.0), 999.0)


async def test_a_good_token_is_given_without_a_request(vault: Vault) -> None:
    one = desk(vault, "jira")
    await one.link(account_id="me", extra={"cloud_id": "c"}, scopes=frozenset({"read"}))
    token = await one.access()
    assert (token.value, token.account_id, token.extra) == (PAIR["access_token"], "me", {"cloud_id": "c"})
    assert token.scopes == {"read"}
    assert one.provider.asked == []
    assert "canary" not in repr(token)
    assert not hasattr(token, "refresh_token")


async def test_a_token_near_its_end_is_renewed_once_for_all_callers(either_vault: Vault) -> None:
    one = desk(either_vault, "github")
    await one.link()
    one.will(fresh(scope="read:user"))
    either_vault.clock.advance(LIFE - 100)
    found = await asyncio.gather(*(one.access() for _ in range(100)))
    assert {token.value for token in found} == {Secret("canary-a1")}
    assert one.sent == ["canary-r0"]
    assert await one.secrets() == {"access_token": "canary-a1", "refresh_token": "canary-r1"}
    stored = (await one.stored()).record
    assert stored.expires_at == either_vault.clock.now() + LIFE
    assert stored.scopes == {"read:user"}
    assert [event.event.outcome for event in await either_vault.events("connection.refresh")] == ["ok"]


async def test_two_processes_refresh_once(either_vault: Vault) -> None:
    one = desk(either_vault, "github", waits=True)
    await one.link()
    one.will(fresh())
    two = desk(either_vault, "github", one.provider, waits=True)
    either_vault.clock.advance(LIFE)
    found = await asyncio.gather(*(side.access() for side in (one, two) for _ in range(20)))
    assert {token.value for token in found} == {Secret("canary-a1")}
    assert one.sent == ["canary-r0"]


async def test_the_refresh_token_stays_when_the_answer_has_none(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    one.will(fresh(refresh_token=None), fresh(2))
    vault.clock.advance(LIFE)
    await one.access()
    assert await one.secrets() == {"access_token": "canary-a1", "refresh_token": "canary-r0"}
    vault.clock.advance(LIFE)
    await one.access()
    assert one.sent == ["canary-r0", "canary-r0"]


async def test_the_one_before_is_kept_only_where_there_is_leeway(vault: Vault) -> None:
    one = desk(vault, "jira")
    await one.link(absolute_expires_at=vault.clock.now() + 365 * 86_400)
    ends = (await one.stored()).record.absolute_expires_at
    one.will(fresh())
    vault.clock.advance(LIFE)
    await one.access()
    assert (await one.secrets())["previous_refresh_token"] == "canary-r0"
    assert (await one.stored()).record.absolute_expires_at == ends, "a refresh does not move it"


async def test_an_account_that_is_not_there_or_not_configured_is_said_to_be_so(vault: Vault) -> None:
    one = desk(vault, "github")
    with pytest.raises(ConnectionMissing, match="no account is linked"):
        await one.access()
    with pytest.raises(ProviderMisconfigured, match="not configured"):
        await one.tokens.access(Owner(TENANT, "alice", "gitlab"), purpose="test")
    await one.link({"value": Secret("v")})
    with pytest.raises(ConnectionMissing, match="no access token"):
        await one.access()


async def test_a_link_without_the_users_own_token_has_to_be_made_again_and_says_why(vault: Vault) -> None:
    one = desk(vault, "slack")
    await one.link({"access_token": Secret("canary-bot")})
    assert (await one.access()).value == Secret("canary-bot"), "who asks for the bot gets it"
    with pytest.raises(NeedsReauth) as told:
        await one.access(credential="user_access_token")
    assert told.value.reason == "incomplete"
    record = (await one.stored()).record
    assert (record.status, record.reason) == (Status.NEEDS_REAUTH, "incomplete")
    await one.link({"access_token": Secret("canary-bot"), "user_access_token": Secret("canary-ua")})
    assert (await one.access(credential="user_access_token")).value == Secret("canary-ua")


@pytest.mark.parametrize("name", ["github", "notion"])
async def test_a_dead_refresh_token_asks_for_a_new_consent_and_for_nothing_more(vault: Vault, name: str) -> None:
    one = desk(vault, name)
    await one.link()
    one.will((400, {"error": "bad_refresh_token" if name == "github" else "invalid_grant"}))
    vault.clock.advance(LIFE)
    for _ in range(3):
        with pytest.raises(NeedsReauth) as dead:
            await one.access()
        assert dead.value.reason == "refused"
        assert dead.value.reason in REASONS
    assert len(one.sent) == 1, "a dead link is not asked for again"
    stored = await vault.store.look(one.owner)
    assert stored is not None
    assert (stored.status, stored.reason) == (Status.NEEDS_REAUTH, "refused")
    await one.link()
    assert (await one.access()).value == PAIR["access_token"]


async def test_a_refused_refresh_token_that_another_process_replaced_is_no_dead_link(vault: Vault) -> None:
    won = {"access_token": Secret("canary-won"), "refresh_token": Secret("canary-rw")}

    class Overtaken(ScriptedProvider):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await one.link(won)
            await super().__call__(scope, receive, send)

    one = desk(vault, "github", Overtaken())
    await one.link()
    one.will((200, {"error": "bad_refresh_token"}))
    vault.clock.advance(LIFE)
    assert (await one.access()).value == won["access_token"]
    assert len(one.sent) == 1


async def test_the_token_before_is_tried_within_the_leeway_and_never_later(vault: Vault) -> None:
    one = desk(vault, "jira")
    await one.link()
    one.will(fresh(expires_in=120), (403, {"error": "invalid_grant"}), fresh(2, expires_in=1200))
    vault.clock.advance(LIFE)
    await one.access()
    vault.clock.advance(100)
    assert (await one.access()).value == Secret("canary-a2")
    assert one.sent == ["canary-r0", "canary-r1", "canary-r0"]
    one.will((403, {"error": "invalid_grant"}))
    vault.clock.advance(1200)
    with pytest.raises(NeedsReauth):
        await one.access()
    assert one.sent[3:] == ["canary-r2"]


async def test_a_provider_that_is_down_leaves_the_link_and_a_good_token_is_used(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    one.will((503, {}))
    vault.clock.advance(LIFE - 100)
    assert (await one.access()).value == PAIR["access_token"], "it is good for 100 s more"
    vault.clock.advance(100)
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            await one.access()
    assert len(one.sent) == 2, "a pause between tries"
    stored = (await one.stored()).record
    assert (stored.status, stored.refresh_started_at) == (Status.ACTIVE, None)
    one.will(fresh())
    vault.clock.advance(600)
    assert (await one.access()).value == Secret("canary-a1")


async def test_a_limit_is_kept_as_long_as_the_provider_asks(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    one.provider.headers = {"retry-after": "100"}
    one.will((429, {}), fresh())
    vault.clock.advance(LIFE)
    with pytest.raises(ProviderLimited):
        await one.access()
    vault.clock.advance(99)
    with pytest.raises(ProviderLimited):
        await one.access()
    vault.clock.advance(2)
    assert (await one.access()).value == Secret("canary-a1")


async def test_our_own_mistake_in_the_configuration_kills_no_link(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    one.will((200, {"error": "incorrect_client_credentials"}))
    vault.clock.advance(LIFE)
    with pytest.raises(ProviderMisconfigured, match="incorrect_client_credentials") as ours:
        await one.access()
    assert "GATELODGE_GITHUB_CLIENT_ID" in ours.value.hint
    assert (await one.stored()).record.status is Status.ACTIVE


async def test_the_end_of_a_consent_is_said_without_asking(vault: Vault) -> None:
    one = desk(vault, "jira")
    await one.link(absolute_expires_at=vault.clock.now() + 10_000)
    vault.clock.advance(10_001)
    with pytest.raises(NeedsReauth) as ended:
        await one.access()
    assert ended.value.reason == "ended"
    assert one.sent == []


async def test_a_token_that_ended_and_cannot_be_renewed_asks_for_a_new_consent(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link({"access_token": Secret("a")})
    assert (await one.access()).value == Secret("a")
    vault.clock.advance(LIFE)
    with pytest.raises(NeedsReauth) as ended:
        await one.access()
    assert ended.value.reason == "expired"


async def test_a_refused_token_is_renewed_once_if_it_is_still_the_stored_one(vault: Vault) -> None:
    one = desk(vault, "notion")
    await one.link(life=None)
    one.will(fresh(expires_in=None))
    vault.clock.advance(100)
    refused = (await one.access()).value
    found = await asyncio.gather(*(one.tokens.renewed(one.owner, refused, purpose="test") for _ in range(20)))
    assert {token.value for token in found} == {Secret("canary-a1")}
    assert (await one.tokens.renewed(one.owner, refused, purpose="test")).value == Secret("canary-a1")
    assert len(one.sent) == 1
    with pytest.raises(ProviderRefused, match="just renewed"):
        await one.tokens.renewed(one.owner, Secret("canary-a1"), purpose="test")
    assert len(one.sent) == 1, "no loop"


@pytest.mark.parametrize(
    ("name", "secrets"),
    [("github", {"access_token": Secret("t")}), ("coda", {"api_token": Secret("t")})],
)
async def test_a_refused_token_that_cannot_be_renewed_asks_for_a_new_consent(
    vault: Vault, name: str, secrets: dict[str, Secret]
) -> None:
    one = desk(vault, name)
    await one.link(secrets, life=None)
    assert (await one.access()).value == Secret("t")
    with pytest.raises(NeedsReauth) as refused:
        await one.tokens.renewed(one.owner, Secret("t"), purpose="test")
    assert refused.value.reason == "rejected"
    with pytest.raises(NeedsReauth, match="rejected"):
        await one.access()


async def test_slacks_two_credentials_are_renewed_one_by_one(vault: Vault) -> None:
    one = desk(vault, "slack")
    both = PAIR | {"user_access_token": Secret("canary-ua"), "user_refresh_token": Secret("canary-ur")}
    await one.link(both)
    one.will(fresh(1, ok=True, expires_in=43200), fresh(2, ok=True, expires_in=600))
    vault.clock.advance(LIFE)
    assert (await one.access()).value == Secret("canary-a1")
    assert one.sent == ["canary-r0", "canary-ur"]
    assert await one.secrets() == {
        "access_token": "canary-a1",
        "refresh_token": "canary-r1",
        "user_access_token": "canary-a2",
        "user_refresh_token": "canary-r2",
    }
    assert (await one.stored()).record.expires_at == vault.clock.now() + 600
    assert (await one.access(credential="user_access_token")).value == Secret("canary-a2")


async def test_slacks_user_token_alone_is_renewed_when_it_alone_is_refused(vault: Vault) -> None:
    one = desk(vault, "slack")
    await one.link(PAIR | {"user_access_token": Secret("canary-ua"), "user_refresh_token": Secret("canary-ur")})
    one.will(fresh(2, ok=True))
    token = await one.tokens.renewed(one.owner, Secret("canary-ua"), purpose="test", credential="user_access_token")
    assert token.value == Secret("canary-a2")
    assert one.sent == ["canary-ur"]


async def test_a_caller_that_goes_away_does_not_end_the_refresh(vault: Vault) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedProvider):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            entered.set()
            await go.wait()
            await super().__call__(scope, receive, send)

    one = desk(vault, "github", Slow())
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    caller = asyncio.create_task(one.access())
    await entered.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go.set()
    await one.tokens.aclose()
    assert await one.secrets() == {"access_token": "canary-a1", "refresh_token": "canary-r1"}


class Failing:
    """A store whose commits of refreshes fail so many times."""

    def __init__(self, vault: Vault, times: int, *, kept: bool = False) -> None:
        self._store, self.times, self._kept = vault.store, times, kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def finish_refresh(self, lease: RefreshLease, secrets: Mapping[str, Secret], **more: Any) -> Record:
        if self.times > 0:
            self.times -= 1
            if self._kept:
                await self._store.finish_refresh(lease, secrets, **more)
            raise StorageUnavailable("the disk is full", outcome="unknown" if self._kept else "not kept")
        return await self._store.finish_refresh(lease, secrets, **more)


@pytest.mark.parametrize("kept", [False, True])
async def test_a_commit_that_fails_is_tried_again_while_the_tokens_are_in_hand(vault: Vault, kept: bool) -> None:
    one = desk(vault, "github", store=Failing(vault, 1 if kept else 3, kept=kept))
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    assert (await one.access()).value == Secret("canary-a1")
    assert one.sent == ["canary-r0"]


async def test_tokens_that_cannot_be_kept_ask_a_strict_providers_user_for_a_new_consent(
    vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    one = desk(vault, "github", store=Failing(vault, 100))
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    with pytest.raises(StorageUnavailable):
        await one.access()
    with pytest.raises(NeedsReauth) as lost:
        await one.access()
    assert lost.value.reason == "not_kept"
    assert one.sent == ["canary-r0"]
    assert "canary" not in caplog.text


async def test_with_leeway_the_old_token_is_used_again_after_a_commit_that_failed(vault: Vault) -> None:
    store = Failing(vault, 100)
    one = desk(vault, "jira", store=store)
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    with pytest.raises(StorageUnavailable):
        await one.access()
    store.times = 0
    assert (await one.again().access()).value == Secret("canary-a1")
    assert one.sent == ["canary-r0", "canary-r0"]


async def test_tokens_in_hand_are_kept_although_the_lease_was_lost_when_nobody_else_has_newer_ones(
    vault: Vault,
) -> None:
    class Suspended(Failing):
        async def finish_refresh(self, lease: RefreshLease, secrets: Mapping[str, Secret], **more: Any) -> Record:
            if self.times:
                self.times = 0
                vault.clock.advance(LEASE_SECONDS + 1)
                other = await vault.store.begin_refresh(one.owner, lease.version, holder="other", lease_seconds=30)
                assert other is not None
                await vault.store.abandon_refresh(other)
            return await vault.store.finish_refresh(lease, secrets, **more)

    one = desk(vault, "github", store=Suspended(vault, 1))
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    assert (await one.access()).value == Secret("canary-a1")


async def test_tokens_in_hand_give_way_to_a_consent_that_came_meanwhile(vault: Vault) -> None:
    newer = {"access_token": Secret("canary-new"), "refresh_token": Secret("canary-rn")}

    class Replaced(Failing):
        async def finish_refresh(self, lease: RefreshLease, secrets: Mapping[str, Secret], **more: Any) -> Record:
            if self.times:
                self.times = 0
                await one.link(newer)
            return await vault.store.finish_refresh(lease, secrets, **more)

    one = desk(vault, "github", store=Replaced(vault, 1))
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    assert (await one.access()).value == newer["access_token"]
    with pytest.raises(Conflict):
        await vault.store.finish_refresh(
            RefreshLease(one.owner, "x", 1, 1, "h", 0.0), {"access_token": Secret("x")}, expires_at=None
        )


async def crashed(one: Desk) -> None:
    """As a process leaves a row that ended between begin and commit."""
    opened = await one.stored()
    lease = await one.vault.store.begin_refresh(
        one.owner, opened.record.version, holder="the one before", lease_seconds=LEASE_SECONDS
    )
    assert lease is not None


async def test_after_a_crash_the_old_token_is_tried_once_within_the_leeway(vault: Vault) -> None:
    one = desk(vault, "jira")
    await one.link()
    await crashed(one)
    one.will(fresh())
    again = one.again()
    swept = await again.tokens.sweep()
    assert (swept.finished, swept.dead) == (1, 0)
    assert (await again.access()).value == Secret("canary-a1")
    assert one.sent == ["canary-r0"]


async def test_after_a_crash_the_old_token_is_not_tried_past_the_leeway(vault: Vault) -> None:
    one = desk(vault, "jira")
    await one.link()
    await crashed(one)
    vault.clock.advance(575)
    swept = await one.again().tokens.sweep()
    assert swept.dead == 1
    assert one.sent == []
    with pytest.raises(NeedsReauth, match="interrupted"):
        await one.access()


async def test_after_a_crash_a_strict_provider_is_asked_once_and_then_the_user(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    await crashed(one)
    one.will((200, {"error": "bad_refresh_token"}))
    again = one.again()
    assert (await again.tokens.sweep()).dead == 1
    for _ in range(3):
        with pytest.raises(NeedsReauth, match="interrupted"):
            await again.access()
    assert len(one.sent) == 1, "no loop"


async def test_after_a_crash_before_the_request_nothing_is_lost_at_a_strict_provider(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    await crashed(one)
    one.will(fresh())
    assert (await one.again().access()).value == Secret("canary-a1"), "although the clock says that it is good"


async def test_a_holder_that_never_ends_is_not_waited_for_for_ever(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    opened = await one.stored()
    await vault.store.begin_refresh(one.owner, opened.record.version, holder="other", lease_seconds=10_000)
    with pytest.raises(ProviderUnavailable, match="another process"):
        await one.access()
    assert one.sent == []


async def test_grants_that_die_of_disuse_are_kept_alive(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sides = {name: desk(vault, name) for name in PATHS}
    for side in sides.values():
        await side.link(life=None)
        side.will(fresh())
    for name in PATHS.values():
        sides["jira"].provider.will(name, fresh())
    vault.clock.advance(44 * 86_400)
    assert (await sides["jira"].tokens.sweep()).kept_alive == 0
    vault.clock.advance(1 * 86_400)
    assert (await sides["jira"].tokens.sweep()).kept_alive == 1
    vault.clock.advance(45 * 86_400)
    assert (await sides["jira"].tokens.sweep()).kept_alive == 2, "Jira again, and GitHub"
    assert "canary" not in caplog.text


async def test_one_connection_that_fails_keeps_no_other_from_being_swept(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    await crashed(one)
    began = (await one.stored()).record.refresh_started_at
    assert began is not None
    other = desk(vault, "jira", one.provider)
    await other.link()
    await crashed(other)
    one.will((503, {}))
    other.will(fresh())
    again = one.again()
    swept = await again.tokens.sweep()
    assert (swept.left, swept.finished) == (1, 1)
    left = (await one.stored()).record
    assert left.refresh_started_at == began, "the crash stays on the row that is left"
    assert left.refresh_until is None, "and anyone may try again"
    one.will(fresh(2))
    vault.clock.advance(45)
    assert (await again.tokens.finish()).finished == 1, "not a day later"
    assert (await one.stored()).record.refresh_started_at is None


LOST = [(502, {}), (500, {"error": "server_error"}), (504, b"<html>"), (200, b"<html>")]


@pytest.mark.parametrize("lost", LOST)
async def test_a_lost_answer_is_made_good_within_the_leeway_although_nobody_asks(
    either_vault: Vault, lost: tuple[int, object]
) -> None:
    clock = either_vault.clock
    one = desk(either_vault, "jira")
    await one.link()
    clock.advance(LIFE - 100)
    began = clock.now()
    one.will(lost, lost, lost, fresh())
    assert (await one.access()).value == PAIR["access_token"]
    for _ in range(2):
        clock.advance(100)
        assert (await desk(either_vault, "jira", one.provider).tokens.finish()).left == 1
        left = (await one.stored()).record
        assert (left.refresh_started_at, left.refresh_until) == (began, None), "the first of them counts"
    clock.advance(100)
    assert (await desk(either_vault, "jira", one.provider).tokens.finish()).finished == 1
    assert (await one.secrets())["access_token"] == "canary-a1"
    assert (await one.stored()).record.refresh_started_at is None
    assert one.sent == ["canary-r0"] * 4


async def test_a_lost_answer_that_stays_lost_ends_with_the_leeway_in_every_process_alike(either_vault: Vault) -> None:
    one = desk(either_vault, "jira")
    await one.link()
    one.will((502, {}))
    either_vault.clock.advance(LIFE)
    with pytest.raises(ProviderUnavailable):
        await one.access()
    either_vault.clock.advance(7200)
    another = desk(either_vault, "jira", one.provider)
    with pytest.raises(NeedsReauth, match="interrupted"):
        await another.access()
    assert one.sent == ["canary-r0"], "later than the leeway it would end what the provider gave"


async def test_another_process_knows_why_a_strict_provider_refuses(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    one.will((502, {}), (200, {"error": "bad_refresh_token"}))
    vault.clock.advance(LIFE)
    with pytest.raises(ProviderUnavailable):
        await one.access()
    assert (await desk(vault, "github", one.provider).tokens.finish()).dead == 1
    with pytest.raises(NeedsReauth, match="interrupted"):
        await one.access()
    assert one.sent == ["canary-r0", "canary-r0"]


@pytest.mark.parametrize("refused", [(503, {}), (429, {}), (403, b"<html>"), (400, {"error": "invalid_request"})])
async def test_an_answer_that_refuses_leaves_no_mark_of_a_lost_one(vault: Vault, refused: tuple[int, object]) -> None:
    one = desk(vault, "jira")
    await one.link()
    one.will(refused)
    vault.clock.advance(LIFE)
    with pytest.raises(ProviderUnavailable):
        await one.access()
    assert (await one.stored()).record.refresh_started_at is None
    one.will(fresh())
    vault.clock.advance(7200)
    assert (await one.access()).value == Secret("canary-a1"), "an outage of hours costs no link"


async def test_a_refresh_that_is_under_way_is_nobodys_left_over(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    await crashed(one)
    assert await one.tokens.finish() == Swept()
    assert one.sent == []


async def test_pauses_after_lost_answers_stay_short(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    one.will((502, {}))
    vault.clock.advance(LIFE)
    for _ in range(12):
        with pytest.raises(ProviderUnavailable):
            await one.access()
        vault.clock.advance(60)
    assert len(one.sent) == 12, "ten minutes would be a whole leeway"


async def test_a_refresh_that_is_kept_is_no_error_when_its_audit_event_finds_the_queue_full(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    trail = Trail(vault.db, vault.clock, queue=2, window=60)
    store = SqlTokenStore(vault.db, vault.keyring, trail, vault.clock)
    full = desk(vault, "github", one.provider, store)
    full.tokens.refresher._trail = trail
    with pytest.raises(StorageUnavailable, match="full"):
        await full.access()  # the refresh is kept; reading its result is what cannot be recorded
    await trail.flush()
    assert (await full.access()).value == Secret("canary-a1")
    assert one.sent == ["canary-r0"]
    await trail.aclose()
    assert len(await vault.events("vault.refresh")) == len(await vault.events("connection.refresh")) == 1


async def test_a_commit_that_only_has_to_run_again_keeps_the_tokens_under_the_same_lease(vault: Vault) -> None:
    class Again(Failing):
        async def finish_refresh(self, lease: RefreshLease, secrets: Mapping[str, Secret], **more: Any) -> Record:
            if self.times:
                self.times -= 1
                raise Conflict("the schema changed under a prepared statement", retryable=True)
            return await vault.store.finish_refresh(lease, secrets, **more)

    one = desk(vault, "github", store=Again(vault, 2))
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    assert (await one.access()).value == Secret("canary-a1")
    assert one.sent == ["canary-r0"]


async def test_tokens_in_hand_are_kept_when_the_process_that_took_the_lease_gives_it_back(vault: Vault) -> None:
    class Taken(Failing):
        other: RefreshLease | None = None

        async def finish_refresh(self, lease: RefreshLease, secrets: Mapping[str, Secret], **more: Any) -> Record:
            self.times -= 1
            if self.times == 2:
                vault.clock.advance(LEASE_SECONDS + 1)
                self.other = await vault.store.begin_refresh(one.owner, lease.version, holder="b", lease_seconds=30)
            if self.times == 0 and self.other is not None:
                await vault.store.abandon_refresh(self.other)
            return await vault.store.finish_refresh(lease, secrets, **more)

    one = desk(vault, "github", store=Taken(vault, 3))
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    assert (await one.access()).value == Secret("canary-a1")
    assert one.sent == ["canary-r0"]


@pytest.mark.parametrize("odd", [{"expires_in": 0}, {"expires_in": "soon"}, {"refresh_token": ""}])
async def test_an_odd_detail_of_an_answer_does_not_cost_the_tokens_in_it(vault: Vault, odd: dict[str, Any]) -> None:
    one = desk(vault, "github")
    await one.link()
    one.will(fresh(**odd))
    vault.clock.advance(LIFE)
    assert (await one.access()).value == Secret("canary-a1")
    assert len(one.sent) == 1


async def test_one_link_that_cannot_be_stored_stops_no_other_of_a_sweep(vault: Vault) -> None:
    class Lost(Failing):
        async def finish_refresh(self, lease: RefreshLease, secrets: Mapping[str, Secret], **more: Any) -> Record:
            if lease.owner.user == "alice":
                raise StorageFault("the row is not what it was")
            return await vault.store.finish_refresh(lease, secrets, **more)

    one = desk(vault, "github", store=Lost(vault, 1))
    for user in ("alice", "bob", "carol"):
        one.owner = Owner(TENANT, user, "github")
        await one.link()
        await crashed(one)
    vault.clock.advance(LEASE_SECONDS + 1)
    one.will(fresh())
    swept = await one.tokens.sweep()
    assert (swept.finished, swept.left) == (2, 1)


async def test_a_pause_keeps_neither_request_nor_traceback(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    one.will((503, {}))
    vault.clock.advance(LIFE)
    lengths = []
    for _ in range(4):
        with pytest.raises(ProviderUnavailable) as paused:
            await one.access()
        lengths.append(len(traceback.extract_tb(paused.value.__traceback__)))
        held = paused.value
    assert lengths[1] == lengths[2] == lengths[3], "each raise adds to the traceback of one error"
    assert held.__cause__ is None
    assert (held.sent, held.provider, held.detail) == (False, "github", "github: the token endpoint answered 503")


async def test_slacks_user_token_renewed_alone_leaves_end_and_scopes_of_the_link(vault: Vault) -> None:
    one = desk(vault, "slack")
    await one.link(
        PAIR | {"user_access_token": Secret("canary-ua"), "user_refresh_token": Secret("canary-ur")},
        scopes=frozenset({"chat:write"}),
    )
    ends = vault.clock.now() + LIFE
    vault.clock.advance(100)
    one.will(fresh(2, ok=True, expires_in=43200, scope="search:read"))
    token = await one.tokens.renewed(one.owner, Secret("canary-ua"), purpose="test", credential="user_access_token")
    assert token.expires_at == ends
    assert (await one.stored()).record.scopes == {"chat:write"}
    assert token.scopes == frozenset(), "those are not this token's"


async def test_a_consent_given_again_starts_a_new_life(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    vault.clock.advance(300 * 86_400)
    await one.link()
    assert (await one.access()).value == PAIR["access_token"]
    assert one.sent == [], "a token that was just given is not near its end"


async def test_the_trail_names_the_user_who_asked(vault: Vault) -> None:
    one = desk(vault, "github")
    await one.link()
    await one.access()
    await one.access(actor="user:another")
    found = [event.event.actor for event in await vault.events("vault.get")]
    assert found == [of_user(one.owner.tenant, one.owner.user), "user:another"]


async def test_a_refused_token_is_no_dead_link_while_another_process_has_the_lease(vault: Vault) -> None:
    won = {"access_token": Secret("canary-won"), "refresh_token": Secret("canary-rw")}
    leases = list[RefreshLease]()

    class Overtaken(ScriptedProvider):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            vault.clock.advance(LEASE_SECONDS + 1)
            other = await vault.store.begin_refresh(one.owner, 1, holder="other", lease_seconds=30)
            assert other is not None
            leases.append(other)
            await super().__call__(scope, receive, send)

    class Ending(Failing):
        async def begin_refresh(self, owner: Owner, version: int, **more: Any) -> RefreshLease | None:
            lease = await vault.store.begin_refresh(owner, version, **more)
            if lease is None:
                await vault.store.finish_refresh(leases.pop(), won, expires_at=vault.clock.now() + LIFE)
            return lease

    one = desk(vault, "github", Overtaken(), Ending(vault, 0))
    await one.link()
    one.will((200, {"error": "bad_refresh_token"}))
    vault.clock.advance(LIFE)
    assert (await one.access()).value == won["access_token"]


async def test_tokens_that_the_row_never_takes_end_in_a_state_and_not_in_a_conflict(vault: Vault) -> None:
    class Refusing(Failing):
        async def finish_refresh(self, *_: Any, **__: Any) -> Record:
            raise Conflict("the same again and again", retryable=True)

    one = desk(vault, "github", store=Refusing(vault, 0))
    await one.link()
    one.will(fresh())
    vault.clock.advance(LIFE)
    with pytest.raises(NeedsReauth) as lost:
        await one.access()
    assert (lost.value.reason, one.sent) == ("not_kept", ["canary-r0"])
