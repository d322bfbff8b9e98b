"""A client's own entry through Traefik, the desk and Keycloak (RFC 7592), and equal registrations."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from native_stack import Stack
from problems import constant
from wire import tls_client

pytestmark = pytest.mark.stack


def body(name: str, port: int, **members: Any) -> dict[str, Any]:
    return {
        "client_name": name,
        "redirect_uris": [f"http://localhost:{port}/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        **members,
    }


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(stack.ca_file) as client:
        yield client


def endpoint(stack: Stack) -> str:
    return f"{stack.issuer}/clients-registrations/openid-connect"


def bearer(answer: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {answer['registration_access_token']}"}


async def test_a_client_reads_changes_and_removes_itself_at_the_address_it_was_given(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    made = (await http.post(endpoint(stack), json=body("managed", 3901))).json()
    uri = made["registration_client_uri"]
    assert uri == f"{endpoint(stack)}/{made['client_id']}"
    read = await http.get(uri, headers=bearer(made))
    assert (read.status_code, read.json()["redirect_uris"]) == (200, made["redirect_uris"])
    change = body("managed anew", 3902, client_id=made["client_id"], scope="deep-research:read", unknown_member=1)
    changed = await http.put(uri, headers=bearer(read.json()), json=change)
    assert (changed.status_code, changed.json()["redirect_uris"]) == (200, ["http://localhost:3902/callback"])
    internal_id = stack.admin.keycloak.get_client_id(made["client_id"])
    assert internal_id is not None
    stored = stack.admin.keycloak.get_client(internal_id)
    assert stored["attributes"]["gatelodge.made-by"] == "dcr"
    assert {"offline_access", "deep-research:read", "deep-research:write"} <= set(stored["optionalClientScopes"])
    assert (stored["consentRequired"], stored["fullScopeAllowed"]) == (True, False)
    # The change brought another token.
    assert (await http.get(uri, headers=bearer(made))).status_code == 401
    assert (await http.delete(uri, headers=bearer(changed.json()))).status_code == 204
    assert (await http.get(uri, headers=bearer(changed.json()))).status_code == 401


async def test_a_change_cannot_do_what_a_registration_cannot(stack: Stack, http: httpx2.AsyncClient) -> None:
    made = (await http.post(endpoint(stack), json=body("held", 3903))).json()
    uri = made["registration_client_uri"]
    evil = body("held", 3903, client_id=made["client_id"], redirect_uris=["https://evil.example/cb"])
    refused = await http.put(uri, headers=bearer(made), json=evil)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")
    assert (await http.delete(uri, headers=bearer(made))).status_code == 204


async def test_one_clients_token_does_nothing_to_another_client(stack: Stack, http: httpx2.AsyncClient) -> None:
    one = (await http.post(endpoint(stack), json=body("one", 3904))).json()
    other = (await http.post(endpoint(stack), json=body("other", 3905))).json()
    foreign = await http.delete(other["registration_client_uri"], headers=bearer(one))
    unknown = await http.delete(f"{endpoint(stack)}/nobody", headers=bearer(one))
    assert (foreign.status_code, constant(foreign)) == (unknown.status_code, constant(unknown))
    assert len(foreign.content) == len(unknown.content)
    assert foreign.status_code == 401
    for made in (one, other):
        assert (await http.delete(made["registration_client_uri"], headers=bearer(made))).status_code == 204


async def test_an_equal_registration_gets_the_same_client_which_nobody_can_change_then(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    first = (await http.post(endpoint(stack), json=body("again", 3906))).json()
    second = (await http.post(endpoint(stack), json=body("again", 3906))).json()
    try:
        assert second["client_id"] == first["client_id"]
        assert "registration_access_token" not in second
        assert (await http.get(first["registration_client_uri"], headers=bearer(first))).status_code == 401
        # A free port is no difference, a path is one.
        third = (await http.post(endpoint(stack), json=body("again", 3907))).json()
        assert third["client_id"] == first["client_id"]
        elsewhere = body("again", 3906, redirect_uris=["http://localhost:3906/other"])
        other = (await http.post(endpoint(stack), json=elsewhere)).json()
        assert other["client_id"] != first["client_id"]
        await http.delete(other["registration_client_uri"], headers=bearer(other))
    finally:
        stack.admin.delete_client(first["client_id"])
