"""What clients are told, made from a document with every member of a real Keycloak 26.7.3 realm."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from mcp.shared.auth import OAuthMetadata

from gatelodge.issuer.metadata import curate
from gatelodge.testing.discovery import keycloak_metadata

ISSUER = "https://localhost:8443/realms/mcp"
SCOPES = ("deep-research:read", "deep-research:write")


@pytest.fixture
def keycloak() -> dict[str, Any]:
    return keycloak_metadata(ISSUER, scopes=SCOPES)


@pytest.fixture
def curated(keycloak: dict[str, Any]) -> Mapping[str, Any]:
    return curate(keycloak, scopes=SCOPES)


def test_the_issuer_stays_equal_byte_by_byte(curated: Mapping[str, Any]) -> None:
    assert curated["issuer"] == ISSUER


@pytest.mark.requirement("RFC9700-2.1.1-pkce-advertised", "MCP26-AUTH-20", "MCP25-AUTH-20")
def test_only_s256_is_offered_for_pkce(curated: Mapping[str, Any]) -> None:
    assert curated["code_challenge_methods_supported"] == ["S256"]


def test_public_clients_find_none_first_among_the_authentication_methods(curated: Mapping[str, Any]) -> None:
    methods = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]

    assert curated["token_endpoint_auth_methods_supported"] == methods
    assert curated["revocation_endpoint_auth_methods_supported"] == methods
    assert curated["introspection_endpoint_auth_methods_supported"] == methods[1:]


def test_a_method_that_keycloak_lacks_is_not_offered(keycloak: dict[str, Any]) -> None:
    keycloak["token_endpoint_auth_methods_supported"] = ["client_secret_post", "tls_client_auth"]

    assert curate(keycloak, scopes=())["token_endpoint_auth_methods_supported"] == ["none", "client_secret_post"]


def test_an_absent_method_list_means_client_secret_basic(keycloak: dict[str, Any]) -> None:
    del keycloak["token_endpoint_auth_methods_supported"]

    assert curate(keycloak, scopes=())["token_endpoint_auth_methods_supported"] == ["none", "client_secret_basic"]


def test_only_the_code_flow_and_refresh_are_offered(curated: Mapping[str, Any]) -> None:
    assert curated["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert curated["response_types_supported"] == ["code"]
    assert curated["response_modes_supported"] == ["query", "form_post"]


def test_only_scopes_that_can_be_granted_are_offered(curated: Mapping[str, Any]) -> None:
    assert curated["scopes_supported"] == ["openid", "email", "profile", "offline_access", *SCOPES]


@pytest.mark.parametrize("offered", [["openid"], [], None, "openid deep-research:read", [1, None, "openid"]])
def test_a_scope_the_issuer_does_not_offer_is_not_listed(keycloak: dict[str, Any], offered: object) -> None:
    keycloak["scopes_supported"] = offered

    assert set(curate(keycloak, scopes=SCOPES).get("scopes_supported", ())) <= {"openid"}


def test_a_scope_given_twice_is_listed_once(keycloak: dict[str, Any]) -> None:
    listed = curate(keycloak, scopes=["deep-research:read", "email", "deep-research:read"])["scopes_supported"]

    assert listed == ["openid", "email", "profile", "offline_access", "deep-research:read"]


@pytest.mark.parametrize(
    "member",
    [
        "device_authorization_endpoint",
        "backchannel_authentication_endpoint",
        "backchannel_token_delivery_modes_supported",
        "pushed_authorization_request_endpoint",
        "require_pushed_authorization_requests",
        "mtls_endpoint_aliases",
        "tls_client_certificate_bound_access_tokens",
        "dpop_signing_alg_values_supported",
        "client_id_metadata_document_supported",
    ],
)
def test_what_a_client_cannot_use_here_is_withdrawn(keycloak: dict[str, Any], member: str) -> None:
    keycloak.setdefault(member, True)

    assert member not in curate(keycloak, scopes=SCOPES)


def test_every_other_member_passes_unchanged(keycloak: dict[str, Any], curated: Mapping[str, Any]) -> None:
    kept = {
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "userinfo_endpoint",
        "end_session_endpoint",
        "jwks_uri",
        "backchannel_logout_supported",
        "authorization_response_iss_parameter_supported",
        "id_token_signing_alg_values_supported",
        "claims_supported",
        "prompt_values_supported",
        "subject_types_supported",
    }

    assert {name: curated[name] for name in kept} == {name: keycloak[name] for name in kept}


def test_a_member_of_a_later_keycloak_passes(keycloak: dict[str, Any]) -> None:
    assert curate({**keycloak, "new_member": [1]}, scopes=())["new_member"] == [1]


@pytest.mark.requirement("RFC8414-3.2-no-empty-lists")
def test_a_member_without_elements_is_left_out() -> None:
    narrowed = {"introspection_endpoint_auth_methods_supported": ["tls_client_auth"], "response_modes_supported": []}
    curated = curate({"issuer": ISSUER, "scopes_supported": ["other"], **narrowed}, scopes=())
    assert [] not in curated.values()
    assert "scopes_supported" not in curated


def test_members_that_are_not_there_are_not_made_up() -> None:
    assert curate({"issuer": ISSUER}, scopes=SCOPES) == {
        "issuer": ISSUER,
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
    }


def test_the_source_document_is_neither_changed_nor_shared(keycloak: dict[str, Any]) -> None:
    before = deepcopy(keycloak)

    curate(keycloak, scopes=SCOPES)["claims_supported"].append("tampered")

    assert keycloak == before


@pytest.mark.requirement("RFC8414-2-members")
def test_the_official_client_can_read_the_curated_document(curated: Mapping[str, Any]) -> None:
    parsed = OAuthMetadata.model_validate(curated)

    assert str(parsed.issuer) == ISSUER
    assert parsed.scopes_supported is not None
    assert "offline_access" in parsed.scopes_supported
