"""Registration at the realm: what goes on, what comes back, and what a refusal of Keycloak becomes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from client_bodies import BODIES
from problems import members
from registering_realm import ALL_SCOPES, INTERNAL, UNTRUSTED, RegisteringRealm

from gatelodge.outbound.client import Outbound
from gatelodge.registration.answers import refused
from gatelodge.registration.body import acceptable
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.errors import (
    InvalidClientMetadata,
    InvalidRedirectUri,
    RegistrarUnavailable,
    RegistrationError,
    RegistrationRefused,
)
from gatelodge.registration.forward import register

BODY: dict[str, Any] = {"client_name": "c", "redirect_uris": ["http://localhost:3118/cb"]}


@pytest.fixture
def realm() -> RegisteringRealm:
    return RegisteringRealm()


@pytest.fixture
async def outbound(realm: RegisteringRealm) -> AsyncIterator[Outbound]:
    client = realm.outbound()
    yield client
    await client.aclose()


@pytest.mark.parametrize("client", BODIES)
async def test_a_measured_body_made_acceptable_registers(
    client: str, realm: RegisteringRealm, outbound: Outbound
) -> None:
    sent = BODIES[client]
    answer = await register(outbound, INTERNAL, acceptable(json.dumps(sent).encode(), RegistrationPolicy()))
    assert answer.status == 201
    assert answer.body["redirect_uris"] == sent["redirect_uris"]
    assert answer.body["grant_types"] == ["authorization_code", "refresh_token"]
    assert answer.body["scope"] == ALL_SCOPES


async def test_measured_bodies_as_they_are_do_not_all_register(realm: RegisteringRealm, outbound: Outbound) -> None:
    outcomes = {}
    for client, sent in BODIES.items():
        try:
            outcomes[client] = (await register(outbound, INTERNAL, sent)).body["scope"]
        except RegistrationError as error:
            outcomes[client] = error.error
    # Without the desk: bound to one scope, refused for client_uri, refused for an unknown member.
    assert outcomes["Claude Code"] == "deep-research:read"
    assert outcomes["mcp-remote"] == "invalid_redirect_uri"
    assert outcomes["ChatGPT"] == "invalid_client_metadata"


async def test_the_answer_holds_what_was_stored_without_keycloaks_own_flags(outbound: Outbound) -> None:
    answer = await register(outbound, INTERNAL, BODY)
    assert dict(answer.body) == {
        "client_id": "c-1",
        "client_secret": "s3cr3t-of-client",
        "client_secret_expires_at": 0,
        "client_id_issued_at": 1795260015,
        "registration_access_token": "t0ken-of-registration",
        "registration_client_uri": "https://localhost:8443/realms/mcp/clients-registrations/openid-connect/c-1",
        "client_name": "c",
        "redirect_uris": ["http://localhost:3118/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": ALL_SCOPES,
    }
    assert answer.headers == {"cache-control": "no-store", "pragma": "no-cache"}
    assert "s3cr3t" not in repr(answer)


async def test_a_public_client_gets_no_secret(outbound: Outbound) -> None:
    answer = await register(outbound, INTERNAL, {**BODY, "token_endpoint_auth_method": "none"})
    assert answer.body["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in answer.body


async def test_members_that_are_missing_from_keycloaks_answer_are_not_invented(
    realm: RegisteringRealm, outbound: Outbound
) -> None:
    realm.answer = (201, {"client_id": "c-2", "redirect_uris": BODY["redirect_uris"]})
    answer = await register(outbound, INTERNAL, BODY)
    assert dict(answer.body) == {"client_id": "c-2", "redirect_uris": BODY["redirect_uris"]}


async def test_redirects_that_were_not_stored_are_not_reported(realm: RegisteringRealm, outbound: Outbound) -> None:
    realm.answer = (201, {"client_id": "c-2", "redirect_uris": ["https://b.example/"]})
    answer = await register(outbound, INTERNAL, {"redirect_uris": ["https://a.example/", "https://b.example/"]})
    assert answer.body["redirect_uris"] == ["https://b.example/"]


async def test_a_loopback_redirect_is_stored_for_any_port_too(realm: RegisteringRealm, outbound: Outbound) -> None:
    await register(outbound, INTERNAL, BODY)
    assert realm.stored["redirect_uris"] == ["http://localhost:3118/cb", "http://localhost/cb"]


async def test_only_the_body_and_its_type_are_sent_on(realm: RegisteringRealm, outbound: Outbound) -> None:
    await register(outbound, INTERNAL, BODY)
    headers, _ = realm.requests[0]
    assert headers["content-type"] == "application/json"
    assert not {"authorization", "cookie", "origin", "referer", "x-forwarded-for"} & set(headers)


LIMIT = "Policy 'Max Clients Limit' rejected request to client-registration service. Details: It's allowed to have max 9 clients per realm"
SCOPE = "Policy 'Allowed Client Scopes' rejected request to client-registration service. Details: Not permitted to use specified clientScope"
REFUSALS: list[tuple[int, Any, type[RegistrationError], str]] = [
    (403, {"error": "insufficient_scope", "error_description": UNTRUSTED}, InvalidRedirectUri, "host of a redirect"),
    (403, {"error": "insufficient_scope", "error_description": LIMIT}, RegistrationRefused, "limit of clients"),
    (403, {"error": "insufficient_scope", "error_description": SCOPE}, RegistrationRefused, "policy refuses"),
    (403, {}, RegistrationRefused, "policy refuses"),
    (400, {"error": "invalid_redirect_uri", "error_description": "x"}, InvalidRedirectUri, "a redirect URI"),
    (400, {"error": "invalid_client_metadata", "error_description": "x"}, InvalidClientMetadata, "client metadata"),
    (400, {"error": 'Unrecognized field "x"'}, InvalidClientMetadata, "client metadata"),
    (401, {"error": "invalid_token"}, RegistrarUnavailable, "does not answer"),
    (404, {"error": "Realm does not exist"}, RegistrarUnavailable, "does not answer"),
    (429, {}, RegistrarUnavailable, "does not answer"),
    (500, {"error": "unknown_error"}, RegistrarUnavailable, "does not answer"),
    (200, {"client_id": "x"}, RegistrarUnavailable, "does not answer"),
    (502, b"<html>", RegistrarUnavailable, "does not answer"),
    (201, b"<html>", RegistrarUnavailable, "does not answer"),
    (201, {"redirect_uris": []}, RegistrarUnavailable, "does not answer"),
    (201, {"client_id": "x"}, RegistrarUnavailable, "does not answer"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case[0]}-{case[2].__name__}")
async def test_a_refusal_of_keycloak_is_put_into_the_words_of_the_rfc(
    case: tuple[int, Any, type[RegistrationError], str], realm: RegisteringRealm, outbound: Outbound
) -> None:
    status, content, kind, text = case
    realm.answer = (status, content)
    with pytest.raises(kind) as caught:
        await register(outbound, INTERNAL, BODY)
    assert text in caught.value.description
    # Keycloak's words and status are for operators.
    assert "Keycloak" not in caught.value.description
    assert len(realm.requests) == 1


async def test_keycloaks_reason_is_kept_for_the_operator_with_the_next_step(
    realm: RegisteringRealm, outbound: Outbound
) -> None:
    realm.answer = (403, {"error_description": LIMIT + "\n" + "x" * 9000})
    with pytest.raises(RegistrationRefused) as caught:
        await register(outbound, INTERNAL, BODY)
    assert "max 9 clients per realm" in caught.value.detail
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) < 400
    assert "max-clients" in caught.value.hint


async def test_an_unreachable_keycloak_is_a_passing_failure(realm: RegisteringRealm, outbound: Outbound) -> None:
    realm.unreachable = True
    with pytest.raises(RegistrarUnavailable) as caught:
        await register(outbound, INTERNAL, BODY)
    assert "127.0.0.1" in caught.value.detail
    assert "127.0.0.1" not in caught.value.description
    # Sent once: a repetition could register a second client.
    assert realm.refused == 1


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (InvalidClientMetadata("t"), 400, "invalid_client_metadata"),
        (InvalidRedirectUri("t"), 400, "invalid_redirect_uri"),
        (RegistrationRefused("t"), 403, "access_denied"),
        (RegistrarUnavailable("t", detail="d"), 503, "temporarily_unavailable"),
    ],
)
def test_an_error_answer_is_the_rfcs_json_and_is_not_cached(error: RegistrationError, status: int, name: str) -> None:
    answer = refused(error)
    assert answer.status == status
    assert dict(answer.body) == members(error.code, name, "t", detail="t")
    assert answer.headers["cache-control"] == "no-store"
    assert ("retry-after" in answer.headers) == (status == 503)
