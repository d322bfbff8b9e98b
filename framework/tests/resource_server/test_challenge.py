"""The challenge, read back with the standard library's parser as a client would."""

from urllib.request import parse_http_list, parse_keqv_list

import pytest

from gatelodge.resource_server.challenge import challenge

METADATA = "https://mcp.example/.well-known/oauth-protected-resource/mcp"


def parse(header: str) -> dict[str, str]:
    scheme, _, parameters = header.partition(" ")
    assert scheme == "Bearer"
    return parse_keqv_list(parse_http_list(parameters))


@pytest.mark.requirement("RFC6750-3-scheme", "RFC6750-3.1-no-error")
def test_without_credentials_there_is_metadata_and_scope_but_no_error() -> None:
    assert challenge(METADATA, scopes=["notes:read"]) == f'Bearer resource_metadata="{METADATA}", scope="notes:read"'


def test_a_description_alone_does_not_make_an_error() -> None:
    assert challenge(METADATA, scopes=["a"], description="sign in") == challenge(METADATA, scopes=["a"])


@pytest.mark.requirement("RFC6750-3-error")
def test_a_refused_token_is_answered_with_error_and_description() -> None:
    header = challenge(METADATA, scopes=["notes:read"], error="invalid_token", description="Not valid here.")
    assert parse(header) == {
        "resource_metadata": METADATA,
        "scope": "notes:read",
        "error": "invalid_token",
        "error_description": "Not valid here.",
    }


def test_an_error_may_stand_without_a_description() -> None:
    assert parse(challenge(METADATA, scopes=["a"], error="invalid_token"))["error"] == "invalid_token"
    assert "error_description" not in challenge(METADATA, scopes=["a"], error="invalid_token")


def test_scopes_are_sorted_and_named_once_so_that_equal_input_gives_equal_bytes() -> None:
    header = challenge(METADATA, scopes=["b", "a", "b", "c"])
    assert parse(header)["scope"] == "a b c"
    assert header == challenge(METADATA, scopes=frozenset({"c", "b", "a"}))


def test_an_empty_scope_is_left_out() -> None:
    assert challenge(METADATA, scopes=[]) == f'Bearer resource_metadata="{METADATA}"'


@pytest.mark.requirement("RFC6750-3-characters")
@pytest.mark.parametrize(
    "text", ['a", error="x', "a\\", 'a\\"', "a\r\nSet-Cookie: x=y", "a\x00b", "a\x7fb", "ä€\u2028"]
)
def test_nothing_can_leave_its_quotes_or_the_line(text: str) -> None:
    header = challenge(f"{METADATA}{text}", scopes=[f"s{text}"], error="invalid_token", description=f"d{text}")
    assert header.isascii()
    assert header.isprintable()
    assert list(parse(header)) == ["resource_metadata", "scope", "error", "error_description"]
    assert parse(header)["error"] == "invalid_token"


@pytest.mark.requirement("RFC6750-3-characters")
def test_a_description_has_neither_quote_nor_backslash() -> None:
    header = challenge(METADATA, scopes=["a"], error="invalid_token", description='say "a\\b"')
    assert parse(header)["error_description"] == "say 'a/b'"
