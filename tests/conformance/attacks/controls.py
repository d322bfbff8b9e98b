"""Good requests: without them a server that refuses everything would pass every attack."""

import base64
from collections.abc import Iterator
from typing import Any

from conformance.attacks.model import READ, WRITE, Attack, Expect, bearer, tokens_of
from conformance.attacks.world import ALGORITHMS, SECOND, World
from gatelodge.testing.tokens import encode_part

__all__ = ["carried_well", "controls"]

# The order of the group of P-256 (FIPS 186-4, D.1.2.3).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def controls(world: World) -> Iterator[Attack]:
    """At least sixty requests that must be served."""
    for algorithm in ALGORITHMS:
        for typ in ("JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"):
            token = world.good(algorithm=algorithm, header={"typ": typ})
            yield Attack("C12", f"{algorithm}, typ {typ}", Expect.OK, bearer(token))
    yield from carried_well(world.good())
    yield from _signatures(world)
    yield from _claims(world)
    yield from _rights(world)


def carried_well(token: str) -> Iterator[Attack]:
    """One good token in the right header, in each spelling that RFC 9110 allows, and beside what must not matter."""
    raw = token.encode()
    for scheme in (b"Bearer ", b"bearer ", b"BEARER ", b"bEaReR ", b"Bearer  ", b"Bearer     "):
        yield Attack("D01", f"scheme {scheme.decode()!r}", Expect.OK, ((b"authorization", scheme + raw),))
    beside = {
        "a cookie": (b"cookie", b"access_token=other"),
        "X-Authorization": (b"x-authorization", b"Bearer other"),
        "Proxy-Authorization": (b"proxy-authorization", b"Basic eDp5"),
        "forwarding headers": (b"x-forwarded-user", b"admin"),
    }
    for name, pair in beside.items():
        yield Attack("D03", f"beside {name}", Expect.OK, (*bearer(token), pair))
    for query in ("x=1", "token=1", "access_tokens=1", "xaccess_token=1"):
        yield Attack("D03", f"query {query}", Expect.OK, bearer(token), query=query)
    yield Attack("D01", "2025-11-25", Expect.OK, bearer(token), era="2025-11-25")


def _signatures(world: World) -> Iterator[Attack]:
    head, payload, signature = world.parts("ES256")
    raw = base64.urlsafe_b64decode(signature + "==")
    other = P256_ORDER - int.from_bytes(raw[32:], "big")
    both = f"{head}.{payload}.{encode_part(raw[:32] + other.to_bytes(32, 'big'))}"
    yield from tokens_of("A13", {"ES256, both forms of s": both}, Expect.OK)
    yield from tokens_of("A13", {"RS256 where it alone is allowed": world.good()}, Expect.OK, server="rs256")
    yield from tokens_of("A11", {"kid, one key published": world.good()}, Expect.OK, server="single")
    large = world.sign(world.head(), world.claims(x="x" * 6_000))
    yield from tokens_of("B07", {"token of 8 kB": large}, Expect.OK)


def _claims(world: World) -> Iterator[Attack]:
    now = int(world.clock.now())
    ours = world.tokens.audience
    changes: dict[str, dict[str, Any]] = {
        "exp a float": {"exp": now + 60.5},
        "exp 9 s ago, leeway 10": {"exp": now - 9, "iat": now - 300},
        "the longest life": {"exp": now + 3600},
        "nbf now": {"nbf": now},
        "nbf 9 s ahead": {"nbf": now + 9},
        "iat 9 s ahead": {"iat": now + 9},
        "iat a float": {"iat": now - 0.5},
        "aud a list of one": {"aud": [ours]},
        "aud a list of several": {"aud": ["account", ours, "other"]},
        "no user name": {"preferred_username": None},
        "another's name for display": {"preferred_username": "6f1c2d0e-6a4e-4b0b-9d62-6e2b6f0f5a12"},
        "no azp": {"azp": None},
        "client_id for azp": {"azp": None, "client_id": "some-client"},
        "client_id and azp alike": {"azp": "some-client", "client_id": "some-client"},
        "realm roles": {"realm_access": {"roles": ["offline_access", "default"]}},
        "claims nobody reads": {"x": {"y": [1, 2, {"z": None}]}, "ünïcode": "ä 😀"},
        "sub with a space": {"sub": "f:1:alice smith"},
        "no jti": {"jti": None},
        "extra spaces in scope": {"scope": f"  openid   {READ} "},
        "doubled scope": {"scope": f"{READ} {READ}"},
    }
    yield from tokens_of(
        "C", {name: world.sign(world.head(), _changed(world, change)) for name, change in changes.items()}, Expect.OK
    )
    no_type = world.good(header={"typ": "at+jwt"}, typ=None)
    yield from tokens_of("C12", {"at+jwt without Keycloak's claim": no_type}, Expect.OK)
    late = world.good(exp=now - 29, iat=now - 300)
    yield from tokens_of("C03", {"exp 29 s ago, leeway 30": late}, Expect.OK, server="leeway")
    yield from tokens_of(
        "C07",
        {
            "the first of two issuers": world.good(),
            "the second of two issuers": world.second.token(scope=READ),
            "the second issuer's key under a kid that the first has too": world.second.token(
                algorithm="ES256", scope=READ, iss=SECOND
            ),
        },
        Expect.OK,
        server="two",
    )


def _changed(world: World, change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in world.claims(**change).items() if value is not None}


def _rights(world: World) -> Iterator[Attack]:
    reader, writer = bearer(world.good(READ)), bearer(world.good(READ, WRITE))
    admin = bearer(world.good(realm_access={"roles": ["admin"]}))
    for era in ("2026-07-28", "2025-11-25"):
        calls = (
            ("read", "tools/call", {"name": "read", "arguments": {}}, reader),
            ("read with the writing scope", "tools/call", {"name": "read", "arguments": {}}, bearer(world.good(WRITE))),
            ("write", "tools/call", {"name": "write", "arguments": {}}, writer),
            ("purge as admin", "tools/call", {"name": "purge", "arguments": {}}, admin),
            ("prompt", "prompts/get", {"name": "summary"}, reader),
            ("resource", "resources/read", {"uri": "notes://all"}, reader),
            ("template", "resources/read", {"uri": "notes://by-id/1"}, writer),
        )
        for name, method, params, headers in calls:
            yield Attack("D06", f"{name}, {era}", Expect.OK, headers, method=method, params=params, era=era)
