"""The token endpoint of each provider: what is sent, and what every answer of the fact sheet's table means."""

import asyncio
import logging
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from raw_upstream import RawRequest, raw_upstream, silent
from scripted_provider import CLIENT, ScriptedProvider, configured

from gatelodge.connections.config import ProviderConfig
from gatelodge.connections.errors import (
    CodeRefused,
    ConnectionFault,
    GrantDead,
    ProviderLimited,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from gatelodge.connections.provider import TokenRequest
from gatelodge.connections.registry import Registry
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.outbound.pool import PoolConfig, PooledTransport

OAUTH = ("github", "jira", "slack", "notion")
SECRET = "canary client/secret"
GOOD: dict[str, Any] = {"access_token": "canary-access", "token_type": "bearer"}

# Provider, request, status and body of the answer, what it must mean.
TABLE: list[tuple[str, TokenRequest, int, dict[str, Any], type[ConnectionFault]]] = [
    ("github", "refresh", 200, {"error": "bad_refresh_token", "error_description": "expired"}, GrantDead),
    ("github", "refresh", 200, {"error": "unauthorized_client"}, GrantDead),
    ("jira", "refresh", 403, {"error": "invalid_grant", "error_description": "Unknown or invalid"}, GrantDead),
    (
        "jira",
        "refresh",
        403,
        {"error": "unauthorized_client", "error_description": "refresh_token is invalid"},
        GrantDead,
    ),
    ("slack", "refresh", 200, {"ok": False, "error": "invalid_refresh_token"}, GrantDead),
    ("slack", "refresh", 400, {"ok": False, "error": "invalid_grant"}, GrantDead),
    ("notion", "refresh", 400, {"error": "invalid_grant"}, GrantDead),
    ("github", "code", 200, {"error": "bad_verification_code"}, CodeRefused),
    ("slack", "code", 200, {"ok": False, "error": "invalid_code"}, CodeRefused),
    ("slack", "code", 200, {"ok": False, "error": "code_already_used"}, CodeRefused),
    ("slack", "code", 200, {"ok": False, "error": "oauth_authorization_url_mismatch"}, CodeRefused),
    ("jira", "code", 403, {"error": "invalid_grant"}, CodeRefused),
    ("notion", "code", 400, {"error": "invalid_grant"}, CodeRefused),
    ("jira", "refresh", 403, {"error": "unauthorized_client", "error_description": "no"}, ProviderMisconfigured),
    *(
        (provider, asked, 200, {"error": error}, ProviderMisconfigured)
        for asked in ("code", "refresh")
        for provider, errors in {
            "github": ("incorrect_client_credentials", "redirect_uri_mismatch"),
            "slack": ("bad_client_secret", "invalid_client_id", "bad_redirect_uri", "invalid_grant_type"),
        }.items()
        for error in errors
    ),
    ("jira", "refresh", 401, {"error": "invalid_client"}, ProviderMisconfigured),
    ("notion", "refresh", 401, {"error": "invalid_client"}, ProviderMisconfigured),
    *(
        (provider, asked, status, body, meaning)
        for provider in OAUTH
        for asked in ("code", "refresh")
        for status, body, meaning in (
            (429, {"error": "rate_limited"}, ProviderLimited),
            (500, {}, ProviderUnavailable),
            (503, {"error": "invalid_grant"}, ProviderUnavailable),
            (400, {"error": "something_new"}, ProviderUnavailable),
            (404, {}, ProviderUnavailable),
            (302, {}, ProviderUnavailable),
            (200, {"refresh_token": "without the other one"}, ProviderUnavailable),
            (200, {"access_token": "with space"}, ProviderUnavailable),
        )
    ),
    ("slack", "refresh", 200, {"ok": False}, ProviderUnavailable),
    ("slack", "refresh", 200, {"ok": False, "error": "ratelimited"}, ProviderLimited),
]


def endpoint(name: str, provider: ScriptedProvider) -> TokenEndpoint:
    return TokenEndpoint(provider.outbound(), configured(name).get(name))


def path(name: str) -> str:
    return urlsplit(configured(name).get(name).provider.token_url).path


async def ask(client: TokenEndpoint, asked: TokenRequest) -> Any:
    if asked == "code":
        return await client.exchange("canary-code", verifier="canary-verifier", redirect_uri="https://us.example/back")
    return await client.refresh(Secret("canary-refresh"))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: "-".join(map(str, row[:3])))
async def test_an_answer_means_what_the_table_says_and_repeats_no_secret(
    row: tuple[str, TokenRequest, int, dict[str, Any], type[ConnectionFault]], caplog: pytest.LogCaptureFixture
) -> None:
    name, asked, status, body, meaning = row
    caplog.set_level(logging.DEBUG)
    provider = ScriptedProvider()
    provider.will(path(name), (status, body))
    with pytest.raises(ConnectionFault) as refused:
        await ask(endpoint(name, provider), asked)
    assert type(refused.value) is meaning
    assert len(provider.asked) == 1, "nothing is sent twice"
    assert "canary" not in f"{refused.value} {refused.value!r} {refused.value.hint} {caplog.text}"


