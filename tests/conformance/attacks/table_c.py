"""Catalogue C: claims (RFC 9068, 2.2 and 4; RFC 7519; RFC 9700, 2.3, 4.8, 4.9, 4.15; RFC 7800)."""

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.attacks.model import READ, Attack, Expect, bearer, tokens_of
from conformance.attacks.world import SECOND, UNTRUSTED, World, json_bytes

__all__ = ["table_c"]

DAY = 86_400
ABSENT = object()


def table_c(world: World) -> Iterator[Attack]:
    """All rows; every token here is signed with a key of the issuer that is trusted for it, where not said otherwise."""
    yield from _times(world)
    yield from _issuers(world)
    yield from _mixed_up_issuers(world)
    yield from _audiences(world)
    yield from _kinds(world)
    yield from _people(world)
    yield from _scopes(world)


def _claims(world: World, claim: str, values: Mapping[str, Any]) -> dict[str, str | bytes]:
    """One token for each value of a claim."""
    made: dict[str, str | bytes] = {}
    for name, value in values.items():
        claims = world.claims(**{claim: value})
        if value is ABSENT:
            del claims[claim]
        made[f"{claim} {name}"] = world.sign(world.head(), claims)
    return made


def _raw(world: World, claim: str, text: bytes) -> str:
    """A token whose claim is this text, which JSON may not even allow."""
    marked = json_bytes(world.claims(**{claim: "@@"}))
    return world.sign(world.head(), marked.replace(b'"@@"', text))


def _times(world: World) -> Iterator[Attack]:
    now = int(world.clock.now())
    no_time = {"null": None, "text": str(now + 60), "true": True, "list": [now + 60], "object": {"a": 1}}
    over = {"1e308": 1e308, "10 years ahead": now + 10 * 365 * DAY, "2 hours ahead": now + 7200, "10^400": 10**400}
    yield from tokens_of(
        "C01", _claims(world, "exp", {**no_time, "missing": ABSENT, "-1": -1, "0": 0, "an hour ago": now - 3600})
    )
    yield from tokens_of(
        "C01", {"exp NaN": _raw(world, "exp", b"NaN"), "exp Infinity": _raw(world, "exp", b"Infinity")}
    )
    yield from tokens_of("C02", _claims(world, "exp", over))
    yield from tokens_of("C03", _claims(world, "exp", {"31 s ago, leeway 30": now - 31}), server="leeway")
    yield from tokens_of("C03", _claims(world, "exp", {"10 s ago, leeway 10": now - 10}))
    yield from tokens_of(
        "C04", _claims(world, "nbf", {**no_time, "11 s ahead": now + 11, "a year ahead": now + 365 * DAY})
    )
    yield from tokens_of("C04", {"nbf NaN": _raw(world, "nbf", b"NaN")})
    yield from tokens_of(
        "C05", _claims(world, "iat", {**no_time, "missing": ABSENT, "11 s ahead": now + 11, "a day old": now - DAY - 1})
    )
    yield from tokens_of(
        "C05", {"iat NaN": _raw(world, "iat", b"NaN"), "iat after exp": _with_iat_after_exp(world, now)}
    )


def _with_iat_after_exp(world: World, now: int) -> str:
    return world.sign(world.head(), world.claims(iat=now + 5, exp=now + 5))


def _issuers(world: World) -> Iterator[Attack]:
    issuer = world.tokens.issuer
    host = issuer.partition("//")[2].partition("/")[0]
    values = {
        "with a slash": f"{issuer}/",
        "in upper case": issuer.upper(),
        "with another port": issuer.replace(host, f"{host.partition(':')[0]}:443"),
        "percent-encoded": issuer.replace("realms", "r%65alms"),
        "of another realm": issuer.replace("/mcp", "/other"),
        "a prefix": issuer[:-1],
        "longer": f"{issuer}x",
        "a list": [issuer],
        "null": None,
        "missing": ABSENT,
        "with a look-alike host": issuer.replace(host, host.replace("o", "\u043e", 1)),
        "http": issuer.replace("https", "http"),
        "with user information": issuer.replace("//", "//user@"),
        "with a space": f" {issuer}",
    }
    yield from tokens_of("C06", _claims(world, "iss", values))


