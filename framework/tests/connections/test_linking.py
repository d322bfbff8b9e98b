"""An account linked: tokens first, then whose account it is; and unlinked."""

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from scripted_provider import CLIENT, ScriptedProvider, configured
from vaults import TENANT, Vault, canary

from gatelodge.connections.errors import (
    AccountsNotKept,
    CodeRefused,
    ConnectionMissing,
    ProviderLimited,
    ProviderRefused,
    ProviderUnavailable,
)
from gatelodge.connections.identity import read_account
from gatelodge.connections.linking import Linking, Unlinked
from gatelodge.connections.registry import Registry
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.vault.env_store import EnvTokenStore
from gatelodge.vault.owner import Owner

ALL = ("github", "jira", "slack", "notion", "coda")
TOKENS = {"access_token": "canary-a", "refresh_token": "canary-r", "expires_in": 3600, "scope": "read"}
SITES = [
    {"id": "c-1", "url": "https://one.example", "name": "one"},
    {"id": "c-2", "url": "https://two.example", "name": "two"},
    {"id": "../../evil", "url": "https://evil.example"},
    {"id": "c-3", "url": "https://foreign.example"},
]


def owner(provider: str) -> Owner:
    return Owner(TENANT, "alice", provider)


def linking(vault: Vault, provider: ScriptedProvider, forget: Callable[[Owner], None] = lambda _: None) -> Linking:
    registry: Registry = configured(*ALL)
    outbound = provider.outbound()
    endpoints = {name: TokenEndpoint(outbound, registry.get(name)) for name in ALL if name != "coda"}
    return Linking(
        vault.store, registry, endpoints, outbound=outbound, trail=vault.trail, clock=vault.clock, forget=forget
    )


async def link(vault: Vault, provider: ScriptedProvider, name: str) -> Any:
    return await linking(vault, provider).link(
        owner(name), "code", verifier="v", redirect_uri="https://us.example/back", actor="user:1"
    )


@pytest.mark.parametrize(
    ("name", "answers", "account", "extra"),
    [
        ("github", {"/user": (200, {"id": 7, "login": "octocat"})}, ("7", "octocat"), {"login": "octocat"}),
        (
            "notion",
            {"/v1/users/me": (200, {"id": "b-1", "bot": {"workspace_name": "Home"}})},
            ("b-1", "Home"),
            {},
        ),
        (
            "slack",
            {
                "/api/auth.test": (
                    200,
                    {"ok": True, "team_id": "T", "user_id": "U", "team": "Team", "url": "https://t/"},
                )
            },
            ("T:U", "Team"),
            {"team_id": "T", "site_url": "https://t/"},
        ),
        (
            "coda",
            {"/apis/v1/whoami": (200, {"loginId": "a@example.com", "name": "A", "scoped": True, "tokenName": "t"})},
            ("a@example.com", "A"),
            {"token_name": "t", "scoped": "true"},
        ),
    ],
)
async def test_each_provider_says_whose_account_a_token_is_for(
    name: str, answers: dict[str, tuple[int, object]], account: tuple[str, str], extra: dict[str, str]
) -> None:
    provider = ScriptedProvider()
    for place, answer in answers.items():
        provider.will(place, answer)
    found = await read_account(provider.outbound(), configured(name).get(name), Secret("canary-a"))
    assert (found.id, found.name) == account
    assert found.extra == extra
    assert provider.asked[0].headers["authorization"] == "Bearer canary-a"
    for header, value in configured(name).get(name).provider.api_headers.items():
        assert provider.asked[0].headers[header] == value


