"""A document made a client, kept like it and taken back; what a person made stays as it is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from managed_realm import ManagedRealm

from gatelodge.registration.documents.model import ClientDocument
from gatelodge.registration.keycloak_clients import ClientExists, KeycloakClients
from gatelodge.registration.marks import DISABLED_AT, MADE_AT, MADE_BY, WITHDRAWN_AT, mark
from gatelodge.registration.provision import provision, withdraw

NOW, DAY = 1_800_000_000.0, 86_400.0
ID = "https://client.example/oauth/client.json"
GRANTS = ("authorization_code", "refresh_token")
DOCUMENT = ClientDocument(ID, "client.example", "Client", ("http://127.0.0.1:9/cb",), "none", None, None, None, GRANTS)
SIGNED = replace(DOCUMENT, method="private_key_jwt", signing_alg="ES256", jwks_uri="https://client.example/jwks.json")
KEYS = "http://127.0.0.1:8001/internal/clients/x/jwks.json"


async def test_a_new_document_makes_a_client_that_can_do_no_more_than_a_registered_one(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    assert await provision(clients, DOCUMENT, keys_url=None, now=NOW) == "created"
    made = realm.clients[ID]
    assert made["name"] == "Client (client.example)"
    assert made["redirectUris"] == ["http://127.0.0.1:9/cb", "http://127.0.0.1/cb"]
    flags = ("consentRequired", "standardFlowEnabled", "publicClient", "enabled")
    assert all(made[flag] is True for flag in flags)
    flags = ("fullScopeAllowed", "implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled")
    assert not any(made[flag] for flag in flags)
    assert made["attributes"]["pkce.code.challenge.method"] == "S256"
    assert (mark(made, MADE_BY), mark(made, MADE_AT)) == ("cimd", str(int(NOW)))
    assert not {"secret", "defaultClientScopes", "optionalClientScopes"} & set(made)


async def test_a_client_without_a_name_of_its_own_shows_its_host_once(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    await provision(clients, replace(DOCUMENT, name="client.example"), keys_url=None, now=NOW)
    assert realm.clients[ID]["name"] == "client.example"


async def test_the_same_document_again_changes_nothing(realm: ManagedRealm, clients: KeycloakClients) -> None:
    await provision(clients, DOCUMENT, keys_url=None, now=NOW)
    realm.calls.clear()
    assert await provision(clients, DOCUMENT, keys_url=None, now=NOW + DAY) == "unchanged"
    assert {method for method, _ in realm.calls} == {"GET"}


async def test_a_changed_document_changes_what_it_decides_and_nothing_else(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    await provision(clients, DOCUMENT, keys_url=None, now=NOW)
    realm.clients[ID] |= {"description": "theirs", "webOrigins": ["https://theirs.example"]}
    realm.clients[ID]["attributes"]["theirs"] = "kept"
    assert await provision(clients, SIGNED, keys_url=KEYS, now=NOW + DAY) == "updated"
    made = realm.clients[ID]
    assert (made["publicClient"], made["clientAuthenticatorType"]) == (False, "client-jwt")
    attributes = made["attributes"]
    assert (attributes["use.jwks.url"], attributes["jwks.url"]) == ("true", KEYS)
    assert attributes["token.endpoint.auth.signing.alg"] == "ES256"
    assert (made["description"], made["webOrigins"], attributes["theirs"]) == (
        "theirs",
        ["https://theirs.example"],
        "kept",
    )
    assert mark(made, MADE_AT) == str(int(NOW))
    # And back: a public client has no keys left over.
    await provision(clients, DOCUMENT, keys_url=None, now=NOW + DAY)
    assert "jwks.url" not in realm.clients[ID]["attributes"]
    assert realm.clients[ID]["publicClient"] is True


async def test_keys_are_never_read_from_the_documents_own_address(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    with pytest.raises(ValueError, match="address of the keys"):
        await provision(clients, SIGNED, keys_url=None, now=NOW)
    await provision(clients, SIGNED, keys_url=KEYS, now=NOW)
    assert "https://client.example/jwks.json" not in str(realm.clients[ID])


def put(realm: ManagedRealm, **attributes: str) -> dict[str, Any]:
    """A client of the document's id that is there already."""
    made = {"id": "theirs", "clientId": ID, "name": "theirs", "enabled": True, "attributes": attributes}
    realm.clients[ID] = made
    return dict(made)


