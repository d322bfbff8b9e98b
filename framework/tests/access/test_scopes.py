"""Scope names and the read/write hierarchy."""

import pytest

from gatelodge.access.scopes import is_scope_token, missing


def scopes(text: str) -> frozenset[str]:
    return frozenset(text.split())


@pytest.mark.parametrize("name", ["openid", "deep-research:read", "!", "~", "a.b/c#d", "#$%&'()*+,-./[]^_`{|}"])
def test_printable_ascii_is_a_scope_name(name: str) -> None:
    assert is_scope_token(name)


@pytest.mark.requirement("RFC6750-3-scope-names")
@pytest.mark.parametrize("name", ["", " ", "a b", 'a"b', "a\\b", "a\tb", "a\n", "ä", "\x7f", "a\x00"])
def test_a_name_that_cannot_stand_in_a_scope_string_is_no_scope_name(name: str) -> None:
    assert not is_scope_token(name)


def test_nothing_is_missing_when_all_needed_scopes_are_granted() -> None:
    assert missing(scopes("a:read b:read"), scopes("a:read b:read other")) == ()


def test_nothing_is_missing_when_nothing_is_needed() -> None:
    assert missing(frozenset(), frozenset()) == ()


def test_missing_scopes_come_sorted() -> None:
    assert missing(scopes("c b a granted"), scopes("granted")) == ("a", "b", "c")


@pytest.mark.requirement("MCP26-AUTH-13")
def test_write_implies_read_of_the_same_name() -> None:
    assert missing(scopes("notes:read"), scopes("notes:write")) == ()


@pytest.mark.parametrize(
    ("needed", "granted"),
    [
        ("notes:write", "notes:read"),
        ("notes:read", "files:write"),
        ("notes:read", "notes:readx"),
        ("notes:readx", "notes:read"),
        ("notes:read", "notes"),
        ("notes:read", "Notes:Write"),
        ("notes:read", "*"),
        ("notes:read", "notes:*"),
        ("read", "write"),
        ("notes:readx", "notes:write"),
    ],
)
def test_a_scope_is_never_matched_by_prefix_case_or_pattern(needed: str, granted: str) -> None:
    assert missing(scopes(needed), scopes(granted)) == (needed,)