def _mixed_up_issuers(world: World) -> Iterator[Attack]:
    second, untrusted = world.second, world.untrusted
    own: dict[str, Any] = {"iss": world.tokens.issuer, "scope": READ}
    yield from tokens_of(
        "C07",
        {
            "the second issuer's key signs for the first": second.token(**own),
            "the first issuer's key signs for the second": world.good(iss=SECOND),
            "one kid, the first issuer's key signs for the second": world.sign(
                world.head(alg="ES256", kid=second.kid("ES256")),
                world.claims(iss=SECOND),
                "ES256",
                world.odd["same id"],
            ),
            "one kid, the second issuer's key signs for the first": second.token(algorithm="ES256", **own),
            "an issuer nobody trusts, with its own key": untrusted.token(scope=READ),
            "an issuer nobody trusts, with a trusted key": world.good(iss=UNTRUSTED),
            "the second issuer with a slash": second.token(iss=f"{SECOND}/", scope=READ),
            "no issuer": world.good(iss=None),
            "both issuers in a list": world.good(iss=[world.tokens.issuer, SECOND]),
            "an object for an issuer": world.good(iss={SECOND: 1}),
            "a payload that is no JSON": world.sign(world.head(), b"claims"),
        },
        server="two",
    )
    yield from tokens_of("C07", {"the second issuer where one is trusted": second.token(scope=READ)})


def _audiences(world: World) -> Iterator[Attack]:
    ours = world.tokens.audience
    shapes = {"missing": ABSENT, "[]": [], "null": None, "number": 1, "object": {ours: 1}, "nested": [[ours]]}
    yield from tokens_of("C08", _claims(world, "aud", {**shapes, "mixed types": [ours, 1], "empty": "", "true": True}))
    others = {
        "of another client": "2c7a9f4e-9b1d-4f57-8f3e-0a4f5d1c7b22",
        "account": "account",
        "ours and .evil": f"{ours}.evil",
        "a prefix of ours": ours[:-1],
        "ours and a slash": f"{ours}/",
        "ours in upper case": ours.upper(),
        "joined by a space": f"account {ours}",
        "the origin": ours.rpartition("/")[0],
        "ours with a query": f"{ours}?x",
        "a list without ours": ["account", f"{ours}/"],
        "a server below ours": f"{ours}/other",
        "any": "*",
    }
    yield from tokens_of("C09", _claims(world, "aud", others))


def _kinds(world: World) -> Iterator[Attack]:
    sign, head = world.sign, world.head
    client = "2c7a9f4e-9b1d-4f57-8f3e-0a4f5d1c7b22"
    yield from tokens_of(
        "C11",
        {
            "ID token": sign(head(), world.claims(typ="ID", aud=client, nonce="n", at_hash="h")),
            "ID token with our audience": sign(head(), world.claims(typ="ID", nonce="n", at_hash="h")),
            "refresh token": sign(head(), world.claims(typ="Refresh")),
            "offline token": sign(head(), world.claims(typ="Offline")),
            "logout token": sign(head(typ="logout+jwt"), world.claims(typ="Logout", events={})),
            "userinfo answer": sign(head(), {"iss": world.tokens.issuer, "aud": client, "sub": "x", "email": "a@b"}),
            "client assertion": sign(head(), world.claims(iss=client, sub=client)),
            "ID token called at+jwt": sign(head(typ="at+jwt"), world.claims(typ="ID")),
            "claim typ missing under JWT": world.good(typ=None),
            "claim typ in lower case": sign(head(), world.claims(typ="bearer")),
            "claim typ a list": sign(head(), world.claims(typ=["Bearer"])),
        },
    )
    types = ("dpop+jwt", "secevent+jwt", "logout+jwt", "JOSE", "at+jwt ", "", None, 1, ["JWT"], "application/jwt")
    yield from tokens_of("C12", {f"header typ {value!r}": sign(head(typ=value)) for value in types})
    without = {name: value for name, value in head().items() if name != "typ"}
    yield from tokens_of("C12", {"header typ missing": sign(without)})
    bound = {"by DPoP": {"jkt": "x"}, "by mTLS": {"x5t#S256": "x"}, "by nothing": {}, "null": None}
    yield from tokens_of("C17", _claims(world, "cnf", bound))


