"""Catalogue B: encodings and parsers (RFC 8725, 2.6, 3.7, 3.14; RFC 8259; RFC 7515, appendix C)."""

import json
from collections.abc import Iterator
from typing import Any

from conformance.attacks.model import Attack, Expect, bearer, tokens_of
from conformance.attacks.world import World, json_bytes
from gatelodge.testing.tokens import encode_part

__all__ = ["table_b"]

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def table_b(world: World) -> Iterator[Attack]:
    """All rows; what can be signed is signed with the issuer's own key, so that only the parser can refuse it."""
    yield from _alphabet(world)
    yield from _trailing_bits(world)
    yield from _encodings(world)
    yield from _twins(world)
    yield from _numbers_and_texts(world)
    yield from _depth(world)
    yield from _size(world)
    yield from _shapes(world)


def _alphabet(world: World) -> Iterator[Attack]:
    head, payload, signature = world.parts()
    inside = {
        "space": " ",
        "line feed": "\n",
        "carriage return": "\r\n",
        "tab": "\t",
        "question mark": "?",
        "number sign": "#",
        "NUL": "\0",
        "zero-width space": "\u200b",
        "comma": ",",
        "semicolon": ";",
        "percent": "%2e",
        "quote": '"',
        "latin-1": "\xe9",
    }
    middle = {
        f"{name} inside": f"{head}.{payload[:9]}{character}{payload[9:]}.{signature}"
        for name, character in inside.items()
    }
    yield from tokens_of("B01", middle, Expect.E400)
    yield from tokens_of(
        "B01",
        {
            "padding on the header": f"{head}=.{payload}.{signature}",
            "padding on the payload": f"{head}.{payload}=.{signature}",
            "ideographic full stop": f"{head}\u3002{payload}\u3002{signature}",
            "full-width letters": f"{head}.{payload}.\uff21{signature}",
        },
        Expect.E400,
    )
    yield from tokens_of(
        "B01",
        {
            "padding on the signature": f"{head}.{payload}.{signature}==",
            "plus sign": f"{head}.{payload}.{signature[:-1]}+",
            "slash": f"{head}.{payload}.{signature[:-1]}/",
            "tilde": f"{head}.{payload}~.{signature}",
            "two dots": f"{head}..{payload}.{signature}",
            "dot at the end": f"{head}.{payload}.{signature}.",
            "dot at the start": f".{head}.{payload}.{signature}",
            "no dot": f"{head}{payload}{signature}",
            "a single character": "a",
            "dots only": "...",
        },
    )


def _loose(part: str) -> str:
    """The same bytes spelled with an unused bit set in the last character."""
    assert len(part) % 4 != 0, "the part has no unused bits"
    return part[:-1] + ALPHABET[ALPHABET.index(part[-1]) + 1]


def _unaligned(value: bytes) -> str:
    # JSON may end in spaces: one of three lengths leaves unused bits.
    return encode_part(value if len(value) % 3 else value + b" ")


def _trailing_bits(world: World) -> Iterator[Attack]:
    head, payload = _unaligned(json_bytes(world.head())), _unaligned(json_bytes(world.claims()))
    signed = world.sign_text(f"{head}.{payload}")
    yield from tokens_of(
        "B02",
        {
            "header": world.sign_text(f"{_loose(head)}.{payload}"),
            "payload": world.sign_text(f"{head}.{_loose(payload)}"),
            "signature": signed[:-1] + _loose(signed.rpartition(".")[2])[-1],
        },
    )


def _encodings(world: World) -> Iterator[Attack]:
    for encoding in ("utf-8-sig", "utf-16-le", "utf-16-be", "utf-16", "utf-32"):
        head, payload = (json.dumps(value).encode(encoding) for value in (world.head(), world.claims()))
        yield from tokens_of("B03", {f"header in {encoding}": world.sign(head)})
        yield from tokens_of("B03", {f"payload in {encoding}": world.sign(world.head(), payload)})
    broken = json_bytes(world.head()).replace(b"JWT", b"J\xffT")
    yield from tokens_of("B03", {"header with a byte that is no UTF-8": world.sign(broken)})
    yield from tokens_of(
        "B03", {"payload with a byte that is no UTF-8": world.sign(world.head(), _with(world, b'"x":"\xff"'))}
    )


def _with(world: World, members: bytes) -> bytes:
    """Good claims with raw members written after them."""
    return json_bytes(world.claims())[:-1] + b"," + members + b"}"


def _before(world: World, members: bytes) -> bytes:
    return b"{" + members + b"," + json_bytes(world.claims())[1:]


