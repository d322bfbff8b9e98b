"""Access tokens for services: who gets one, for whom, and what is recorded."""

from typing import Any

import httpx2
import pytest
from proxy_desk import ISSUER, ProxyDesk, proxy_desk
from vaults import Vault

from gatelodge.audit.actor import of_service, of_user
from gatelodge.core.secret import Secret

CLIENT = "report-service"
SCOPE = "gatelodge:tokens"
SERVICE: dict[str, Any] = {"azp": CLIENT, "scope": SCOPE, "sub": "service-account", "gatelodge_service": CLIENT}


async def ask(desk: ProxyDesk, query: str = "user=alice", provider: str = "github", **claims: str) -> httpx2.Response:
    token = desk.factory.token(**{**SERVICE, **claims})
    url = f"/workspace/internal/tokens/{provider}?{query}"
    return await desk.http.get(url, headers={"authorization": f"Bearer {token}"})


async def test_the_endpoint_does_not_exist_unless_a_client_is_named(desk: ProxyDesk) -> None:
    assert (await ask(desk)).status_code == 404


async def test_a_listed_client_with_the_scope_gets_the_access_token_of_the_named_user(vault: Vault) -> None:
    async with proxy_desk(vault, services=frozenset({CLIENT})) as desk:
        secrets = {"refresh_token": Secret("canary-refresh")}
        await desk.link("github", secrets=secrets, account_id="42", scopes=frozenset({"repo"}))
        response = await ask(desk)
        assert response.json() == {
            "access_token": "canary-a0",
            "token_type": "Bearer",
            "expires_at": None,
            "scopes": ["repo"],
            "account_id": "42",
            "extra": {},
        }
        assert response.headers["cache-control"] == "no-store"
        (found,) = await desk.vault.events("service.token")
        assert dict(found.event.subject) == {
            "provider": "github",
            "owner": of_user(ISSUER, "alice"),
            "client": CLIENT,
        }
        assert found.event.actor == of_service(CLIENT) == "service:report-service"
        assert "canary" not in repr(found)
        (read,) = await desk.vault.events("vault.get")
        assert read.event.actor == of_service(CLIENT)


async def test_a_service_gets_the_users_own_token_of_slack_and_never_the_bots(vault: Vault) -> None:
    async with proxy_desk(vault, services=frozenset({CLIENT})) as desk:
        both = {"user_access_token": Secret("canary-own")}
        await desk.link("slack", token="canary-bot", secrets=both, scopes=frozenset({"chat:write"}))
        given = (await ask(desk, provider="slack")).json()
        assert (given["access_token"], given["scopes"]) == ("canary-own", [])
        await desk.link("slack", token="canary-bot", secrets={})
        assert (await ask(desk, provider="slack")).status_code == 409


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"azp": "another-client", "gatelodge_service": "another-client"}, 403),
        ({"azp": "another-client"}, 401),
        ({"azp": "another-client", "gatelodge_service": CLIENT}, 401),
        ({"gatelodge_service": "another-client"}, 401),
        ({"gatelodge_service": ""}, 401),
        ({"gatelodge_service": True}, 401),
        ({"Gatelodge_service": CLIENT}, 401),
        ({"azp": ""}, 401),
        ({"scope": "workspace:read workspace:write"}, 403),
        ({"scope": "gatelodge:token"}, 403),
        ({"aud": "https://localhost:8443/other/mcp"}, 401),
    ],
)
async def test_any_other_client_scope_or_audience_is_refused(vault: Vault, claims: dict[str, str], status: int) -> None:
    async with proxy_desk(vault, services=frozenset({CLIENT})) as desk:
        await desk.link("github")
        response = await ask(desk, **claims)
        assert response.status_code == status
        assert "canary" not in response.text
        assert {found.event.outcome for found in await desk.vault.events("service.token")} <= {"refused"}
        # The scope is never offered: a client that could ask for it would.
        assert SCOPE not in response.headers.get("www-authenticate", "")


async def test_a_person_is_refused_whatever_the_token_says_of_scopes_and_client(vault: Vault) -> None:
    async with proxy_desk(vault, services=frozenset({CLIENT})) as desk:
        await desk.link("github")
        url = "/workspace/internal/tokens/github?user=alice"
        for scope in (SCOPE, f"openid workspace:read workspace:write {SCOPE}", f"{SCOPE} {SCOPE}"):
            headers = desk.bearer(scope, azp=CLIENT, preferred_username=f"service-account-{CLIENT}", client_id=CLIENT)
            response = await desk.http.get(url, headers=headers)
            assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
            assert "canary" not in response.text
        # Whoever has a token may ask without end.
        (found,) = await desk.vault.events("service.token")
        assert (found.event.outcome, found.event.rule) == ("refused", "user")
        assert found.event.actor == of_user(ISSUER, "alice")


async def test_a_service_calls_no_provider_as_a_user_would(vault: Vault) -> None:
    async with proxy_desk(vault, services=frozenset({CLIENT})) as desk:
        await desk.link("github", "service-account")
        token = desk.factory.token(**{**SERVICE, "scope": f"{SCOPE} workspace:read workspace:write"})
        assert (await desk.call("github", headers={"authorization": f"Bearer {token}"})).status_code == 403
        assert desk.raw.asked == []


async def test_what_came_through_a_reverse_proxy_or_names_no_user_is_refused(vault: Vault) -> None:
    async with proxy_desk(vault, services=frozenset({CLIENT})) as desk:
        await desk.link("github")
        token = desk.factory.token(**SERVICE)
        for name in ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"):
            headers = {"authorization": f"Bearer {token}", name: "192.0.2.1"}
            response = await desk.http.get("/workspace/internal/tokens/github?user=alice", headers=headers)
            assert response.status_code == 404
        for query in ("", "user=", "user=alice&user=bob", "user=%0a", "user=" + "x" * 300):
            assert (await ask(desk, query)).status_code == 400
        assert (await ask(desk, provider="gitlab")).status_code == 404
        missing = await ask(desk, "user=nobody")
        assert (missing.status_code, missing.json()["error"]) == (409, "connection_missing")
        outcomes = [(found.event.outcome, found.event.rule) for found in await desk.vault.events("service.token")]
        assert outcomes == [("failed", "connection_missing")]


async def test_no_token_is_given_that_cannot_be_recorded(vault: Vault) -> None:
    async with proxy_desk(vault, services=frozenset({CLIENT})) as desk:
        await desk.link("github")
        await vault.trail.flush()
        await vault.sql("ALTER TABLE audit_head RENAME TO gone")
        response = await ask(desk)
        await vault.sql("ALTER TABLE gone RENAME TO audit_head")
        assert response.status_code >= 500
        assert "canary" not in response.text
