"""Catalogue D: how a token is carried, what answers say, and rights that grow (RFC 6750; RFC 9728; MCP 2026-07-28).

``carrying`` needs one good token and no key, so it runs on a token of a real issuer as well.
"""

from collections.abc import Iterator
from typing import Any

from conformance.attacks.model import READ, WRITE, Attack, Expect, bearer, tokens_of
from conformance.attacks.world import World

__all__ = ["carrying", "table_d"]

AUTHORIZATION = b"authorization"
LEGACY = "2025-11-25"


def table_d(world: World) -> Iterator[Attack]:
    """All rows with a token of the world."""
    yield from carrying(world.good())
    yield from _reflected(world)
    yield from _rights(world)


def carrying(token: str) -> Iterator[Attack]:
    """D01 to D03: one good token, carried in every way but the right one."""
    raw = token.encode()
    yield from _header_forms(raw)
    yield from _two_headers(raw)
    yield from _elsewhere(token)


def _header_forms(raw: bytes) -> Iterator[Attack]:
    def one(name: str, expect: Expect, value: bytes) -> Attack:
        return Attack("D01", name, expect, ((AUTHORIZATION, value),))

    yield Attack("D01", "no Authorization", Expect.E401N)
    yield one("Basic", Expect.E401N, b"Basic YWxpY2U6c2VjcmV0")
    yield one("another scheme with the token", Expect.E401N, b"DPoP " + raw)
    yield one("the token alone", Expect.E401N, raw)
    yield one("scheme in quotes", Expect.E401N, b'"Bearer" ' + raw)
    yield one("scheme run together", Expect.E401N, b"Bearer" + raw)
    yield one("scheme with a suffix", Expect.E401N, b"Bearer2 " + raw)
    yield one("empty", Expect.E400, b"")
    yield one("scheme alone", Expect.E400, b"Bearer")
    yield one("tab for a space", Expect.E400, b"Bearer\t" + raw)
    yield one("two tokens", Expect.E400, b"Bearer " + raw + b" " + raw)
    yield one("comma after the scheme", Expect.E400, b"Bearer," + raw)
    yield one("comma after the token", Expect.E400, b"Bearer " + raw + b",")
    yield one("parameters after the token", Expect.E400, b"Bearer " + raw + b', realm="x"')
    yield one("equals sign after the scheme", Expect.E400, b"Bearer=" + raw)
    yield one("token in quotes", Expect.E400, b'Bearer "' + raw + b'"')
    yield one("token in angle brackets", Expect.E400, b"Bearer <" + raw + b">")
    yield one("colon after the scheme", Expect.E400, b"Bearer: " + raw)


def _two_headers(raw: bytes) -> Iterator[Attack]:
    good, bad = b"Bearer " + raw, b"Bearer " + raw[:-8] + b"AAAAAAAA"
    pairs = {
        "the same twice": (good, good),
        "good, then bad": (good, bad),
        "bad, then good": (bad, good),
        "good, then Basic": (good, b"Basic YWxpY2U6c2VjcmV0"),
        "Basic, then good": (b"Basic YWxpY2U6c2VjcmV0", good),
        "good, then empty": (good, b""),
    }
    for name, values in pairs.items():
        yield Attack("D02", name, Expect.E400, tuple((AUTHORIZATION, value) for value in values))
    joined = {"joined by a comma": good + b", " + bad, "joined without a space": good + b"," + good}
    joined["Basic joined with Bearer"] = b"Basic YWxpY2U6c2VjcmV0, " + good
    for name, value in joined.items():
        yield Attack("D02", name, Expect.E400, ((AUTHORIZATION, value),))


def _elsewhere(token: str) -> Iterator[Attack]:
    header = bearer(token)
    for query in ("access_token={}", "%61ccess_token={}", "x=1&access_token={}", "access_token=", "access%5Ftoken={}"):
        name = query.format("…")
        yield Attack("D03", f"query {name}", Expect.E400, query=query.format(token))
        yield Attack("D03", f"query {name} beside the header", Expect.E400, header, query=query.format(token))
    form = f"access_token={token}".encode()
    yield Attack(
        "D03", "form body", Expect.E401N, ((b"content-type", b"application/x-www-form-urlencoded"),), body=form
    )
    raw = token.encode()
    others = {
        "cookie": (b"cookie", b"access_token=" + raw),
        "X-Authorization": (b"x-authorization", b"Bearer " + raw),
        "Proxy-Authorization": (b"proxy-authorization", b"Bearer " + raw),
        "X-Forwarded-Access-Token": (b"x-forwarded-access-token", raw),
        "X-Forwarded-User": (b"x-forwarded-user", b"alice"),
        "X-Auth-Request-User": (b"x-auth-request-user", b"alice"),
        "underscore": (b"x_authorization", b"Bearer " + raw),
        "Mcp-Session-Id": (b"mcp-session-id", raw),
    }
    for name, pair in others.items():
        yield Attack("D03", name, Expect.E401N, (pair,))
    params = {"_meta": {"authorization": f"Bearer {token}", "access_token": token}}
    yield Attack("D03", "JSON-RPC parameter", Expect.E401N, params=params)
    arguments = {"name": "read", "arguments": {"access_token": token, "authorization": f"Bearer {token}"}}
    yield Attack("D03", "arguments of a tool", Expect.E401N, method="tools/call", params=arguments)


def _reflected(world: World) -> Iterator[Attack]:
    texts = ('a"b', "a\\b", "a\r\nSet-Cookie: x=1", "a, Bearer realm=x", "<script>", "%0d%0aX: 1", 'x", error="y')
    yield from tokens_of("D04", {f"kid {text!r}": world.sign(world.head(kid=text)) for text in texts})
    for text in texts:
        claims = world.claims(scope=text, iss=text, aud=text, sub=text)
        yield from tokens_of("D04", {f"claims of {text!r}": world.sign(world.head(), claims)})
        unknown = {"name": text, "arguments": {}}
        yield Attack("D04", f"tool {text!r} without a token", Expect.E401N, method="tools/call", params=unknown)


def _rights(world: World) -> Iterator[Attack]:
    stranger, reader = world.good("openid"), world.good(READ)
    needs: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("tools/call", {"name": "read", "arguments": {}}, READ),
        ("tools/call", {"name": "write", "arguments": {}}, WRITE),
        ("prompts/get", {"name": "summary"}, READ),
        ("resources/read", {"uri": "notes://all"}, READ),
        ("resources/read", {"uri": "notes://by-id/1"}, WRITE),
    )
    for era in ("2026-07-28", LEGACY):
        for method, params, scope in needs:
            what = f"{method} {params.get('name') or params['uri']}, {era}"
            call: dict[str, Any] = {"method": method, "params": params, "era": era, "scopes": (scope,)}
            yield Attack("D06", f"{what}, no scope", Expect.E403, bearer(stranger), **call)
            if scope == WRITE:
                yield Attack("D06", f"{what}, reading scope", Expect.E403, bearer(reader), **call)
            anonymous = {**call, "scopes": ()}
            yield Attack("D06", f"{what}, no token", Expect.E401N, **anonymous)
        hidden: dict[str, Any] = {"method": "tools/call", "params": {"name": "purge", "arguments": {}}, "era": era}
        yield Attack("D06", f"role rule, {era}", Expect.UNKNOWN, bearer(world.good(READ, WRITE)), **hidden)
