"""Assertions that must not get in: what a stranger can send, and what Access signs for others.

Each is made anew from a good one, whose acceptance beside it shows that it is the change which is refused.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

from access_team import AUD, PERSON, AccessTeam
from joserfc.jwk import RSAKey

from gatelodge.core.clock import SystemClock
from gatelodge.testing.tokens import TokenFactory, encode_part, make_key

__all__ = ["ADDRESSES", "ATTACKS"]

_SOON = 600
_CLAIMED = {"aud": [AUD], "email": "boss@example.com", "type": "app", "sub": PERSON}


def _claims(team: AccessTeam) -> dict[str, Any]:
    now = int(time.time())
    return {**_CLAIMED, "iss": team.issuer, "iat": now, "exp": now + _SOON}


def _signed(team: AccessTeam, header: Mapping[str, Any], key: Any) -> str:
    factory = TokenFactory(team.issuer, AUD, SystemClock())
    return factory.sign({"alg": "RS256", "typ": "JWT", **header}, _claims(team), key=key)


def _with_public_key(team: AccessTeam) -> str:
    """HS256 with the published key as the secret."""
    published = team.keys()[-1]
    public = RSAKey.import_key({name: published[name] for name in ("kty", "n", "e")}).as_pem(private=False)
    # Signed without the library, which refuses to take part in this attack.
    signed = f"{encode_part({'alg': 'HS256', 'typ': 'JWT', 'kid': published['kid']})}.{encode_part(_claims(team))}"
    return f"{signed}.{encode_part(hmac.digest(public, signed.encode(), 'sha256'))}"


def _own_key(team: AccessTeam) -> str:
    return _signed(team, {"kid": team.keys()[-1]["kid"]}, make_key("RS256"))


def _own_key_in_header(team: AccessTeam) -> str:
    key = make_key("RS256")
    return _signed(team, {"kid": str(key.kid), "jwk": key.as_dict(private=False)}, key)


def _parts(team: AccessTeam) -> tuple[str, str, str]:
    head, payload, signature = team.assertion().split(".")
    return head, payload, signature


def _header(team: AccessTeam, header: Mapping[str, Any], *, signature: bool = True) -> str:
    _, payload, signed = _parts(team)
    return f"{encode_part(header)}.{payload}.{signed if signature else ''}"


def _changed_payload(team: AccessTeam) -> str:
    head, _, signature = _parts(team)
    return f"{head}.{encode_part(_claims(team))}.{signature}"


def _with(**claims: Any) -> Callable[[AccessTeam], str]:
    return lambda team: team.assertion(**claims)


def _at(**seconds: int) -> Callable[[AccessTeam], str]:
    """Times from now on."""

    def forge(team: AccessTeam) -> str:
        moved: dict[str, Any] = {name: int(time.time()) + ahead for name, ahead in seconds.items()}
        return team.assertion(**moved)

    return forge


ATTACKS: dict[str, Callable[[AccessTeam], str]] = {
    "wrong aud": _with(aud=["0" * 64]),
    "no aud": _with(aud=None),
    "the public URL as aud": _with(aud=["https://localhost:8443/mcp"]),
    "aud of another type": _with(aud=[[AUD]]),
    "wrong team": _with(iss="https://evil.cloudflareaccess.com"),
    "the team with a slash": lambda team: team.assertion(iss=f"{team.issuer}/"),
    "alg none": lambda team: _header(team, {"alg": "none", "kid": "x", "typ": "JWT"}, signature=False),
    "HS256 with the public key": _with_public_key,
    "own key under a published id": _own_key,
    "own key in the header": _own_key_in_header,
    "unknown key id": _with(header={"kid": "never-published"}),
    "no key id": lambda team: _header(team, {"alg": "RS256", "typ": "JWT"}),
    "a key set URL in the header": _with(header={"jku": "https://evil.example/certs"}),
    "expired": _at(exp=-60, iat=-3600),
    "no exp": _with(exp=None),
    "no iat": _with(iat=None),
    "not yet": _at(nbf=_SOON),
    "made in the future": _at(iat=_SOON),
    "a life of a year": _at(exp=31_536_000),
    "the session of the team's own domain": _with(type="org"),
    "no type": _with(type=None),
    "no sub": _with(sub=None),
    "empty sub and no service token": _with(sub=""),
    "sub of another type": _with(sub=7),
    "service token with a person's sub": lambda team: team.service_assertion(sub=PERSON),
    "service token with an address": lambda team: team.service_assertion(email="boss@example.com"),
    "changed payload": _changed_payload,
    "no signature": lambda team: ".".join((*_parts(team)[:2], "")),
    "two joined": lambda team: f"{team.assertion()}, {team.assertion()}",
    "a line in the address": _with(email="boss@example.com\nx"),
    "groups of another type": _with(custom={"groups": {"Editors": True}}),
    "custom of another type": _with(custom="Editors"),
    "a look-alike of a claim": _with(Email="boss@example.com"),
    "empty": lambda _: "",
    "no token": lambda _: "not a token",
    "no ASCII": lambda _: "caf\u00e9.\u00e9.\u00e9",
    "too large": lambda _: "a" * 20_000,
}

# Addresses that are not boss@example.com, however much they look like it.
ADDRESSES = (
    "Boss@example.com",
    "boss@EXAMPLE.com",
    "boss+x@example.com",
    "boss@example.com ",
    "boss@example.com.evil.test",
    "boss@example.com@evil.test",
    '"boss@example.com"@evil.test',
    "boss@evil.test",
    "boss%example.com@evil.test",
    "b\u043ess@example.com",
    "boss@ex\u0430mple.com",
    "*@example.com",
    "group:Editors",
    "",
)