def _people(world: World) -> Iterator[Attack]:
    names = {
        "missing": ABSENT,
        "empty": "",
        "number": 1,
        "list": ["x"],
        "null": None,
        "line break": "a\r\nb",
        "NUL": "a\0b",
        "10 kB": "x" * 10_000,
        "true": True,
        "right-to-left mark": "a\u202eb",
        "object": {"a": 1},
    }
    yield from tokens_of("C13", _claims(world, "sub", names))
    wrong = {"number": 1, "list": ["alice"], "line break": "alice\r\nadmin", "empty": ""}
    yield from tokens_of("C13", _claims(world, "preferred_username", wrong))
    client = world.claims()["azp"]
    yield from tokens_of("C14", _claims(world, "azp", {"list": [client], "number": 1, "empty": "", "null": None}))
    yield from tokens_of(
        "C14",
        {
            "azp and client_id differ": world.good(client_id="another"),
            "a client acting for itself": world.good(sub=client),
            "a client acting for itself by client_id": world.good(sub="service", azp=None, client_id="service"),
        },
    )
    rights = {
        "list": ["admin"],
        "text": "admin",
        "roles as text": {"roles": "admin"},
        "roles of numbers": {"roles": [1]},
    }
    yield from tokens_of("C16", _claims(world, "realm_access", rights))
    elsewhere: dict[str, dict[str, Any]] = {
        "a role of another client": {"resource_access": {"other": {"roles": ["admin"]}}},
        "a role of this server as a client": {"resource_access": {world.tokens.audience: {"roles": ["admin"]}}},
        "a role in capitals": {"realm_access": {"roles": ["ADMIN", "admin "]}},
        "a top-level list of roles": {"roles": ["admin"]},
        "groups": {"groups": ["admin", "/admin"]},
    }
    for name, claims in elsewhere.items():
        call: dict[str, Any] = {"method": "tools/call", "params": {"name": "purge", "arguments": {}}}
        yield Attack("C16", name, Expect.UNKNOWN, bearer(world.good(**claims)), **call)


def _scopes(world: World) -> Iterator[Attack]:
    call: dict[str, Any] = {"method": "tools/call", "params": {"name": "read", "arguments": {}}}
    short = {
        "longer": f"{READ}x",
        "shorter": READ[:-1],
        "upper case": READ.upper(),
        "any": "*",
        "any of ours": "notes:*",
        "empty": "",
        "comma-joined": f"{READ},notes:write",
        "missing": ABSENT,
        "the resource alone": "notes",
        "slash for colon": "notes/read",
        "percent-encoded": "notes%3Aread",
        "others": "openid profile email offline_access",
    }
    for name, token in _claims(world, "scope", short).items():
        yield Attack("C15", name, Expect.E403, bearer(token), scopes=(READ,), **call)
    scp = world.sign(world.head(), {**world.claims(scp=[READ]), "scope": "openid"})
    yield Attack("C15", "the right one in scp", Expect.E403, bearer(scp), scopes=(READ,), **call)
    wrong: dict[str, Any] = {
        "list": [READ],
        "null": None,
        "number": 1,
        "tab": f"openid\t{READ}",
        "line break": f"openid\n{READ}",
    }
    wrong |= {"quote": f'"{READ}"', "no ASCII": f"{READ} \xe9", "object": {READ: True}, "true": True}
    yield from tokens_of("C15", _claims(world, "scope", wrong), **call)
