"""Headers and encodings that end the check before any key is asked for (catalogue parts A and B)."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gatelodge.core.clock import Clock
from gatelodge.core.identity import Principal
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.resource_server.signature import KeyFinder
from gatelodge.testing.tokens import TokenFactory, encode_part, make_key

Refused = Callable[[str], Awaitable[Reason]]
Accepted = Callable[[str], Awaitable[Principal]]
ABSENT: Any = None
PART_OF_ANOTHER_TOKEN = "eyJhbGciOiJSUzI1NiJ9"


def header(tokens: TokenFactory, **members: Any) -> dict[str, Any]:
    return {"alg": "RS256", "typ": "JWT", "kid": tokens.kid(), **members}


def signed_json(tokens: TokenFactory, raw_header: bytes | None = None, raw_payload: bytes | None = None) -> str:
    """A validly signed token of exactly these bytes."""
    return tokens.sign(raw_header or json.dumps(header(tokens)).encode(), raw_payload or b"{}")


CRITICAL: list[Any] = [
    ["unknown"],
    ["exp"],
    [],
    ["alg"],
    ["kid"],
    ["b64"],
    1,
    1.5,
    None,
    True,
    {},
    "alg",
    [1],
    [None],
    [{}],
    [[]],
    ["alg", "alg"],
]


@pytest.mark.parametrize("value", CRITICAL, ids=repr)
async def test_any_critical_extension_is_refused_also_one_of_a_wrong_type(
    tokens: TokenFactory, refused: Refused, ring: Any, value: Any
) -> None:
    assert await refused(tokens.sign(header(tokens, crit=value), tokens.claims())) is Reason.HEADER
    assert await refused(f"{encode_part(header(tokens, crit=value))}.e30.AAAA") is Reason.HEADER
    assert ring.asked == []


@pytest.mark.requirement("RFC8725-3.10-no-fetch")
@pytest.mark.parametrize(
    "members",
    [
        {"jku": "https://canary.example/jwks"},
        {"jku": "http://169.254.169.254/"},
        {"jku": "file:///etc/passwd"},
        {"x5u": "http://127.0.0.1:1/"},
        {"x5c": ["MIIB"]},
        {"x5t": "AAAA"},
        {"x5t#S256": "AAAA"},
        {"jwk": make_key("ES256").as_dict(private=False)},
        {"b64": False},
        {"b64": False, "crit": ["b64"]},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"nonce": "x"},
        {"Alg": "RS256"},
        {"alg\x00": "none"},
    ],
    ids=",".join,
)
async def test_a_header_member_that_is_not_needed_is_refused_although_the_signature_is_good(
    tokens: TokenFactory, refused: Refused, ring: Any, members: dict[str, Any]
) -> None:
    assert await refused(tokens.token(header=members)) is Reason.HEADER
    assert ring.asked == []


ALGORITHMS: list[Any] = [
    *("none", "None", "NONE", "nOnE", "noNE"),
    *("HS256", "HS384", "HS512", "RS384", "RS512", "PS384", "PS512", "ES384", "ES512", "ES256K", "Ed448"),
    *("rs256", "RS256 ", " RS256", "RS256\x00", "\uff32\uff33256", "unknown", ""),
    *(None, 1, True, ["RS256"], {"RS256": 1}),
]


@pytest.mark.requirement("RFC8725-3.1-allow-list", "RFC8725-3.2-none", "RFC8725BIS-3.1-allow-list", "RFC9068-4-none")
@pytest.mark.parametrize("value", ALGORITHMS, ids=repr)
async def test_an_algorithm_that_is_not_allowed_is_refused(
    tokens: TokenFactory, refused: Refused, ring: Any, value: Any
) -> None:
    signed, _, signature = tokens.sign(header(tokens, alg=value), tokens.claims()).rpartition(".")
    assert await refused(f"{signed}.{signature}") is Reason.ALGORITHM
    assert await refused(f"{signed}.{PART_OF_ANOTHER_TOKEN}") is Reason.ALGORITHM
    assert await refused(f"{signed}.") is Reason.MALFORMED
    assert ring.asked == []


async def test_a_missing_algorithm_is_refused(tokens: TokenFactory, refused: Refused) -> None:
    assert await refused(tokens.token(header={"alg": ABSENT})) is Reason.ALGORITHM


@pytest.mark.requirement("RFC8725-3.10-key-id")
@pytest.mark.parametrize(
    "value", [None, 1, True, ["x"], {"a": "b"}, "", "a\x00b", "a\r\nb", "😀", "ä", "\u202e"], ids=repr
)
async def test_a_key_id_that_is_no_printable_ascii_is_refused(
    tokens: TokenFactory, refused: Refused, ring: Any, value: Any
) -> None:
    assert await refused(tokens.sign(header(tokens, kid=value), tokens.claims())) is Reason.HEADER
    assert ring.asked == []


async def test_a_missing_key_id_is_refused(tokens: TokenFactory, refused: Refused) -> None:
    assert await refused(tokens.token(header={"kid": ABSENT})) is Reason.HEADER


@pytest.mark.requirement("RFC8725BIS-3.11-media-type")
@pytest.mark.parametrize("value", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"])
async def test_the_types_of_access_tokens_are_accepted(tokens: TokenFactory, accepted: Accepted, value: str) -> None:
    assert (await accepted(tokens.token(header={"typ": value}))).issuer == tokens.issuer


@pytest.mark.requirement("RFC8725-3.11-typing")
@pytest.mark.parametrize(
    "value",
    ["dpop+jwt", "secevent+jwt", "logout+jwt", "JWE", "JOSE", "application/jwt", "at+jwt ", "", None, 1, True, ["JWT"]],
    ids=repr,
)
async def test_a_header_of_another_type_is_refused(tokens: TokenFactory, refused: Refused, value: Any) -> None:
    assert await refused(tokens.sign(header(tokens, typ=value), tokens.claims())) is Reason.TYPE


async def test_a_missing_header_type_is_refused(tokens: TokenFactory, refused: Refused) -> None:
    assert await refused(tokens.token(header={"typ": ABSENT})) is Reason.TYPE


async def test_with_at_jwt_alone_configured_no_other_type_passes(
    config: ResourceServerConfig, ring: KeyFinder, clock: Clock, tokens: TokenFactory
) -> None:
    """RFC 9068, section 4, to the letter; what holds by default is a recorded gap."""
    strict = TokenVerifier(replace(config, token_types=("at+jwt",)), ring, clock)
    for name in ("at+jwt", "application/AT+JWT"):
        assert (await strict.verify(tokens.token(header={"typ": name}))).issuer == tokens.issuer
    with pytest.raises(TokenRejected) as caught:
        await strict.verify(tokens.token(header={"typ": "JWT"}))
    assert caught.value.reason is Reason.TYPE


@pytest.mark.requirement("RFC8725-3.7-utf-8")
async def test_encodings_of_the_header_other_than_plain_utf_8_are_refused(
    tokens: TokenFactory, refused: Refused
) -> None:
    text = json.dumps(header(tokens))
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert await refused(signed_json(tokens, raw_header=text.encode(encoding))) is Reason.MALFORMED, encoding
    assert await refused(signed_json(tokens, raw_header=text.replace("JWT", "J\xff").encode("latin-1")))


@pytest.mark.parametrize(
    "twin",
    ['"alg":"none",', '"alg":"RS256",', '"kid":"other",', '"typ":"at+jwt",', '"\\u0061lg":"none",'],
)
async def test_twin_header_members_are_refused_in_either_order(
    tokens: TokenFactory, refused: Refused, twin: str
) -> None:
    text = json.dumps(header(tokens))
    for raw in ("{" + twin + text[1:], text[:-1] + "," + twin.rstrip(",") + "}"):
        assert await refused(signed_json(tokens, raw_header=raw.encode())) is Reason.MALFORMED


@pytest.mark.parametrize("raw", [b"[]", b'"RS256"', b"1", b"null", b"{", b"", b"\x00"], ids=repr)
async def test_a_header_that_is_no_object_is_refused(tokens: TokenFactory, refused: Refused, raw: bytes) -> None:
    assert await refused(f"{encode_part(raw)}.e30.AAAA") is Reason.MALFORMED


@pytest.mark.parametrize(
    "twin",
    [
        '"aud":"https://mcp.example/mcp"',
        '"exp":1700000100',
        '"iss":"https://as.example:8443/realms/mcp"',
        '"scope":"notes:write"',
        '"sub":"someone"',
        '"typ":"Bearer"',
        '"\\u0073ub":"someone"',
        '"unread":1,"unread":1',
    ],
)
async def test_twin_claims_are_refused_in_either_order(tokens: TokenFactory, refused: Refused, twin: str) -> None:
    text = json.dumps(tokens.claims())
    for raw in ("{" + twin + "," + text[1:], text[:-1] + "," + twin + "}"):
        assert await refused(signed_json(tokens, raw_payload=raw.encode())) is Reason.MALFORMED


@pytest.mark.parametrize(
    "member",
    [
        '"x":NaN',
        '"x":Infinity',
        '"x":-Infinity',
        '"x":1e999',
        '"x":' + "9" * 5000,
        '"x":"\\ud800"',
        '"x":' + "[" * 100 + "]" * 100,
        '"x":' + "[" * 1000 + "]" * 1000,
        '"x":' + "[" * 5000 + "]" * 5000,
        '"x":' + '{"a":' * 1500 + "1" + "}" * 1500,
    ],
    ids=lambda member: f"{member[:12]} of {len(member)}",
)
async def test_a_payload_with_two_readings_or_no_end_is_refused(
    tokens: TokenFactory, refused: Refused, member: str
) -> None:
    raw = json.dumps(tokens.claims())[:-1] + "," + member + "}"
    assert await refused(signed_json(tokens, raw_payload=raw.encode())) is Reason.MALFORMED


@pytest.mark.parametrize("member", ['"exp":NaN', '"exp":Infinity', '"nbf":NaN', '"exp":1e999', '"iat":-0.0'])
async def test_a_time_that_is_no_number_of_json_is_refused(tokens: TokenFactory, refused: Refused, member: str) -> None:
    name = member[1:4]
    claims = tokens.claims(**{name: ABSENT})
    raw = json.dumps(claims)[:-1] + "," + member + "}"
    await refused(signed_json(tokens, raw_payload=raw.encode()))


@pytest.mark.parametrize("raw", [b"[]", b'"a"', b"1", b"null", b"{", b"\xef\xbb\xbf{}", b"not json"], ids=repr)
async def test_a_signed_payload_that_is_no_object_is_refused(
    tokens: TokenFactory, refused: Refused, raw: bytes
) -> None:
    assert await refused(signed_json(tokens, raw_payload=raw)) is Reason.MALFORMED


@pytest.mark.requirement("RFC8725BIS-3.3-kind")
async def test_a_signed_token_in_a_token_is_refused(tokens: TokenFactory, refused: Refused) -> None:
    assert await refused(signed_json(tokens, raw_payload=tokens.token().encode())) is Reason.MALFORMED


@pytest.mark.requirement("RFC8725BIS-3.14-format")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: ".",
        lambda _: "..",
        lambda _: "a.b.c",
        lambda token: token.rpartition(".")[0],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: "." + token.partition(".")[2],
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: token + ".AAAA",
        lambda token: token + ".AAAA.AAAA",
        lambda token: token.replace(".", "..", 1),
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: token.replace(".", "=.", 1),
        lambda token: token.replace(".", "==.", 1),
        lambda token: token + " ",
        lambda token: " " + token,
        lambda token: token + "\n",
        lambda token: token[:20] + "\n" + token[20:],
        lambda token: token[:20] + " " + token[20:],
        lambda token: token[:20] + "+" + token[21:],
        lambda token: token[:20] + "/" + token[21:],
        lambda token: token[:20] + "?" + token[20:],
        lambda token: token + "#",
        lambda token: token + "\x00",
        lambda token: token.replace(".", "\u3002"),
        lambda token: token.replace(".", "\u200b.", 1),
        lambda token: token.replace("e", "\uff45", 1),
        lambda token: "\ud800" + token,
        lambda token: "Bearer " + token,
        lambda token: json.dumps({"payload": token.split(".")[1], "signatures": []}),
        lambda token: json.dumps(dict(zip(("protected", "payload", "signature"), token.split("."), strict=True))),
    ],
)
async def test_what_is_not_three_canonical_parts_is_refused(
    tokens: TokenFactory, refused: Refused, ring: Any, spoil: Callable[[str], str]
) -> None:
    assert await refused(spoil(tokens.token())) is Reason.MALFORMED
    assert ring.asked == []


async def test_unused_bits_that_are_not_zero_refuse_each_part(tokens: TokenFactory, refused: Refused) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # Members of chosen lengths, so that each part ends with unused bits; a signature of 256 bytes always does.
    head = json.dumps(header(tokens, kid="k" * 20)).encode()
    body = json.dumps(tokens.claims()).encode()
    head += b" " * ((1 - len(head)) % 3)
    body += b" " * ((1 - len(body)) % 3)
    parts = tokens.sign(head, body).split(".")
    for index in range(3):
        spoiled = list(parts)
        last = alphabet.index(spoiled[index][-1])
        spoiled[index] = spoiled[index][:-1] + alphabet[last + 1]
        await refused(".".join(spoiled))
    spoiled = [parts[0], parts[1], parts[2][:-1] + alphabet[alphabet.index(parts[2][-1]) + 1]]
    assert await refused(".".join(spoiled)) is Reason.MALFORMED


@pytest.mark.parametrize("part", ["A", "AAAAA", "AB", "AAB", "AAAAAB"])
async def test_a_part_of_impossible_length_or_spelling_is_refused(refused: Refused, part: str) -> None:
    assert await refused(f"{part}.e30.AAAA") is Reason.MALFORMED


@pytest.mark.parametrize("size", [16_385, 65_536, 100_000, 1_000_000])
async def test_a_token_over_16_kib_is_refused_before_anything_is_read(
    tokens: TokenFactory, refused: Refused, ring: Any, size: int
) -> None:
    assert await refused(tokens.token(pad="a" * size)) is Reason.TOO_LARGE
    assert await refused("a" * size) is Reason.TOO_LARGE
    assert ring.asked == []


async def test_a_large_token_below_the_limit_is_accepted(tokens: TokenFactory, accepted: Accepted) -> None:
    token = tokens.token(pad="a" * 11_000)
    assert 15_000 < len(token) < 16_384
    assert (await accepted(token)).issuer == tokens.issuer


async def test_ten_thousand_claims_are_over_the_limit(tokens: TokenFactory, refused: Refused) -> None:
    claims: dict[str, Any] = {f"c{number}": number for number in range(10_000)}
    assert await refused(tokens.token(**claims)) is Reason.TOO_LARGE


async def test_a_long_header_is_refused(tokens: TokenFactory, refused: Refused, ring: Any) -> None:
    assert await refused(tokens.token(header={"kid": "k" * 1_000})) is Reason.MALFORMED
    assert await refused(tokens.token(header={"kid": "k" * 10_000})) is Reason.MALFORMED
    assert ring.asked == []


@pytest.mark.requirement("RFC8725-3.6-compression", "RFC8725BIS-3.3-kind", "RFC8725BIS-3.13-iterations")
@pytest.mark.requirement("RFC8725BIS-3.15-decompression")
@pytest.mark.parametrize(
    "head",
    [
        {"alg": "RSA1_5", "enc": "A128CBC-HS256"},
        {"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 1_000_000_000, "p2s": "AAAA"},
        {"alg": "dir", "enc": "A128GCM"},
    ],
    ids=lambda head: head["alg"],
)
async def test_an_encrypted_token_is_refused_unopened(refused: Refused, ring: Any, head: dict[str, Any]) -> None:
    assert await refused(f"{encode_part(head)}.AAAA.AAAA.AAAA.AAAA") is Reason.MALFORMED
    assert ring.asked == []