@pytest.mark.parametrize("name", OAUTH)
async def test_an_answer_that_is_no_json_leaves_the_link_alone(name: str) -> None:
    provider = ScriptedProvider()
    provider.will(path(name), (200, b"error=bad_refresh_token"))
    with pytest.raises(ProviderUnavailable) as unknown:
        await ask(endpoint(name, provider), "refresh")
    assert unknown.value.sent


async def test_the_providers_words_are_not_repeated_in_our_errors() -> None:
    provider = ScriptedProvider()
    provider.will(path("github"), (200, {"error": "new\nline <b> " + "x" * 200, "error_description": "canary"}))
    with pytest.raises(ProviderUnavailable) as unknown:
        await ask(endpoint("github", provider), "refresh")
    assert "\n" not in unknown.value.detail
    assert "<" not in unknown.value.detail
    assert "canary" not in unknown.value.detail


async def test_a_limit_says_how_long_to_wait() -> None:
    provider = ScriptedProvider(headers={"retry-after": "17"})
    provider.will(path("notion"), (429, {}))
    with pytest.raises(ProviderLimited) as limited:
        await ask(endpoint("notion", provider), "refresh")
    assert limited.value.retry_after == 17
    provider.headers = {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}
    with pytest.raises(ProviderLimited) as dated:
        await ask(endpoint("notion", provider), "refresh")
    assert dated.value.retry_after is None


@pytest.mark.parametrize(
    ("name", "basic", "kind", "proof"),
    [
        ("github", False, "application/x-www-form-urlencoded", True),
        ("jira", False, "application/json", False),
        ("slack", True, "application/x-www-form-urlencoded", False),
        ("notion", True, "application/json", False),
    ],
)
async def test_each_provider_gets_the_client_and_the_body_in_its_own_form(
    name: str, basic: bool, kind: str, proof: bool
) -> None:
    provider = ScriptedProvider()
    provider.will(path(name), (200, GOOD))
    grant = await ask(endpoint(name, provider), "code")
    sent = provider.asked[0]
    assert grant.access_token == Secret("canary-access")
    assert sent.method == "POST"
    assert sent.headers["accept"] == "application/json"
    assert sent.headers["content-type"] == kind
    assert sent.headers["connection"] == "close"
    wanted = {
        "grant_type": "authorization_code",
        "code": "canary-code",
        "redirect_uri": "https://us.example/back",
    }
    if proof:
        wanted["code_verifier"] = "canary-verifier"
    if basic:
        assert sent.client == ("our:client", SECRET)
    else:
        assert sent.client is None
        wanted |= {"client_id": "our:client", "client_secret": SECRET}
    assert sent.fields == wanted
    await ask(endpoint(name, provider), "refresh")
    again = provider.asked[1].fields
    assert (again["grant_type"], again["refresh_token"]) == ("refresh_token", "canary-refresh")
    assert "code" not in again
    assert "canary" not in repr(grant)


async def test_the_consent_at_jira_has_an_end_that_a_refresh_does_not_move() -> None:
    provider = ScriptedProvider()
    provider.will(path("jira"), (200, {**GOOD, "refresh_token": "r", "expires_in": 3600, "scope": "a offline_access"}))
    first, second = (
        await ask(endpoint("jira", provider), "code"),
        await ask(endpoint("jira", provider), "refresh"),
    )
    assert first.absolute_expires_in == 365 * 86_400
    assert second.absolute_expires_in is None
    assert (first.expires_in, first.scopes) == (3600, {"a", "offline_access"})


@pytest.mark.parametrize("given", [None, "missing", "canary-new"])
async def test_notions_refresh_token_is_a_text_or_null(given: str | None) -> None:
    provider = ScriptedProvider()
    body = GOOD | {"bot_id": "b-1", "workspace_id": "w-1", "workspace_name": "Home"}
    provider.will(path("notion"), (200, body if given == "missing" else body | {"refresh_token": given}))
    grant = await ask(endpoint("notion", provider), "code")
    assert grant.refresh_token == (Secret("canary-new") if given == "canary-new" else None)
    assert grant.expires_in is None
    assert (grant.account_id, grant.account_name, grant.extra["workspace_id"]) == ("b-1", "Home", "w-1")


