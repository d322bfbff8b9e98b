"""Properties of the parsers that strangers' bytes meet first: for any input one kind of refusal, or one reading."""

import contextlib
import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatelodge.resource_server.bearer import MAX_TOKEN_BYTES, CredentialsMalformed, bearer_token
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.jws import parse_compact
from gatelodge.resource_server.strict_json import parse_object
from gatelodge.testing.tokens import encode_part

ALGORITHMS = ("RS256", "ES256")
BASE64URL = string.ascii_letters + string.digits + "-_"
TOKEN = st.text(BASE64URL + ".~+/", min_size=1, max_size=200)
# JSON as the strict reader allows it: names without surrogates, finite numbers, few levels.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=6)
# No deadline: the machine may be busy, and a slow run is no wrong one.
many = settings(max_examples=200, deadline=None, database=None)
some = settings(many, max_examples=60)


@many
@given(st.binary(max_size=300))
def test_any_bytes_are_an_object_or_a_value_error(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_object(raw), dict)


@some
@given(OBJECT, st.booleans())
def test_every_strict_object_is_read_as_it_was_written(value: dict[str, Any], ascii_only: bool) -> None:
    assert parse_object(json.dumps(value, ensure_ascii=ascii_only).encode("utf-8")) == value


@some
@given(OBJECT, TEXT, JSON, JSON)
def test_a_name_written_twice_is_refused_wherever_it_stands(
    value: dict[str, Any], name: str, one: Any, two: Any
) -> None:
    members = [json.dumps(pair)[1:-1].replace(", ", ":", 1) for pair in ((name, one), *value.items(), (name, two))]
    raw = "{" + ",".join(members) + "}"
    for text in (raw, f'{{"outer":{raw}}}', f'{{"outer":[{raw}]}}'):
        with pytest.raises(ValueError, match="twin"):
            parse_object(text.encode())


@some
@given(OBJECT, st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]))
def test_no_other_encoding_is_read(value: dict[str, Any], encoding: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_object(json.dumps(value).encode(encoding))


@many
@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,80}(\.[A-Za-z0-9_-]{0,80}){0,4}", fullmatch=True))
def test_any_text_is_a_signed_token_or_rejected(token: str) -> None:
    with contextlib.suppress(TokenRejected):
        assert parse_compact(token, ALGORITHMS).algorithm in ALGORITHMS


@some
@given(OBJECT)
def test_a_header_says_only_algorithm_key_and_type(members: dict[str, Any]) -> None:
    header = {"alg": "RS256", "kid": "k", "typ": "JWT", **members}
    token = f"{encode_part(header)}.AAAA.AAAA"
    if header.keys() <= {"alg", "kid", "typ"} and len(encode_part(header)) <= 1024:
        return
    with pytest.raises(TokenRejected):
        parse_compact(token, ALGORITHMS)


@many
@given(st.from_regex(rb"[A-Za-z0-9_-]{1,40}", fullmatch=True), st.from_regex(rb"[A-Za-z0-9_-]{1,40}", fullmatch=True))
def test_two_spellings_never_mean_the_same_signature(one: bytes, two: bytes) -> None:
    header = encode_part({"alg": "RS256", "kid": "k", "typ": "JWT"})
    signatures = []
    for part in (one, two):
        try:
            signatures.append((part, parse_compact(f"{header}.AAAA.{part.decode()}", ALGORITHMS).signature))
        except TokenRejected:
            continue
    assert len({raw for _, raw in signatures}) == len({part for part, _ in signatures})


@many
@given(st.binary(max_size=200), st.binary(max_size=60))
def test_any_header_and_query_give_a_token_nothing_or_one_refusal(value: bytes, query: bytes) -> None:
    try:
        token = bearer_token([(b"authorization", value)], query)
    except CredentialsMalformed:
        return
    assert token is None or (0 < len(token) <= MAX_TOKEN_BYTES and token.isascii() and token.isprintable())


@many
@given(TOKEN, st.sampled_from([b"Bearer", b"bearer", b"BEARER", b"bEARer"]), st.integers(1, 3))
def test_a_well_formed_header_gives_exactly_its_token(token: str, scheme: bytes, spaces: int) -> None:
    assert bearer_token([(b"authorization", scheme + b" " * spaces + token.encode())], b"") == token


@many
@given(st.lists(st.binary(max_size=40), min_size=2, max_size=4))
def test_two_headers_are_never_chosen_from(values: list[bytes]) -> None:
    with pytest.raises(CredentialsMalformed):
        bearer_token([(b"authorization", value) for value in values], b"")


@many
@given(TOKEN, st.sampled_from([b",", b", Bearer ", b" ", b"\t", b";", b"\x00", b"\r\n", b'"']), TOKEN)
def test_a_token_with_anything_after_it_is_no_token(token: str, between: bytes, other: str) -> None:
    with pytest.raises(CredentialsMalformed):
        bearer_token([(b"authorization", b"Bearer " + token.encode() + between + other.encode())], b"")
