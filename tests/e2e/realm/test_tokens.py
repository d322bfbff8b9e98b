"""What the code flow gives and refuses: the claims our servers rely on, and the traps of Keycloak as their issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatelodge.ops.link.browser import SignInFailed
from gatelodge.ops.link.oauth_types import OAuthRefused, Pkce

if TYPE_CHECKING:
    from e2e.realm.conftest import Visitor

pytestmark = pytest.mark.stack

READ, WRITE = "deep-research:read", "deep-research:write"
ACCOUNT_CONSOLE = "account-console"


@pytest.mark.requirement("RFC6750-5.3-short-life", "RFC6750-5.3-audience", "RFC9068-2.2.3-scope")
@pytest.mark.requirement("RFC9700-2.3-least-privilege", "RFC9700-2.3-audience", "MCP26-AUTH-24")
@pytest.mark.parametrize("scope", [READ, WRITE])
async def test_a_token_for_a_servers_scope_has_its_exact_url_as_the_only_audience(visitor: Visitor, scope: str) -> None:
    client = await visitor.client()
    tokens = await visitor.tokens(client, "openid", "email", "profile", "offline_access", scope)
    claims = tokens.claims()
    assert claims["aud"] == visitor.stack.mcp_url
    assert claims["iss"] == visitor.stack.issuer
    assert claims["typ"] == "Bearer"
    assert claims["azp"] == client.client_id
    assert set(claims["scope"].split()) == {"openid", "email", "profile", "offline_access", scope}
    assert {"sub", "sid", "jti", "acr", "iat", "exp"} <= claims.keys()
    assert claims["exp"] - claims["iat"] == 300
    # Keycloak counts it when it answers, which may be a second or more later.
    assert tokens.expires_in is not None
    assert 270 < tokens.expires_in <= 300
    assert "realm_access" not in claims
    assert "email" not in claims


async def test_a_client_that_asks_for_the_servers_scope_alone_still_names_its_user(visitor: Visitor) -> None:
    tokens = await visitor.tokens(await visitor.client(), READ)
    assert tokens.claims()["preferred_username"] == visitor.stack.users[0][0]
    assert tokens.claims()["sub"]


@pytest.mark.requirement("RFC9700-2.3-least-privilege")
async def test_a_token_without_a_servers_scope_has_no_audience(visitor: Visitor) -> None:
    tokens = await visitor.tokens(await visitor.client(), "openid", "email", "profile", "offline_access")
    assert "aud" not in tokens.claims()


async def test_a_foreign_resource_does_not_change_the_audience(visitor: Visitor) -> None:
    tokens = await visitor.tokens(await visitor.client(), READ, extra={"resource": "https://elsewhere.example/mcp"})
    assert tokens.claims()["aud"] == visitor.stack.mcp_url


@pytest.mark.parametrize("user", [0, 1])
async def test_every_seeded_user_may_stay_connected(visitor: Visitor, user: int) -> None:
    tokens = await visitor.tokens(await visitor.client(), READ, "offline_access", user=visitor.stack.users[user])
    assert "offline_access" in tokens.scopes
    # Thirty days idle; without the limit of 180 days Keycloak would say 0, for ever.
    assert 0 < tokens.document["refresh_expires_in"] <= 2_592_000


async def test_a_user_made_later_may_stay_connected_too(visitor: Visitor, extra_user: tuple[str, str]) -> None:
    tokens = await visitor.tokens(await visitor.client(), READ, "offline_access", user=extra_user)
    assert "offline_access" in tokens.scopes


async def test_userinfo_tells_the_address_and_that_it_is_verified(visitor: Visitor) -> None:
    tokens = await visitor.tokens(await visitor.client(), "openid", "email")
    answer = await visitor.outbound.request(
        "GET",
        f"{visitor.stack.issuer}/protocol/openid-connect/userinfo",
        headers={"authorization": f"Bearer {tokens.access_token}"},
    )
    assert answer.json_object()["email"].endswith("@example.com")
    assert answer.json_object()["email_verified"] is True


@pytest.mark.requirement("RFC9700-2.1.1-pkce", "RFC9700-2.1.1-s256")
@pytest.mark.parametrize("pkce", [None, Pkce.new("plain")], ids=["missing", "plain"])
async def test_a_code_needs_pkce_with_s256(visitor: Visitor, pkce: Pkce | None) -> None:
    for method in ("none", "client_secret_basic"):
        client = await visitor.client(token_endpoint_auth_method=method)
        callback = await visitor.authorize(client.client_id, [READ], pkce=pkce)
        assert (callback.error, callback.code) == ("invalid_request", None)
        assert callback.iss == visitor.stack.issuer


async def test_clients_that_come_with_the_realm_need_pkce_too(visitor: Visitor) -> None:
    redirect = f"{visitor.stack.issuer}/account/"
    callback = await visitor.authorize(ACCOUNT_CONSOLE, ["openid"], pkce=None, redirect_uri=redirect)
    assert callback.error == "invalid_request"


@pytest.mark.requirement("RFC9700-2.1.1-verifier")
async def test_a_code_is_useless_with_another_verifier(visitor: Visitor) -> None:
    client = await visitor.client()
    callback = await visitor.authorize(client.client_id, [READ], pkce=Pkce.new())
    with pytest.raises(OAuthRefused) as caught:
        await visitor.exchange(client, callback.code, Pkce.new())
    assert (caught.value.http_status, caught.value.error) == (400, "invalid_grant")


@pytest.mark.requirement("RFC9700-4.2.4-code-once")
async def test_a_code_works_once(visitor: Visitor) -> None:
    client, pkce = await visitor.client(), Pkce.new()
    callback = await visitor.authorize(client.client_id, [READ], pkce=pkce)
    await visitor.exchange(client, callback.code, pkce)
    with pytest.raises(OAuthRefused) as caught:
        await visitor.exchange(client, callback.code, pkce)
    assert caught.value.error == "invalid_grant"


@pytest.mark.requirement("RFC9207-2-iss", "MCP26-AUTH-21a")
@pytest.mark.parametrize("scopes", [[READ, "admin"], [""]], ids=["unknown", "empty"])
async def test_a_scope_that_cannot_be_had_is_refused_with_the_issuer_named(visitor: Visitor, scopes: list[str]) -> None:
    client = await visitor.client()
    # The wrong password shows that nobody is asked to sign in for such a request.
    callback = await visitor.authorize(client.client_id, scopes, pkce=Pkce.new(), user=("nobody", "wrong"))
    assert callback.error in {"invalid_scope", "invalid_request"}
    assert callback.iss == visitor.stack.issuer


@pytest.mark.requirement("RFC9207-2-iss", "MCP26-AUTH-21a")
async def test_a_refused_consent_goes_back_to_the_client_with_the_issuer_named(visitor: Visitor) -> None:
    client = await visitor.client()
    callback = await visitor.authorize(client.client_id, [READ], pkce=Pkce.new(), consent=False)
    assert (callback.error, callback.code) == ("access_denied", None)
    assert callback.iss == visitor.stack.issuer


@pytest.mark.requirement("RFC9700-2.1-exact-redirect", "MCP26-AUTH-25")
async def test_another_path_on_the_registered_host_gets_no_code(visitor: Visitor) -> None:
    client = await visitor.client()
    with pytest.raises(SignInFailed, match="redirect_uri"):
        await visitor.authorize(client.client_id, [READ], pkce=Pkce.new(), redirect_uri="http://127.0.0.1:33418/other")


async def test_a_loopback_redirect_registered_without_a_port_may_use_any(visitor: Visitor) -> None:
    # RFC 8252, section 7.3. With a port in the registered URI Keycloak compares it exactly.
    client = await visitor.client(redirect_uris=["http://127.0.0.1/callback"])
    redirect = "http://127.0.0.1:40123/callback"
    callback = await visitor.authorize(client.client_id, [READ], pkce=Pkce.new(), redirect_uri=redirect)
    assert callback.code


async def test_a_refresh_rotates_and_keeps_the_audience(visitor: Visitor) -> None:
    client = await visitor.client()
    first = await visitor.tokens(client, READ, "offline_access")
    second = await visitor.refresh(client, first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert second.claims()["aud"] == visitor.stack.mcp_url
    third = await visitor.refresh(client, second.refresh_token)
    assert third.scopes == first.scopes


@pytest.mark.requirement("RFC9700-2.2.2-rotation", "MCP26-AUTH-23", "MCP25-AUTH-23")
async def test_a_refresh_token_used_twice_ends_the_connection(visitor: Visitor) -> None:
    client = await visitor.client()
    first = await visitor.tokens(client, READ, "offline_access")
    second = await visitor.refresh(client, first.refresh_token)
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(OAuthRefused) as caught:
            await visitor.refresh(client, token)
        assert (caught.value.http_status, caught.value.error) == (400, "invalid_grant")