async def test_slacks_bot_and_user_are_two_credentials() -> None:
    provider = ScriptedProvider()
    person = {
        "id": "U1",
        "access_token": "user-a",
        "refresh_token": "user-r",
        "expires_in": 100,
        "scope": "search:read",
    }
    bot = {"access_token": "bot-a", "refresh_token": "bot-r", "expires_in": 43200, "scope": "chat:write,users:read"}
    provider.will(
        path("slack"), (200, {"ok": True, **bot, "team": {"id": "T1", "name": "Team"}, "authed_user": person})
    )
    grant = await ask(endpoint("slack", provider), "code")
    assert {name: secret.reveal() for name, secret in grant.secrets().items()} == {
        "access_token": "bot-a",
        "refresh_token": "bot-r",
        "user_access_token": "user-a",
        "user_refresh_token": "user-r",
    }
    assert grant.expires_in == 100, "the first end of the two"
    assert grant.scopes == {"chat:write", "users:read"}
    assert (grant.account_id, grant.account_name) == ("T1:U1", "Team")


async def test_slacks_user_token_alone_is_the_access_token() -> None:
    provider = ScriptedProvider()
    person = {"id": "U1", "access_token": "user-a", "refresh_token": "user-r", "expires_in": 100}
    provider.will(path("slack"), (200, {"ok": True, "enterprise": {"id": "E1"}, "authed_user": person}))
    grant = await ask(endpoint("slack", provider), "code")
    assert {name: secret.reveal() for name, secret in grant.secrets().items()} == {
        "access_token": "user-a",
        "refresh_token": "user-r",
    }
    assert grant.account_id == "E1:U1"


async def test_a_connection_that_never_stood_is_tried_twice_and_nothing_was_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    config = ProviderConfig(client_id="c", client_secret=Secret("s"), token_url=f"{address}/token")
    outbound = Outbound()
    client = TokenEndpoint(outbound, Registry({"github": config}, development=True).get("github"))
    with pytest.raises(ProviderUnavailable) as away:
        await client.refresh(Secret("canary-refresh"))
    assert not away.value.sent
    await outbound.aclose()


async def test_a_limit_in_time_that_comes_before_the_request_went_out_is_no_lost_answer() -> None:
    outbound, arrived = (
        Outbound(timeout=60, transport=PooledTransport(PoolConfig(1), own=["127.0.0.1"])),
        asyncio.Event(),
    )

    async def hang(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await silent(request, writer)

    async with raw_upstream() as raw:
        raw.otherwise = hang
        config = ProviderConfig(client_id="c", client_secret=Secret("s"), token_url=f"{raw.url}/token")
        client = TokenEndpoint(outbound, Registry({"github": config}, development=True).get("github"), timeout=0.05)
        other = asyncio.create_task(outbound.request("GET", raw.url))
        await arrived.wait()
        # The only connection is in use.
        with pytest.raises(ProviderUnavailable, match=r"no whole answer within 0\.05 s") as late:
            await client.refresh(Secret("canary-refresh"))
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
        await outbound.aclose()
    assert not late.value.sent
    assert len(raw.asked) == 1


@pytest.mark.parametrize(("status", "acted"), [(429, False), (503, False), (403, False), (500, True), (502, True)])
async def test_a_refusal_says_that_nothing_was_done_and_a_fault_behind_it_does_not(status: int, acted: bool) -> None:
    provider = ScriptedProvider()
    provider.will(path("jira"), (status, b"<html>"))
    with pytest.raises(ProviderUnavailable) as refused:
        await ask(endpoint("jira", provider), "refresh")
    assert refused.value.sent is acted


@pytest.mark.parametrize(
    ("name", "method", "url", "authenticated", "body"),
    [
        ("github", "DELETE", "https://api.github.com/applications/our%3Aclient/token", True, {"access_token": "t"}),
        ("notion", "POST", "https://api.notion.com/v1/oauth/revoke", True, {"token": "t"}),
        ("slack", "POST", "https://slack.com/api/auth.revoke", False, None),
    ],
)
async def test_a_token_is_given_back_as_each_provider_wants_it(
    name: str, method: str, url: str, authenticated: bool, body: dict[str, str] | None
) -> None:
    provider = ScriptedProvider()
    provider.will("/applications/our:client/token", (204, b""))
    for one in ("/v1/oauth/revoke", "/api/auth.revoke"):
        provider.will(one, (200, {"ok": True}), (200, {"ok": False}))
    client = endpoint(name, provider)
    assert await client.revoke(Secret("t"))
    sent = provider.asked[0]
    assert (sent.method, sent.url.replace("our:client", "our%3Aclient")) == (method, url)
    assert (sent.client is not None) is authenticated
    assert sent.headers["authorization"].startswith("Basic " if authenticated else "Bearer t")
    assert (sent.fields if sent.body else None) == body
    if name == "slack":
        assert not await client.revoke(Secret("t"))


async def test_jira_has_no_way_to_give_a_token_back() -> None:
    provider = ScriptedProvider()
    assert not await endpoint("jira", provider).revoke(Secret("t"))
    assert provider.asked == []


def test_neither_client_nor_endpoint_shows_the_secret() -> None:
    assert SECRET not in repr(CLIENT)
    assert SECRET not in repr(configured("github").get("github"))
