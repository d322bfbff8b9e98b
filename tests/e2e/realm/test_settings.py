"""The realm's own settings at work: metadata, brute force, events, headers, closed self-registration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatelodge.ops.link.browser import SignInFailed
from gatelodge.ops.link.oauth_types import Pkce

if TYPE_CHECKING:
    from e2e.realm.conftest import Stack, Visitor

pytestmark = pytest.mark.stack

READ = "deep-research:read"


async def test_keycloaks_own_metadata_names_only_scopes_that_can_be_asked_for(visitor: Visitor) -> None:
    url = f"{visitor.stack.keycloak_url}/realms/mcp/.well-known/openid-configuration"
    document = await visitor.outbound.get_json(url)
    assert document["issuer"] == visitor.stack.issuer
    assert document["authorization_response_iss_parameter_supported"] is True
    assert set(document["scopes_supported"]) == {
        "openid",
        "email",
        "profile",
        "offline_access",
        "deep-research:read",
        "deep-research:write",
    }


async def test_wrong_passwords_lock_an_account_for_a_while(visitor: Visitor, extra_user: tuple[str, str]) -> None:
    username, password = extra_user
    client = await visitor.client()
    for _ in range(10):
        with pytest.raises(SignInFailed):
            await visitor.authorize(client.client_id, [READ], pkce=Pkce.new(), user=(username, "wrong"))
    with pytest.raises(SignInFailed):
        await visitor.authorize(client.client_id, [READ], pkce=Pkce.new(), user=(username, password))
    keycloak = visitor.stack.admin.keycloak
    status = keycloak.get_bruteforce_detection_status(keycloak.get_user_id(username) or "")
    assert status["disabled"] is True


async def test_sign_ins_and_registrations_leave_events(visitor: Visitor) -> None:
    client = await visitor.client()
    await visitor.tokens(client, READ)
    events = visitor.stack.admin.keycloak.get_events({"client": client.client_id})
    assert {"CLIENT_REGISTER", "LOGIN", "CODE_TO_TOKEN"} <= {event["type"] for event in events}


async def test_changes_by_an_administrator_leave_events_without_their_content(stack: Stack) -> None:
    events = stack.admin.keycloak.connection.raw_get("admin/realms/mcp/admin-events", max=5).json()
    assert events
    assert not any(event.get("representation") for event in events)


async def test_a_loopback_sign_in_page_does_not_pin_https_on_localhost(visitor: Visitor) -> None:
    answer = await visitor.outbound.request("GET", f"{visitor.stack.issuer}/account/")
    assert "referrer-policy" in answer.headers, "Keycloak's own headers are missing: this shows nothing"
    assert "strict-transport-security" not in answer.headers


async def test_nobody_can_open_an_account_of_their_own(visitor: Visitor) -> None:
    client = await visitor.client()
    url = f"{visitor.stack.issuer}/protocol/openid-connect/registrations"
    query = f"client_id={client.client_id}&response_type=code&scope=openid&redirect_uri=http://127.0.0.1:33418/callback"
    challenge = f"code_challenge={Pkce.new().challenge}&code_challenge_method=S256"
    answer = await visitor.outbound.request("GET", f"{url}?{query}&{challenge}")
    assert b"firstName" not in answer.body
    assert answer.status >= 400