async def test_a_jira_site_counts_only_when_it_knows_the_user() -> None:
    provider = ScriptedProvider()
    provider.will("/oauth/token/accessible-resources", (200, SITES))
    provider.will("/ex/jira/c-1/rest/api/3/myself", (401, {}))
    provider.will("/ex/jira/c-2/rest/api/3/myself", (200, {"accountId": "me", "displayName": "Me"}))
    provider.will("/ex/jira/c-3/rest/api/3/myself", (200, {"accountId": "another", "displayName": "X"}))
    found = await read_account(provider.outbound(), configured("jira").get("jira"), Secret("t"))
    assert (found.id, found.name) == ("me", "Me")
    assert (found.extra["cloud_id"], found.extra["site_url"]) == ("c-2", "https://two.example")
    assert [site["cloud_id"] for site in json.loads(found.extra["sites"])] == ["c-2"]
    assert all("evil" not in asked.url for asked in provider.asked)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ((401, {"message": "no"}), ProviderRefused),
        ((200, b"not json"), ProviderRefused),
        ((200, {"ok": False}), ProviderRefused),
        ((429, {}), ProviderLimited),
        ((502, {}), ProviderUnavailable),
    ],
)
async def test_an_identity_call_that_fails_says_why(
    name: str, answer: tuple[int, object], meaning: type[Exception]
) -> None:
    provider = ScriptedProvider()
    places = ("/user", "/v1/users/me", "/api/auth.test", "/apis/v1/whoami", "/oauth/token/accessible-resources")
    for place in places:
        provider.will(place, answer)
    with pytest.raises(meaning):
        await read_account(provider.outbound(), configured(name).get(name), Secret("t"))


async def test_tokens_are_stored_before_anything_else_is_asked(vault: Vault) -> None:
    provider, stored = ScriptedProvider(), list[bool]()

    class Watching(ScriptedProvider):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/user":
                stored.append(await vault.store.look(owner("github")) is not None)
            await super().__call__(scope, receive, send)

    provider = Watching()
    provider.will("/login/oauth/access_token", (200, TOKENS))
    provider.will("/user", (200, {"id": 7, "login": "octocat"}))
    record = await link(vault, provider, "github")
    assert stored == [True]
    assert (record.account_id, record.account_name, record.scopes) == ("7", "octocat", {"read"})
    assert record.expires_at == vault.clock.now() + 3600
    assert [event.event.kind for event in await vault.events("connection.link")] == ["connection.link"]


@pytest.mark.parametrize("answer", [(503, {}), (401, {})])
async def test_an_account_whose_name_cannot_be_read_is_linked_all_the_same(
    vault: Vault, answer: tuple[int, object], caplog: pytest.LogCaptureFixture
) -> None:
    provider = ScriptedProvider()
    provider.will("/login/oauth/access_token", (200, TOKENS))
    provider.will("/user", answer)
    record = await link(vault, provider, "github")
    assert record.account_id is None
    opened = await vault.store.open(owner("github"), actor="user:1", purpose="test")
    assert opened is not None
    assert opened.secrets["access_token"] == Secret("canary-a")
    assert "canary" not in caplog.text


async def test_a_refused_code_stores_nothing(vault: Vault) -> None:
    provider = ScriptedProvider()
    provider.will("/login/oauth/access_token", (200, {"error": "bad_verification_code"}))
    with pytest.raises(CodeRefused):
        await link(vault, provider, "github")
    assert await vault.store.look(owner("github")) is None


async def test_a_link_that_changed_meanwhile_is_not_written_over(vault: Vault) -> None:
    newer = canary("newer")

    class Meanwhile(ScriptedProvider):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/user":
                await vault.store.put(owner("github"), {"access_token": newer}, actor="user:1")
            await super().__call__(scope, receive, send)

    provider = Meanwhile()
    provider.will("/login/oauth/access_token", (200, TOKENS))
    provider.will("/user", (200, {"id": 7, "login": "octocat"}))
    await link(vault, provider, "github")
    opened = await vault.store.open(owner("github"), actor="user:1", purpose="test")
    assert opened is not None
    assert opened.secrets == {"access_token": newer}


async def test_an_api_token_is_stored_only_when_the_provider_knows_it(vault: Vault) -> None:
    provider = ScriptedProvider()
    provider.will("/apis/v1/whoami", (401, {}), (200, {"loginId": "a@example.com", "name": "A"}))
    service = linking(vault, provider)
    with pytest.raises(ProviderRefused):
        await service.link_api_token(owner("coda"), Secret("canary-token"), actor="user:1")
    assert await vault.store.look(owner("coda")) is None
    record = await service.link_api_token(owner("coda"), Secret("canary-token"), actor="user:1")
    assert record.account_id == "a@example.com"
    with pytest.raises(ConnectionMissing, match="no OAuth"):
        await link(vault, provider, "coda")