def _twins(world: World) -> Iterator[Attack]:
    head = json_bytes(world.head())
    for member in (b'"alg":"none"', b'"alg":"RS256"', b'"kid":"other"', b'"typ":"JWT"', b'"\\u0061lg":"none"'):
        name = member.decode()
        yield from tokens_of(
            "B04",
            {
                f"header, {name} last": world.sign(head[:-1] + b"," + member + b"}"),
                f"header, {name} first": world.sign(b"{" + member + b"," + head[1:]),
            },
        )
    members = (
        *(b'"aud":"https://other.example"', b'"exp":9999999999', b'"iss":"https://other.example"', b'"scope":"admin"'),
        *(b'"sub":"other"', b'"\\u0073ub":"other"', b'"typ":"Bearer"', b'"iat":1'),
    )
    for member in members:
        name = member.decode()
        yield from tokens_of(
            "B04",
            {
                f"claim {name} last": world.sign(world.head(), _with(world, member)),
                f"claim {name} first": world.sign(world.head(), _before(world, member)),
            },
        )
    alike = (b'"Aud":"x"', b'"AUD":"x"', b'"aud\\u0000":"x"', b'"\\u017fub":"x"', b'"sub ":"x"', b'"\\u017fcope":"x"')
    yield from tokens_of(
        "B04", {f"look-alike {member.decode()}": world.sign(world.head(), _with(world, member)) for member in alike}
    )


def _numbers_and_texts(world: World) -> Iterator[Attack]:
    members = {
        "NaN": b'"x":NaN',
        "Infinity": b'"x":Infinity',
        "minus Infinity": b'"x":-Infinity',
        "1e999": b'"x":1e999',
        "integer of 5000 digits": b'"x":' + b"9" * 5000,
        "lone surrogate": b'"x":"\\ud800"',
        "lone surrogate as a name": b'"\\udfff":1',
        "leading zero": b'"x":01',
        "control character": b'"x":"\n"',
        "comment": b'"x":1/**/',
    }
    yield from tokens_of("B05", {name: world.sign(world.head(), _with(world, raw)) for name, raw in members.items()})
    claims: dict[str, dict[str, Any]] = {
        "exp is -0": {"exp": -0.0},
        "NUL in sub": {"sub": "a\0b"},
        "exp is 1e400 as text": {"exp": "1e400"},
    }
    yield from tokens_of(
        "B05", {name: world.sign(world.head(), world.claims(**value)) for name, value in claims.items()}
    )


def _depth(world: World) -> Iterator[Attack]:
    for levels in (17, 100, 1_000):
        for name, raw in _nested(levels).items():
            signed = world.sign(world.head(), _with(world, b'"x":' + raw))
            head, payload, _ = signed.split(".")
            yield from tokens_of(
                "B06", {f"{levels} {name}": signed, f"{levels} {name}, unsigned": f"{head}.{payload}.AAAA"}
            )
    for levels in (20_000, 60_000):
        for name, raw in _nested(levels).items():
            token = world.sign(world.head(), _with(world, b'"x":' + raw))
            yield from tokens_of("B06", {f"{levels} {name}": token}, Expect.E400)
    deep_head = json_bytes(world.head())[:-1] + b',"x":' + b"[" * 200 + b"]" * 200 + b"}"
    yield from tokens_of("B06", {"200 lists in the header": world.sign(deep_head)})


def _nested(levels: int) -> dict[str, bytes]:
    return {"lists": b"[" * levels + b"]" * levels, "objects": b'{"a":' * levels + b"1" + b"}" * levels}


def _size(world: World) -> Iterator[Attack]:
    for name, size in (("16 kB", 12_300), ("64 kB", 49_000), ("1 MB", 750_000)):
        yield Attack(
            "B07", f"token over {name}", Expect.E400, bearer(world.sign(world.head(), world.claims(x="x" * size)))
        )
    many = {f"claim-{number}": number for number in range(10_000)}
    yield Attack("B07", "10,000 claims", Expect.E400, bearer(world.sign(world.head(), world.claims(**many))))
    for size in (600, 2_000):
        yield from tokens_of("B07", {f"typ of {size} characters": world.sign(world.head(typ="x" * size))})
    yield from tokens_of("B07", {"header of 800 spaces": world.sign(json_bytes(world.head()) + b" " * 800)})


def _shapes(world: World) -> Iterator[Attack]:
    payloads = {
        "list": b"[]",
        "string": b'"claims"',
        "number": b"1",
        "null": b"null",
        "empty object": b"{}",
        "text": b"claims",
        "two objects": b"{}{}",
        "list of claims": b"[" + json_bytes(world.claims()) + b"]",
        "space": b" ",
    }
    yield from tokens_of("B08", {f"payload {name}": world.sign(world.head(), raw) for name, raw in payloads.items()})
    heads = {"list": b"[]", "string": b'"RS256"', "null": b"null", "empty object": b"{}", "text": b"header"}
    yield from tokens_of("B08", {f"header {name}": world.sign(raw) for name, raw in heads.items()})
