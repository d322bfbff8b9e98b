"""Past vulnerabilities of libraries that check tokens: costly forms, and claims that say too little or something else."""

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.attacks.model import Attack, Expect, bearer, tokens_of
from conformance.attacks.world import World, json_bytes
from conformance.cves.faults import accepting
from conformance.cves.model import REFUSED, Fault, Past, answers
from gatelodge.resource_server import bearer as bearer_module
from gatelodge.resource_server import claims, identity, jws
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.testing.tokens import encode_part

__all__ = ["CLAIMS_AND_FORMS"]


def _iterations(world: World) -> Iterator[Attack]:
    for name in ("PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"):
        head = {"alg": name, "enc": "A128GCM", "p2c": 2**31 - 1, "p2s": "AAAAAAAAAAA", "kid": world.tokens.kid()}
        yield from tokens_of("JWE", {name: f"{encode_part(head)}.AAAA.AAAA.AAAA.AAAA"})


def _bomb(world: World) -> Iterator[Attack]:
    press = zlib.compressobj(9, wbits=-15)
    packed = press.compress(bytes(8_000_000)) + press.flush()
    for name in ("dir", "RSA-OAEP", "ECDH-ES"):
        head = {"alg": name, "enc": "A128GCM", "zip": "DEF", "kid": world.tokens.kid()}
        yield from tokens_of("JWE", {f"{name}, zip": f"{encode_part(head)}.AAAA.AAAA.{encode_part(packed)}.AAAA"})


def _pieces(world: World) -> Iterator[Attack]:
    yield from tokens_of("dots", {"16,000": "." * 16_000, "letters between": "a." * 8_000})
    yield from tokens_of("dots", {"more than a token may have": "." * 60_000}, Expect.E400)


def _critical(world: World) -> Iterator[Attack]:
    for value in (["cnf"], ["http://example.invalid/extension"], ["b64", "exp"]):
        more: dict[str, Any] = dict.fromkeys(value, True)
        yield from tokens_of("crit", {str(value): world.sign(world.head(crit=value, **more))})


def _unencoded(world: World) -> Iterator[Attack]:
    head = encode_part(world.head(b64=False, crit=["b64"]))
    content = encode_part(world.claims())
    yield from tokens_of("b64", {"good otherwise": world.sign_text(f"{head}.{content}")})
    yield from tokens_of("b64", {"of 60 kB": world.sign_text(f"{head}.{'a' * 60_000}")}, Expect.E400)


def _large(world: World) -> Iterator[Attack]:
    yield from tokens_of(
        "size", {"64 kB of claims": world.sign(world.head(), world.claims(x="x" * 64_000))}, Expect.E400
    )


def _issuer(values: str) -> Any:
    def made(world: World) -> Iterator[Attack]:
        issuer = world.tokens.issuer
        named: dict[str, object] = {
            "part": issuer[:-4],
            "scheme": "https",
            "list": [issuer, "https://evil.example"],
            "other": "https://evil.example/realms/mcp",
        }
        chosen = {name: world.good(iss=named[name]) for name in values.split()}
        yield from tokens_of("iss", chosen)

    return answers(made)


def _naming(names: Any) -> Fault:
    """A fault in the comparison of issuers."""

    def claimed(found: dict[str, Any], config: ResourceServerConfig) -> str:
        if names(found.get("iss"), config.issuer):
            return config.issuer
        raise TokenRejected(Reason.ISSUER, "another issuer")

    return lambda patch: patch.setattr(claims, "claimed_issuer", claimed)


def _audience(world: World) -> Iterator[Attack]:
    yield from tokens_of("aud", {"empty list": world.good(aud=[]), "empty text": world.good(aud="")})


def _other_audience(world: World) -> Iterator[Attack]:
    yield from tokens_of("aud", {"of another server": world.good(aud="https://localhost:8443/other")})


def _lax_audience(patch: pytest.MonkeyPatch) -> None:
    strict = claims._check_audience
    patch.setattr(claims, "_check_audience", lambda named, url: None if not named else strict(named, url))


def _unchecked(name: str) -> Fault:
    return lambda patch: patch.setattr(claims, name, lambda *_: None)


def _refresh(world: World) -> Iterator[Attack]:
    yield from tokens_of("typ", {name: world.good(typ=name) for name in ("Refresh", "Offline", "ID")})


def _members(patch: pytest.MonkeyPatch) -> None:
    known = {"b64", "crit", "cnf", "exp", "http://example.invalid/extension"}
    patch.setattr(jws, "_HEADER_MEMBERS", jws._HEADER_MEMBERS | known)