@pytest.mark.parametrize("meanwhile", ["unlinked", "linked again"])
async def test_what_comes_after_the_lease_of_the_name_is_not_undone(either_vault: Vault, meanwhile: str) -> None:
    newer, store = canary("newer"), either_vault.store

    class After:
        """A store in which the user acts right after the lease was taken."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def begin_refresh(self, *given: Any, **more: Any) -> Any:
            lease = await store.begin_refresh(*given, **more)
            if meanwhile == "unlinked":
                await store.delete(owner("github"), actor="user:1")
            else:
                await store.put(owner("github"), {"access_token": newer}, actor="user:1")
            return lease

    provider = ScriptedProvider()
    provider.will("/login/oauth/access_token", (200, TOKENS))
    provider.will("/user", (200, {"id": 7, "login": "octocat"}))
    service = linking(either_vault, provider)
    service._store = After()
    await service.link(owner("github"), "code", verifier="v", redirect_uri="https://us.example/back", actor="user:1")
    opened = await store.open(owner("github"), actor="user:1", purpose="test")
    assert (opened and opened.secrets) == (None if meanwhile == "unlinked" else {"access_token": newer})


async def test_a_store_that_keeps_no_accounts_is_said_before_anything_is_asked(vault: Vault) -> None:
    provider = ScriptedProvider()
    service = linking(vault, provider)
    service._store = EnvTokenStore({}, vault.trail)
    with pytest.raises(AccountsNotKept, match="keeps no users' accounts") as refused:
        await service.link(owner("github"), "c", verifier="v", redirect_uri="https://us.example/back", actor="user:1")
    assert "GATELODGE_TOKEN_STORE" in refused.value.hint
    with pytest.raises(AccountsNotKept):
        await service.link_api_token(owner("coda"), Secret("canary-token"), actor="user:1")
    assert await service.unlink(owner("github"), actor="user:1") is None
    assert provider.asked == []


async def test_kept_answers_are_forgotten_with_every_link_and_unlink(vault: Vault) -> None:
    provider, forgotten = ScriptedProvider(), list[Owner]()
    provider.will("/login/oauth/access_token", (200, TOKENS))
    provider.will("/apis/v1/whoami", (200, {"loginId": "a@example.com", "name": "A"}))
    service = linking(vault, provider, forgotten.append)
    await service.link(owner("github"), "code", verifier="v", redirect_uri="https://us.example/back", actor="user:1")
    await service.link_api_token(owner("coda"), Secret("canary-token"), actor="user:1")
    assert forgotten == [owner("github"), owner("coda")]
    forgotten.clear()
    await service.unlink(owner("coda"), actor="user:1")
    assert forgotten == [owner("coda")]


@pytest.mark.parametrize(
    ("name", "answer", "at"),
    [
        ("github", (204, b""), None),
        ("github", (404, {}), "https://github.com/settings/applications"),
        ("github", (500, b""), "https://github.com/settings/applications"),
        ("jira", None, "https://id.atlassian.com/manage-profile/apps"),
        ("coda", None, "https://coda.io/account"),
    ],
)
async def test_unlinking_says_where_to_end_what_the_provider_did_not_confirm(
    vault: Vault, name: str, answer: tuple[int, object] | None, at: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    provider = ScriptedProvider()
    provider.will("/applications/our:client/token", answer or (204, b""))
    field = "api_token" if name == "coda" else "access_token"
    await vault.store.put(owner(name), {field: canary("a")}, actor="user:1")
    done = await linking(vault, provider).unlink(owner(name), actor="user:1")
    assert done == Unlinked(at)
    assert ("the provider may still honour the grant" in caplog.text) is (at is not None and answer is not None)
    assert "canary" not in caplog.text


@pytest.mark.parametrize("status", [204, 500])
async def test_unlinking_forgets_the_account_whatever_the_provider_says(vault: Vault, status: int) -> None:
    provider = ScriptedProvider()
    provider.will("/login/oauth/access_token", (200, TOKENS))
    provider.will("/user", (200, {"id": 7, "login": "octocat"}))
    provider.will("/applications/our:client/token", (status, b""))
    await link(vault, provider, "github")
    service = linking(vault, provider)
    assert await service.unlink(owner("github"), actor="user:1")
    assert provider.asked[-1].fields == {"access_token": "canary-a"}
    assert await vault.store.look(owner("github")) is None
    assert not await service.unlink(owner("github"), actor="user:1")
    assert len(await vault.events("connection.unlink")) == 1


async def test_a_row_that_cannot_be_read_can_still_be_unlinked(vault: Vault) -> None:
    provider = ScriptedProvider()
    provider.will("/login/oauth/access_token", (200, TOKENS))
    provider.will("/user", (503, {}))
    await link(vault, provider, "github")
    await vault.sql("UPDATE token_values SET sealed = :garbage", garbage=b"garbage")
    assert await linking(vault, provider).unlink(owner("github"), actor="user:1")
    assert await vault.store.look(owner("github")) is None


async def test_a_provider_that_cannot_be_reached_says_whether_something_was_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        config = replace(CLIENT, api_url=f"http://127.0.0.1:{closed.getsockname()[1]}")
    outbound = Outbound()
    with pytest.raises(ProviderUnavailable) as away:
        await read_account(outbound, Registry({"github": config}, development=True).get("github"), Secret("t"))
    assert not away.value.sent
    await outbound.aclose()

    class Large(ScriptedProvider):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            self.will("/user", (200, b"x" * (2 << 20)))
            await super().__call__(scope, receive, send)

    with pytest.raises(ProviderUnavailable, match="over"):
        await read_account(Large().outbound(), configured("github").get("github"), Secret("t"))


async def test_a_refresh_just_before_the_name_is_stored_is_not_written_over(vault: Vault) -> None:
    newest, refreshed = canary("newest"), list[Any]()

    class Between:
        """A store in which a refresh ends right after the row was looked at."""

        def __getattr__(self, name: str) -> Any:
            return getattr(vault.store, name)

        async def look(self, of: Owner) -> Any:
            record = await vault.store.look(of)
            assert record is not None
            lease = await vault.store.begin_refresh(of, record.version, holder="other", lease_seconds=30)
            if lease is not None:
                await vault.store.finish_refresh(lease, {"access_token": newest}, expires_at=None)
                refreshed.append(record)
            return record

    provider = ScriptedProvider()
    provider.will("/login/oauth/access_token", (200, TOKENS))
    provider.will("/user", (200, {"id": 7, "login": "octocat"}))
    service = linking(vault, provider)
    service._store = Between()
    await service.link(owner("github"), "code", verifier="v", redirect_uri="https://us.example/back", actor="user:1")
    opened = await vault.store.open(owner("github"), actor="user:1", purpose="test")
    assert opened is not None
    assert opened.secrets["access_token"] == (newest if refreshed else Secret("canary-a"))


async def test_the_end_of_a_token_is_counted_from_before_it_was_given(vault: Vault) -> None:
    class Slow(ScriptedProvider):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            vault.clock.advance(60)
            await super().__call__(scope, receive, send)

    provider, before = Slow(), vault.clock.now()
    provider.will("/login/oauth/access_token", (200, TOKENS))
    provider.will("/user", (200, {"id": 7, "login": "octocat"}))
    assert (await link(vault, provider, "github")).expires_at == before + 3600


async def test_unlinking_slack_gives_the_users_token_back_and_leaves_the_bot_to_the_others(vault: Vault) -> None:
    provider = ScriptedProvider()
    provider.will("/api/auth.revoke", (200, {"ok": True}))
    secrets = {"access_token": Secret("canary-bot"), "user_access_token": Secret("canary-user")}
    await vault.store.put(owner("slack"), secrets, actor="user:1")
    assert await linking(vault, provider).unlink(owner("slack"), actor="user:1")
    given = [asked.headers["authorization"] for asked in provider.asked]
    assert given == ["Bearer canary-user"]


async def test_a_name_that_no_database_keeps_does_not_cost_the_link(either_vault: Vault) -> None:
    provider = ScriptedProvider()
    odd = {**TOKENS, "ok": True, "team": {"id": "T", "name": "a\0b\ud800"}}
    provider.will("/api/oauth.v2.access", (200, odd))
    provider.will("/api/auth.test", (503, {}))
    assert (await link(either_vault, provider, "slack")).account_name == "ab?"