@pytest.mark.parametrize("marks", [{}, {MADE_BY: "predefined"}, {MADE_BY: "dcr"}, {MADE_BY: "CIMD"}])
async def test_a_client_that_something_else_made_is_never_touched(
    marks: dict[str, str], realm: ManagedRealm, clients: KeycloakClients
) -> None:
    before = put(realm, **marks)
    assert await provision(clients, DOCUMENT, keys_url=None, now=NOW) == "foreign"
    assert await withdraw(clients, ID, now=NOW, grace=0) == "foreign"
    assert realm.clients[ID] == before
    assert {method for method, _ in realm.calls} == {"GET"}


class Raced(KeycloakClients):
    """Somebody else makes the client between looking and making; ``gone``: and removes it again."""

    def __init__(self, real: KeycloakClients, realm: ManagedRealm, *, gone: bool) -> None:
        self._real, self._theirs, self._gone = real, realm, gone

    async def find(self, client_id: str) -> dict[str, Any] | None:
        return await self._real.find(client_id)

    async def create(self, representation: Mapping[str, Any]) -> str:
        if self._gone:
            raise ClientExists("There is a client of this client_id.")
        await provision(self._real, DOCUMENT, keys_url=None, now=NOW)
        return await self._real.create(representation)


async def test_of_two_at_once_one_makes_the_client_and_the_other_finds_it(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    raced = Raced(clients, realm, gone=False)
    assert await provision(raced, DOCUMENT, keys_url=None, now=NOW) == "unchanged"
    assert list(realm.clients) == [ID]
    with pytest.raises(ClientExists):
        await provision(
            Raced(clients, realm, gone=True), replace(DOCUMENT, client_id="https://x.example/y"), keys_url=None, now=NOW
        )


# A document that is gone


async def test_a_withdrawn_document_disables_its_client_after_the_grace_and_brings_it_back_when_it_returns(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    await provision(clients, DOCUMENT, keys_url=None, now=NOW)
    for after, outcome, enabled in [
        (0, "marked", True),
        (DAY, "waiting", True),
        (7 * DAY - 1, "waiting", True),
        (7 * DAY, "disabled", False),
        (8 * DAY, "disabled", False),
    ]:
        assert await withdraw(clients, ID, now=NOW + after, grace=7 * DAY) == outcome
        assert realm.clients[ID]["enabled"] is enabled
    assert mark(realm.clients[ID], WITHDRAWN_AT) == str(int(NOW))
    assert mark(realm.clients[ID], DISABLED_AT) == str(int(NOW + 7 * DAY))
    assert await provision(clients, DOCUMENT, keys_url=None, now=NOW + 9 * DAY) == "updated"
    back = realm.clients[ID]
    assert (back["enabled"], mark(back, WITHDRAWN_AT), mark(back, DISABLED_AT)) == (True, None, None)
    # A second time, the grace begins anew.
    assert await withdraw(clients, ID, now=NOW + 30 * DAY, grace=7 * DAY) == "marked"


async def test_a_client_that_a_person_disabled_is_not_enabled_by_its_document(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    await provision(clients, DOCUMENT, keys_url=None, now=NOW)
    realm.clients[ID]["enabled"] = False
    await withdraw(clients, ID, now=NOW, grace=0)
    assert await withdraw(clients, ID, now=NOW, grace=0) == "disabled"
    assert mark(realm.clients[ID], DISABLED_AT) is None
    await provision(clients, DOCUMENT, keys_url=None, now=NOW)
    assert realm.clients[ID]["enabled"] is False


async def test_withdrawing_what_is_not_there_is_told(clients: KeycloakClients) -> None:
    assert await withdraw(clients, ID, now=NOW, grace=0) == "absent"