def _unlimited(patch: pytest.MonkeyPatch) -> None:
    for module in (bearer_module, jws):
        patch.setattr(module, "MAX_TOKEN_BYTES", 10_000_000)


def _polyglot(world: World) -> Iterator[Attack]:
    head, payload, signature = world.parts()
    forged = encode_part(world.claims(sub="somebody-else"))
    # Read by its dots it holds the forged claims, read as JSON it is well signed.
    text = json_bytes({f"  {head}.{forged}.": 1, "protected": head, "payload": payload, "signature": signature})
    yield Attack("JSON", "and compact at once", Expect.E400, bearer(text))


def _lenient_bearer(patch: pytest.MonkeyPatch) -> None:
    def taken(headers: Any, _: bytes) -> str | None:
        for name, value in headers:
            if name == b"authorization":
                found = json.loads(value.removeprefix(b"Bearer "))
                return f"{found['protected']}.{found['payload']}.{found['signature']}"
        return None

    patch.setattr(identity, "bearer_token", taken)


CLAIMS_AND_FORMS: tuple[Past, ...] = (
    Past(
        ("CVE-2022-36083", "CVE-2023-50967", "CVE-2023-6681", "CVE-2023-51775", "CVE-2023-52428"),
        "jose (two), jwcrypto, jose4j, Nimbus",
        "the header says how many iterations a password costs",
        f"{REFUSED}, nothing computed",
        answers(_iterations),
        accepting(lambda _: False),
    ),
    Past(
        (
            *("CVE-2024-21319", "CVE-2024-28102", "CVE-2024-28122", "CVE-2024-28176", "CVE-2024-28180"),
            *("CVE-2024-33664", "CVE-2025-62706"),
        ),
        "IdentityModel, jwcrypto, jwx, jose, go-jose, python-jose, Authlib",
        "8 kB of an encrypted token unpack to 8 MB",
        f"{REFUSED}, nothing unpacked",
        answers(_bomb),
        accepting(lambda _: False),
    ),
    Past(
        ("CVE-2025-22868", "CVE-2025-27144", "CVE-2025-30204"),
        "golang.org/x/oauth2, go-jose, golang-jwt",
        "a token of dots is cut into as many pieces",
        f"{REFUSED}; 400 over 16 KiB",
        answers(_pieces),
        accepting(lambda _: False),
    ),
    Past(
        ("CVE-2025-59420", "CVE-2026-32597"),
        "Authlib, PyJWT",
        "extensions named critical are not understood and ignored",
        REFUSED,
        answers(_critical),
        _members,
    ),
    Past(
        ("CVE-2026-48990",),
        "joserfc",
        "an unencoded payload passes by the limits",
        f"{REFUSED}; 400 over 16 KiB",
        answers(_unencoded),
        _members,
    ),
    Past(
        ("CVE-2025-61920", "CVE-2025-65015"),
        "Authlib, joserfc",
        "tokens of any size are decoded, and stand in errors",
        "400, the constant text, before anything is decoded",
        answers(_large),
        _unlimited,
    ),
    Past(
        ("CVE-2024-53861",),
        "PyJWT",
        "a part of the issuer passes for the issuer",
        REFUSED,
        _issuer("part scheme"),
        _naming(lambda named, issuer: str(named) in issuer),
    ),
    Past(
        ("CVE-2025-30144",),
        "fast-jwt",
        "a list of issuers passes when ours is one of them",
        REFUSED,
        _issuer("list"),
        _naming(lambda named, issuer: issuer in named),
    ),
    Past(
        ("CVE-2018-15801",),
        "Spring Security",
        "whoever signs with the same key may name another issuer",
        REFUSED,
        _issuer("other"),
        _naming(lambda *_: True),
    ),
    Past(
        ("CVE-2020-26160",),
        "jwt-go",
        "an audience of nobody is anybody's",
        REFUSED,
        answers(_audience),
        _lax_audience,
    ),
    Past(
        ("CVE-2026-37979",),
        "Keycloak",
        "a token for one server is good at another",
        REFUSED,
        answers(_other_audience),
        _unchecked("_check_audience"),
    ),
    Past(
        ("FastMCP before 3.2.0, refresh token as bearer",),
        "FastMCP",
        "a refresh, offline or ID token passes for an access token",
        REFUSED,
        answers(_refresh),
        _unchecked("_check_use"),
    ),
    Past(
        ("CVE-2022-39227",),
        "python-jwt",
        "one text is a signed JSON form and a compact form with other claims",
        "400, the constant text",
        answers(_polyglot),
        _lenient_bearer,
    ),
)
