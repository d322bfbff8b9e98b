"""The API of connected accounts for front ends: an access token of this server, exact origins, constant answers."""

from dataclasses import replace
from typing import Any, cast

import pytest
from accounts_site import FRONT_END, ISSUER, ORIGIN, Site, accounts_site
from problems import members, told
from vaults import Vault, canary

from gatelodge.core.codes import Code
from gatelodge.vault.env_store import EnvTokenStore
from gatelodge.vault.owner import Owner

API = "/workspace/api"
ROUTES = [("GET", f"{API}/connections"), ("GET", f"{API}/auth/github/url"), ("DELETE", f"{API}/connections/github")]

CHALLENGE = (
    f'Bearer resource_metadata="{ORIGIN}/.well-known/oauth-protected-resource/workspace/mcp", scope="workspace:read"'
)


async def ask(site: Site, method: str, path: str, headers: dict[str, str] | None = None, **params: str) -> Any:
    return await site.browser("nobody").client.request(method, path, headers=headers, params=params or None)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_token_that_is_not_for_this_server_is_refused(site: Site, method: str, path: str) -> None:
    browser = site.browser("alice")
    # A session does not stand in for a token that is refused.
    await browser.sign_in()
    wrong: list[dict[str, Any]] = [
        {"aud": "https://us.example/other/mcp"},
        {"aud": "gatelodge-web", "typ": "ID"},
        {"iss": "https://as.example/realms/other"},
        {"exp": 1},
    ]
    for claims in wrong:
        answer = await browser.client.request(method, path, headers=site.bearer("alice", **claims))
        assert answer.status_code == 401, claims
        assert answer.headers["www-authenticate"] == (
            f'{CHALLENGE}, error="invalid_token", error_description="{Code.TOKEN_REJECTED.meaning.text}"'
        )
        assert told(answer) == members(Code.TOKEN_REJECTED)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_token_that_may_only_read_lists_and_neither_links_nor_unlinks(
    site: Site, method: str, path: str
) -> None:
    await site.vault.store.put(Owner(ISSUER, "alice", "github"), {"access_token": canary("a")}, actor="user:1")
    answer = await ask(site, method, path, site.bearer("alice", scope="workspace:read"))
    if path.endswith("connections"):
        assert answer.status_code == 200
    else:
        assert (answer.status_code, told(answer)) == (403, members(Code.SCOPE_MISSING, "insufficient_scope"))
        assert answer.headers["www-authenticate"] == (
            f'Bearer resource_metadata="{ORIGIN}/.well-known/oauth-protected-resource/workspace/mcp", '
            'scope="workspace:write", error="insufficient_scope", error_description="The access token lacks a scope."'
        )
    # Our own page and front ends with both scopes are another matter: nothing is unlinked so far.
    assert await site.linked("alice")


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "scope", ["", "openid email", "other:write other:read", "gatelodge:tokens", "workspace:writer"]
)
async def test_a_token_without_a_scope_of_this_server_is_refused_everywhere(
    site: Site, method: str, path: str, scope: str
) -> None:
    await site.vault.store.put(Owner(ISSUER, "alice", "github"), {"access_token": canary("a")}, actor="user:1")
    answer = await ask(site, method, path, site.bearer("alice", scope=scope))
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    needed = "read" if path.endswith("connections") else "write"
    assert f'scope="workspace:{needed}"' in answer.headers["www-authenticate"]
    assert await site.linked("alice")


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_service_is_no_user_of_these_routes_whatever_its_scopes(site: Site, method: str, path: str) -> None:
    service = site.bearer("service-1", azp="report-service", gatelodge_service="report-service")
    assert (await ask(site, method, path, service)).status_code == 403


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_stranger_learns_nothing(site: Site, method: str, path: str) -> None:
    answer = await ask(site, method, path)
    assert answer.status_code == 401
    # No error where no credentials came: clients take one as a reason to throw their token away.
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert told(answer) == members(Code.SESSION_REQUIRED)
    assert (await ask(site, method, path.replace("github", "nothing"))).json() == answer.json()
    malformed = await ask(site, method, path, {"authorization": "Bearer a b"})
    assert malformed.status_code == 400
    assert malformed.headers["www-authenticate"].startswith(f'{CHALLENGE}, error="invalid_request"')
    assert (await ask(site, method, path, {"authorization": "Basic YTpi"})).status_code == 401


