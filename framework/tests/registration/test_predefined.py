"""Clients made by hand: each product's own redirects, never over an existing client, and the text that is printed."""

import json
from pathlib import Path

import pytest
from managed_realm import ManagedRealm
from registering_realm import INTERNAL, ISSUER

from gatelodge.cli.clients import PRODUCTS as OFFERED
from gatelodge.ops.clients.dialog import Addresses, dialog
from gatelodge.ops.clients.listing import list_clients, render_list
from gatelodge.ops.clients.place import PlaceUnknown, find_place
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.errors import InvalidRedirectUri
from gatelodge.registration.keycloak_clients import ClientExists, KeycloakClients
from gatelodge.registration.predefined import PRODUCTS, predefine

POLICY = RegistrationPolicy()
ADDRESSES = Addresses("https://mcp.example.com/mcp", "https://mcp.example.com/realms/mcp", ("a:read", "offline_access"))


def test_the_command_offers_every_product() -> None:
    assert set(OFFERED) == set(PRODUCTS)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("confidential", [False, True])
async def test_each_product_gets_a_client_that_is_no_wider_than_a_registered_one(
    product: str, confidential: bool, clients: KeycloakClients, realm: ManagedRealm
) -> None:
    made = await predefine(clients, product, policy=POLICY, now=1, confidential=confidential)
    stored = realm.clients[product]
    assert stored["attributes"]["gatelodge.made-by"] == "predefined"
    assert stored["attributes"]["pkce.code.challenge.method"] == "S256"
    assert (stored["consentRequired"], stored["fullScopeAllowed"], stored["publicClient"]) == (
        True,
        False,
        not confidential,
    )
    text = dialog(product, made, ADDRESSES)
    assert made.client_id in text
    assert "https://mcp.example.com/realms/mcp/protocol/openid-connect/token" in text
    assert (made.secret is not None and made.secret.reveal() in text) is confidential
    assert (stored.get("secret") is not None) is confidential


async def test_an_existing_client_is_never_overwritten(clients: KeycloakClients, realm: ManagedRealm) -> None:
    await predefine(clients, "claude", policy=POLICY, now=1)
    before = json.dumps(realm.clients)
    with pytest.raises(ClientExists):
        await predefine(clients, "claude", policy=POLICY, now=2, confidential=True)
    assert json.dumps(realm.clients) == before
    second = await predefine(clients, "claude", policy=POLICY, now=2, name="Team Ä / <b>")
    assert second.client_id == "claude-team-b"


async def test_a_redirect_elsewhere_is_refused(clients: KeycloakClients, realm: ManagedRealm) -> None:
    with pytest.raises(InvalidRedirectUri):
        await predefine(clients, "cursor", policy=POLICY, now=1, redirects=("https://evil.example/cb",))
    assert realm.clients == {}


async def test_the_list_shows_no_secret_and_no_line_that_a_name_forged(
    clients: KeycloakClients, realm: ManagedRealm
) -> None:
    await predefine(clients, "chatgpt", policy=POLICY, now=1, confidential=True)
    realm.clients["chatgpt"]["name"] = "a\nforged\u202e line"
    text = render_list(await list_clients(clients))
    assert realm.clients["chatgpt"]["secret"] not in text
    assert "aforged line" in text
    assert len(text.splitlines()) == 4


def test_without_a_stack_the_next_step_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlaceUnknown) as caught:
        find_place(tmp_path)
    assert "gatelodge up" in caught.value.hint


def test_a_deployment_is_found_by_the_desks_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_ISSUER", ISSUER)
    monkeypatch.setenv("GATELODGE_ISSUER_INTERNAL_URL", INTERNAL)
    with pytest.raises(PlaceUnknown, match="GATELODGE_DESK_SECRET"):
        find_place(None)
    monkeypatch.setenv("GATELODGE_DESK_SECRET", "s" * 24)
    place = find_place(None)
    assert (place.realm_url, place.secret.reveal(), place.reaping.max_clients) == (INTERNAL, "s" * 24, 2000)
