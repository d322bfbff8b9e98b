"""Seeded mutation of bytes: the same random source gives the same inputs, so a finding can be run again.

Invariant: pure but for the random source passed in. Inputs stay below ``LIMIT``, so that one execution stays short.
"""

import base64
import json
import random
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["LIMIT", "mutated", "mutated_json", "mutated_token"]

LIMIT = 65_536
# What parsers trip over: JSON, base64url, numbers at their limits, control and look-alike characters.
PIECES: tuple[bytes, ...] = (
    *(b"null", b"true", b"NaN", b"Infinity", b"-0", b"1e999", b"9" * 400, b"0.1", b"[]", b"{}", b'""', b"[[[[[[[[[["),
    *(b'{"a":' * 12, b'"alg":"none"', b'"crit":[1]', b'"kid":null', b'"exp":1e308', b'"keys":', b'"d":"AA"', b'"k":""'),
    *(
        b"\x00",
        b"\r\n",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\\ud800",
        b"\\u0000",
        b"=",
        b".",
        b"..",
        b",",
        b" ",
        b"Bearer ",
    ),
    *(b'"method":"tools/call"', b'"jsonrpc":"2.0"', b'"id":', b'"params":', b'"_meta":', b'"name":', b'"uri":'),
)
# Values to put in the place of another: each is right somewhere and wrong almost everywhere.
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        2**64,
        10**30,
        "",
        "x",
        "\u0000",
        "é😀",
        "a" * 3_000,
        [],
        {},
        [[]],
        {"a": {}},
        ["x"],
    ),
    *("tools/call", "2026-07-28", "notes://by-id/%2e%2e", "sig", "enc", "RSA", "EC", "oct", "AQAB", "AA", "RS256"),
)
_PART = re.compile(rb"[A-Za-z0-9_-]+")


def mutated(source: random.Random, seed: bytes, others: list[bytes]) -> bytes:
    """``seed`` after one to six random changes; ``others`` are what parts are taken from."""
    data = bytearray(seed)
    for _ in range(source.randint(1, 6)):
        _change(source, data, others)
    return bytes(data[:LIMIT])


def _change(source: random.Random, data: bytearray, others: list[bytes]) -> None:
    start = source.randrange(len(data) + 1)
    end = min(len(data), start + source.choice((1, 1, 2, 4, 16, 64)))
    match source.randrange(7):
        case 0 if data:
            data[start % len(data)] ^= 1 << source.randrange(8)
        case 1:
            del data[start:end]
        case 2:
            data[start:start] = bytes(source.randrange(256) for _ in range(source.randint(1, 8)))
        case 3:
            data[start:start] = data[start:end] * source.choice((1, 2, 50))
        case 4:
            data[start:end] = source.choice(PIECES)
        case 5:
            other = source.choice(others)
            cut = source.randrange(len(other) + 1)
            data[start:end] = other[cut : cut + source.choice((4, 32, 256))]
        case _:
            data[start:start] = source.choice(PIECES)


def mutated_token(source: random.Random, seed: bytes, others: list[bytes]) -> bytes:
    """A token changed either as text or inside one of its parts, which stays base64url then."""
    if source.random() < 0.3:
        return mutated(source, seed, others)
    parts = seed.split(b".")
    place = source.randrange(len(parts))
    if _PART.fullmatch(parts[place]):
        decoded = base64.urlsafe_b64decode(parts[place] + b"=" * (-len(parts[place]) % 4))
        parts[place] = base64.urlsafe_b64encode(mutated(source, decoded, [decoded, *PIECES])).rstrip(b"=")
    return b".".join(parts)


def mutated_json(source: random.Random, seed: bytes, others: list[bytes]) -> bytes:
    """JSON changed in its values and names, so that it stays JSON; now and then as text."""
    if source.random() < 0.3:
        return mutated(source, seed, others)
    root = {"": json.loads(seed)}
    for _ in range(source.randint(1, 4)):
        _change_value(source, source.choice(list(_containers(root))))
    return json.dumps(root.get("")).encode()[:LIMIT]


def _change_value(source: random.Random, node: dict[str, Any] | list[Any]) -> None:
    places = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not places:
        return
    place: Any = source.choice(places)
    match source.randrange(4):
        case 0 if place != "":
            del node[place]
        case 1 if isinstance(node, dict) and place != "":
            node[source.choice(("", "x", "name", "kid", "alg", "d", place.upper()))] = node[place]
        case 2 if isinstance(node, list):
            node.extend(json.loads(json.dumps(node)))
        case _:
            node[place] = json.loads(json.dumps(source.choice(VALUES)))


def _containers(node: Any) -> Iterator[dict[str, Any] | list[Any]]:
    if isinstance(node, dict | list):
        yield node
        for child in node.values() if isinstance(node, dict) else node:
            yield from _containers(child)