async def test_keys_that_cannot_be_had_are_a_503_with_a_time(site: Site) -> None:
    site.issuer.status = 503
    answer = await ask(site, "GET", f"{API}/connections", site.bearer("alice"))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_each_user_sees_and_changes_their_own_links_only(site: Site) -> None:
    store = site.vault.store
    for user in ("alice", "bob"):
        await store.put(
            Owner(ISSUER, user, "github"), {"access_token": canary("a")}, actor="user:1", account_name=f"octo-{user}"
        )
    await store.put(Owner("https://other.example", "alice", "slack"), {"access_token": canary("b")}, actor="user:1")
    await site.vault.end(Owner(ISSUER, "alice", "github"))
    listed = await ask(site, "GET", f"{API}/connections", site.bearer("alice"))
    by_name = {one["provider"]: one for one in listed.json()["connections"]}
    assert list(by_name) == ["github", "jira", "slack", "notion", "coda"]
    assert by_name["github"]["status"] == "needs_attention"
    assert "refresh token" in by_name["github"]["explanation"]
    assert by_name["github"]["account_name"] == "octo-alice"
    assert by_name["slack"]["status"] == "not_linked"
    assert by_name["slack"]["link_url"] == f"{ORIGIN}/workspace/accounts?link=slack"
    assert "canary" not in listed.text
    assert "csrf" not in listed.json()
    assert listed.headers["cache-control"] == "no-store"
    gone = await ask(site, "DELETE", f"{API}/connections/github", site.bearer("alice"))
    assert gone.status_code == 204
    assert not await site.linked("alice")
    assert await site.linked("bob")
    assert (await ask(site, "DELETE", f"{API}/connections/github", site.bearer("alice"))).status_code == 404
    assert (await ask(site, "DELETE", f"{API}/connections/nothing", site.bearer("alice"))).status_code == 404


async def test_a_row_that_cannot_be_read_shows_as_that_and_can_be_unlinked(site: Site) -> None:
    owner = Owner(ISSUER, "alice", "github")
    await site.vault.store.put(owner, {"access_token": canary("a")}, actor="user:1")
    await site.vault.sql("UPDATE tokens SET quarantined_at = 1.0, quarantine_reason = 'not authentic'")
    listed = await ask(site, "GET", f"{API}/connections", site.bearer("alice"))
    assert listed.json()["connections"][0]["status"] == "needs_attention"
    assert listed.json()["connections"][0]["reason"] == "unreadable"
    gone = await ask(site, "DELETE", f"{API}/connections/github", site.bearer("alice"))
    # Nothing could be given back.
    assert gone.status_code == 200
    assert gone.json() == {"provider": "github", "authorised_at": "https://github.com/settings/applications"}
    assert not await site.linked("alice")


async def test_a_server_that_keeps_no_accounts_offers_no_link(vault: Vault) -> None:
    async with accounts_site(replace(vault, store=cast(Any, EnvTokenStore({}, vault.trail)))) as site:
        listed = await ask(site, "GET", f"{API}/connections", site.bearer("alice"))
        assert all("link_url" not in one for one in listed.json()["connections"])
        begun = await ask(site, "GET", f"{API}/auth/github/url", site.bearer("alice"))
        assert (begun.status_code, begun.json()["code"]) == (405, "store_read_only")
        assert "GATELODGE_TOKEN_STORE" in begun.json()["hint"]
        assert (await ask(site, "DELETE", f"{API}/connections/github", site.bearer("alice"))).status_code == 404
        browser = site.browser("alice")
        await browser.sign_in()
        page = (await browser.open("/workspace/accounts")).text
        assert "this server keeps none (GATELODGE_TOKEN_STORE=env)" in page
        assert "/github/link" not in page
        assert "/coda/token" not in page
        assert (await browser.send("github/link")).status_code == 405
        assert (await browser.send("coda/token", token="canary-t")).status_code == 405
    assert site.provider.asked == []


async def test_providers_without_an_authorization_page_are_not_found(site: Site) -> None:
    unknown = await ask(site, "GET", f"{API}/auth/nothing/url", site.bearer("alice"))
    assert unknown.status_code == 404
    coda = await ask(site, "GET", f"{API}/auth/coda/url", site.bearer("alice"))
    assert coda.status_code == 404
    assert f"{ORIGIN}/workspace/accounts?link=coda" in coda.json()["hint"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_front_ends_of_the_list_may_ask_and_no_others(site: Site, method: str, path: str) -> None:
    preflight = {"access-control-request-method": method, "access-control-request-headers": "authorization"}
    allowed = await ask(site, "OPTIONS", path, {"origin": FRONT_END, **preflight})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == FRONT_END
    assert "access-control-allow-credentials" not in allowed.headers
    answer = await ask(site, method, path, {"origin": FRONT_END, **site.bearer("alice")})
    assert answer.headers["access-control-allow-origin"] == FRONT_END
    for origin in ("https://evil.example", "null", f"{FRONT_END}.evil.example", "http://app.example", ORIGIN + ":8443"):
        refused = await ask(site, "OPTIONS", path, {"origin": origin, **preflight})
        assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers
        read = await ask(site, method, path, {"origin": origin, **site.bearer("alice")})
        assert "access-control-allow-origin" not in read.headers


async def test_a_plain_options_request_is_answered_without_a_caller(site: Site) -> None:
    assert (await ask(site, "OPTIONS", f"{API}/connections")).status_code == 204
