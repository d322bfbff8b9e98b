"""Reading the token out of a request: one header, one meaning."""

import pytest

from gatelodge.resource_server.bearer import MAX_TOKEN_BYTES, CredentialsMalformed, bearer_token


def read(*values: bytes, query: bytes = b"") -> str | None:
    headers = [(b"host", b"mcp.example"), *((b"authorization", value) for value in values)]
    return bearer_token(headers, query)


@pytest.mark.requirement("RFC6750-2.1-header")
@pytest.mark.parametrize(
    "value",
    [
        b"Bearer abc.def-g_h",
        b"bearer abc.def-g_h",
        b"BEARER abc.def-g_h",
        b"Bearer   abc.def-g_h",
        b" Bearer abc.def-g_h\t",
    ],
)
def test_the_token_of_one_bearer_header_is_read(value: bytes) -> None:
    assert read(value) == "abc.def-g_h"


def test_every_character_that_a_bearer_token_may_have_is_read() -> None:
    token = "azAZ09-._~+/=="
    assert read(b"Bearer " + token.encode()) == token


@pytest.mark.parametrize(
    "value",
    [
        b"Basic dXNlcjpwYXNz",
        b'Digest username="x", realm="y"',
        b"Bearers abc",
        b"Bearer-x abc",
        b"abc.def.ghi",
        b"DPoP a",
        b"Bearer%20abc",
    ],
)
def test_another_scheme_is_no_usable_credentials(value: bytes) -> None:
    assert read(value) is None


def test_a_request_without_the_header_has_no_credentials() -> None:
    assert read() is None


@pytest.mark.parametrize(
    "headers",
    [
        [(b"cookie", b"access_token=abc")],
        [(b"x-authorization", b"Bearer abc")],
        [(b"proxy-authorization", b"Bearer abc")],
        [(b"x-access-token", b"abc")],
    ],
)
def test_a_token_in_another_header_is_ignored(headers: list[tuple[bytes, bytes]]) -> None:
    assert bearer_token(headers, b"") is None


@pytest.mark.requirement("RFC6750-3.1-invalid-request")
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"  ",
        b"Bearer",
        b"Bearer ",
        b"Bearer\tabc",
        b"Bearer abc def",
        b"Bearer abc,def",
        b"Bearer,abc",
        b"Bearer abc, Bearer def",
        b"Bearer abc,",
        b"Basic dXNlcjpwYXNz, Bearer abc",
        b"Bearer ab=c",
        b"Bearer =",
        b"Bearer abc;x",
        b'Bearer "abc"',
        b"Bearer abc\x00",
        b"Bearer abc\n",
        b"Bearer abc\r\nX: y",
        b"Bearer \xc3\xa4",
        b"Bearer \xff",
        b"Bearer:abc",
    ],
)
def test_a_header_without_one_clear_token_is_malformed(value: bytes) -> None:
    with pytest.raises(CredentialsMalformed):
        read(value)


@pytest.mark.requirement("RFC6750-2-one-header")
@pytest.mark.parametrize(
    "values",
    [
        (b"Bearer good", b"Bearer good"),
        (b"Bearer good", b"Bearer bad"),
        (b"Basic dXNlcjpwYXNz", b"Bearer good"),
        (b"Bearer good", b""),
    ],
)
def test_two_headers_are_malformed_whatever_they_hold(values: tuple[bytes, ...]) -> None:
    with pytest.raises(CredentialsMalformed, match="more than one"):
        read(*values)


@pytest.mark.requirement("RFC6750-2.3-no-query", "RFC9700-4.3.2-no-query", "MCP26-AUTH-09", "MCP25-AUTH-09")
@pytest.mark.parametrize(
    "query",
    [
        b"access_token=abc",
        b"access_token",
        b"access_token=",
        b"a=b&access_token=abc",
        b"%61ccess_token=abc",
        b"access%5Ftoken=abc",
    ],
)
@pytest.mark.parametrize("values", [(), (b"Bearer abc",)], ids=["alone", "beside the header"])
def test_a_token_in_the_query_is_malformed(query: bytes, values: tuple[bytes, ...]) -> None:
    with pytest.raises(CredentialsMalformed, match="query"):
        read(*values, query=query)


@pytest.mark.parametrize("query", [b"a=access_token", b"xaccess_token=1", b"access_tokens=1", b"&&", b"%zz=%"])
def test_another_query_changes_nothing(query: bytes) -> None:
    assert read(b"Bearer abc", query=query) == "abc"


def test_a_header_is_read_up_to_its_limit_and_malformed_beyond() -> None:
    longest = b"Bearer " + b"a" * (MAX_TOKEN_BYTES - 7)
    assert read(longest) == "a" * (MAX_TOKEN_BYTES - 7)
    with pytest.raises(CredentialsMalformed, match="16 KiB"):
        read(longest + b"a")


@pytest.mark.requirement("RFC9700-4.9.2-secrets")
def test_the_error_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(CredentialsMalformed) as caught:
        read(b"Bearer secret value")
    assert "secret" not in caught.value.detail
    assert caught.value.status == 400
