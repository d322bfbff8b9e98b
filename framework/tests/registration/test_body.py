"""The bodies real clients send become bodies Keycloak takes; what cannot be had is refused in words."""

import json
from typing import Any

import pytest
from client_bodies import BODIES, CHATGPT, CLAUDE_CODE, MCP_REMOTE, VS_CODE

from gatelodge.registration.body import acceptable, display_name
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.errors import InvalidClientMetadata, InvalidRedirectUri

LOOPBACK = ["http://localhost:3118/callback"]
FORWARDED = {"client_name", "redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method"}


def accept(**members: Any) -> dict[str, Any]:
    return acceptable(json.dumps({"redirect_uris": LOOPBACK, **members}).encode(), RegistrationPolicy())


@pytest.mark.parametrize("client", BODIES)
def test_a_measured_body_is_accepted_with_its_redirects_and_name(client: str) -> None:
    sent = BODIES[client]
    body = acceptable(json.dumps(sent).encode(), RegistrationPolicy())
    assert set(body) <= FORWARDED
    assert body["redirect_uris"] == sent["redirect_uris"]
    assert body["client_name"] == sent["client_name"]
    assert body["grant_types"] == ["authorization_code", "refresh_token"]
    assert body["response_types"] == ["code"]


def test_the_scope_of_a_body_is_dropped_so_that_the_client_may_ask_for_more_later() -> None:
    assert "scope" in CLAUDE_CODE
    assert "scope" not in accept(**CLAUDE_CODE)


def test_a_foreign_client_uri_and_software_members_are_dropped() -> None:
    body = accept(**MCP_REMOTE)
    assert not {"client_uri", "software_id", "software_version", "application_type"} & set(body)
    assert body["token_endpoint_auth_method"] == "client_secret_post"


def test_a_grant_that_cannot_be_had_is_left_out() -> None:
    assert len(VS_CODE["grant_types"]) == 3
    assert accept(**VS_CODE)["grant_types"] == ["authorization_code", "refresh_token"]


def test_of_several_methods_a_client_can_do_one_that_is_possible_is_chosen() -> None:
    assert accept(**CHATGPT)["token_endpoint_auth_method"] == "none"
    only_basic = {**CHATGPT, "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"]}
    assert accept(**only_basic)["token_endpoint_auth_method"] == "client_secret_basic"


@pytest.mark.parametrize(
    "member",
    [
        "sector_identifier_uri",
        "jwks_uri",
        "backchannel_logout_uri",
        "initiate_login_uri",
        "request_uris",
        "logo_uri",
        "tos_uri",
        "policy_uri",
        "client_uri",
    ],
)
def test_a_member_with_a_url_somebody_else_might_fetch_is_dropped(member: str) -> None:
    assert accept(**{member: "https://evil.example/"}) == {"redirect_uris": LOOPBACK}


@pytest.mark.parametrize(
    "member",
    ["foo_bar", "client_id", "client_secret", "registration_access_token", "client_name#de", "software_statement"],
)
def test_an_unknown_or_foreign_member_is_dropped_and_never_refused(member: str) -> None:
    assert accept(**{member: {"deep": [1, None]}}) == {"redirect_uris": LOOPBACK}


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_the_methods_of_public_and_secret_clients_are_kept(method: str) -> None:
    assert accept(token_endpoint_auth_method=method)["token_endpoint_auth_method"] == method


def test_members_that_are_absent_null_or_empty_are_left_to_the_authorization_server() -> None:
    assert accept() == {"redirect_uris": LOOPBACK}
    empty: dict[str, Any] = {
        "client_name": "",
        "grant_types": [],
        "response_types": None,
        "token_endpoint_auth_method": None,
    }
    assert accept(**empty) == {"redirect_uris": LOOPBACK}


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"token_endpoint_auth_method": "private_key_jwt"}, "must be one of none, client_secret_basic"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "must be one of none"),
        ({"token_endpoint_auth_method": ""}, "must be one of none"),
        ({"token_endpoint_auth_method": ["none"]}, "must be one of none"),
        (
            {"token_endpoint_auth_method": "x", "token_endpoint_auth_methods_supported": ["private_key_jwt"]},
            "must be one of none",
        ),
        ({"token_endpoint_auth_method": "x", "token_endpoint_auth_methods_supported": "none"}, "must be one of none"),
        ({"grant_types": ["client_credentials"]}, "grant_types must be an array with authorization_code"),
        ({"grant_types": ["refresh_token"]}, "grant_types must be an array with authorization_code"),
        ({"grant_types": "authorization_code"}, "grant_types must be an array with authorization_code"),
        ({"response_types": ["token"]}, "response_types must be an array with code"),
        ({"response_types": {"code": 1}}, "response_types must be an array with code"),
    ],
)
def test_metadata_that_cannot_be_had_is_refused_with_what_can(members: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidClientMetadata) as caught:
        accept(**members)
    assert text in caught.value.description


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xfa", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b'{"a":' + b"1" * 5000 + b"}", "not JSON"),
        (b"[]", "one JSON object"),
        (b"null", "one JSON object"),
        (b'"x"', "one JSON object"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(raw: bytes, text: str) -> None:
    with pytest.raises(InvalidClientMetadata) as caught:
        acceptable(raw, RegistrationPolicy())
    assert text in caught.value.description


@pytest.mark.parametrize("value", ["http://localhost/", {"a": 1}, 7, False])
def test_redirects_that_are_no_array_are_refused(value: object) -> None:
    with pytest.raises(InvalidRedirectUri, match="must be an array"):
        accept(redirect_uris=value)


@pytest.mark.parametrize("value", [None, []])
def test_a_body_without_redirects_is_refused(value: object) -> None:
    with pytest.raises(InvalidRedirectUri, match="missing or empty"):
        accept(redirect_uris=value)


def test_the_policy_decides_on_the_hosts() -> None:
    raw = json.dumps({"redirect_uris": ["https://claude.ai/cb"]}).encode()
    with pytest.raises(InvalidRedirectUri) as caught:
        acceptable(raw, RegistrationPolicy(frozenset({"other.example"})))
    assert "Allowed: https without a port on other.example." in caught.value.description


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Claude Code (deep-research)", "Claude Code (deep-research)"),
        ("<b>x</b>", "x"),
        ("${logout}", "logout"),
        ("<<i>script>alert</script>", "script alert"),
        ("&lt;b&gt;x", "lt;b gt;x"),
        ("<img src=x", "img src=x"),
    ],
)
def test_markup_does_not_reach_keycloaks_pages(name: str, kept: str) -> None:
    raw = json.dumps({"redirect_uris": ["http://localhost/cb"], "client_name": name}).encode()
    assert acceptable(raw, RegistrationPolicy())["client_name"] == kept


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Claude Code (x)", "Claude Code (x)"),
        ("  Zoë 😀  ", "Zoë 😀"),
        ("a\x00b\nc\u202ed\u200be\x1b[31m", "abcde[31m"),
        ("\ud800x", "x"),
        ("x" * 5000, "x" * 100),
        ("\n\t", ""),
        (7, ""),
        (None, ""),
        ({"a": 1}, ""),
    ],
)
def test_a_shown_name_is_printable_short_and_on_one_line(value: object, shown: str) -> None:
    assert display_name(value) == shown
