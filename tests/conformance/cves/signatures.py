"""Past vulnerabilities of libraries that check tokens: a token that nobody with the key signed."""

import hmac
import json
from collections.abc import Iterator, Sequence
from typing import Any

from joserfc.jwe import JWERegistry, encrypt_compact
from joserfc.jwk import ECKey, RSAKey

from conformance.attacks.model import Attack, tokens_of
from conformance.attacks.world import World
from conformance.cves.faults import SHARED, Try, accepting, digests, secrets_of
from conformance.cves.model import REFUSED, Past, answers
from gatelodge.testing.tokens import encode_part

__all__ = ["SIGNATURES"]


def _mac(world: World, published: str, algorithm: str, secret: bytes) -> str:
    signed = f"{encode_part(world.head(published, alg=algorithm))}.{encode_part(world.claims())}"
    return f"{signed}.{encode_part(hmac.new(secret, signed.encode(), digests[algorithm]).digest())}"


def _confused(ids: Sequence[str], parts: str, published: str, algorithm: str, spelling: str) -> Past:
    """A public key, in one of its spellings, taken for the secret of an HMAC."""

    def made(world: World) -> Iterator[Attack]:
        secret = secrets_of(world.tokens.key(published))[spelling]
        yield from tokens_of(ids[0], {spelling: _mac(world, published, algorithm, secret)})

    def by_public_key(found: Try) -> bool:
        return found.mac_by(secret for key in found.ring.values() for secret in secrets_of(key).values())

    essence = f"{algorithm} with the {published} public key as secret, as {spelling}"
    return Past(tuple(ids), parts, essence, REFUSED, answers(made), accepting(by_public_key))


def _unsigned(world: World) -> Iterator[Attack]:
    for name in ("none", "None", "nOnE"):
        yield from tokens_of("none", {name: f"{encode_part(world.head(alg=name))}.{encode_part(world.claims())}."})
        signed = f"{encode_part(world.head(alg=name))}.{encode_part(world.claims())}.AAAA"
        yield from tokens_of("none", {f"{name}, some signature": signed})


def _no_signature(world: World) -> Iterator[Attack]:
    yield from tokens_of("RS256", {"empty signature": f"{encode_part(world.head())}.{encode_part(world.claims())}."})


def _embedded(algorithm: str) -> Any:
    def made(world: World) -> Iterator[Attack]:
        key = world.stranger[algorithm]
        head = world.head(algorithm, jwk=key.as_dict(private=False))
        yield from tokens_of(algorithm, {"key in the header": world.sign(head, algorithm=algorithm, key=key)})

    return answers(made)


def _by_embedded_key(found: Try) -> bool:
    jwk: Any = found.head.get("jwk")
    if not isinstance(jwk, dict):
        return False
    key = RSAKey.import_key(jwk) if jwk["kty"] == "RSA" else ECKey.import_key(jwk)
    return found.verified(str(found.head["alg"]), key)


def _psychic(world: World) -> Iterator[Attack]:
    signed = f"{encode_part(world.head('ES256'))}.{encode_part(world.claims())}"
    yield from tokens_of("ES256", {"r and s are 0": f"{signed}.{encode_part(bytes(64))}"})


def _other_algorithm(world: World) -> Iterator[Attack]:
    token = world.sign(world.head("ES256", alg="RS256"), algorithm="ES256", key=world.tokens.key("ES256"))
    yield from tokens_of("RS256", {"under an elliptic key": token})


def _encrypted(world: World) -> Iterator[Attack]:
    registry = JWERegistry(algorithms=["A256KW", "A256GCM"])
    inner = f"{encode_part(world.head(alg='none'))}.{encode_part(world.claims())}."
    head = {"alg": "A256KW", "enc": "A256GCM", "kid": world.tokens.kid()}
    yield from tokens_of("JWE", {"unsigned claims inside": encrypt_compact(head, inner, SHARED, registry=registry)})


def _empty_secret(world: World) -> Iterator[Attack]:
    for name in digests:
        yield from tokens_of(name, {"empty secret": _mac(world, "RS256", name, b"")})


def _masked(world: World) -> Iterator[Attack]:
    now = int(world.clock.now())
    expired = world.sign(world.head(), world.claims(exp=now - 60, iat=now - 120), key=world.stranger["RS256"])
    yield from tokens_of("RS256", {"expired and forged": expired})


SIGNATURES: tuple[Past, ...] = (
    _confused(("CVE-2015-9235", "CVE-2023-48238"), "jsonwebtoken, json-web-token", "RS256", "HS256", "SPKI PEM"),
    _confused(("CVE-2016-10555",), "jwt-simple", "RS256", "HS384", "PEM without its last line break"),
    _confused(("CVE-2016-5431",), "JOSE for PHP", "RS256", "HS512", "SPKI PEM"),
    _confused(("CVE-2017-11424", "CVE-2023-48223"), "PyJWT, fast-jwt", "RS256", "HS256", "PKCS1 PEM"),
    _confused(("CVE-2022-29217",), "PyJWT", "EdDSA", "HS256", "OpenSSH"),
    _confused(("CVE-2024-33663",), "python-jose", "ES256", "HS256", "OpenSSH"),
    _confused(("CVE-2024-37568",), "Authlib", "ES256", "HS256", "SPKI PEM"),
    _confused(("CVE-2024-54150",), "cjwt", "RS256", "HS256", "SPKI DER"),
    _confused(("CVE-2026-48526",), "PyJWT", "RS256", "HS256", "JWK"),
    Past(
        ("CVE-2018-1000531", "CVE-2021-22160", "CVE-2022-23540", "CVE-2026-28802"),
        "prime-jwt, Pulsar, jsonwebtoken, Authlib",
        "alg none, in any spelling, makes a signature unnecessary",
        REFUSED,
        answers(_unsigned),
        accepting(lambda found: str(found.head.get("alg")).lower() == "none"),
    ),
    Past(
        ("CVE-2020-28042",),
        "ServiceStack",
        "a signature that is not there is not checked",
        REFUSED,
        answers(_no_signature),
        accepting(lambda found: not found.signature),
    ),
    Past(
        ("CVE-2018-0114",),
        "node-jose",
        "an RSA key in the header verifies its own token",
        REFUSED,
        _embedded("RS256"),
        accepting(_by_embedded_key),
    ),
    Past(
        ("CVE-2026-27962",),
        "Authlib",
        "an elliptic key in the header is preferred to the published one",
        REFUSED,
        _embedded("ES256"),
        accepting(_by_embedded_key),
    ),
    Past(
        ("CVE-2022-21449",),
        "Java",
        "an ECDSA signature of zeros verifies everything",
        REFUSED,
        answers(_psychic),
        accepting(lambda found: found.head.get("alg") == "ES256" and not any(found.signature)),
    ),
    Past(
        ("CVE-2022-23539",),
        "jsonwebtoken",
        "the algorithm of the header need not go with the type of the key",
        REFUSED,
        answers(_other_algorithm),
        accepting(lambda found: found.verified("ES256", found.ring[found.head["kid"]])),
    ),
    Past(
        ("CVE-2023-51774",),
        "json-jwt",
        "claims that anybody encrypted pass for signed ones",
        REFUSED,
        answers(_encrypted),
        accepting(lambda found: found.token.count(".") == 4),
    ),
    Past(
        ("CVE-2024-51744",),
        "golang-jwt",
        "a forged token that is expired as well is reported as expired only",
        REFUSED,
        answers(_masked),
        accepting(lambda found: json.loads(found.content).get("exp", 0) < 2_000_000_000),
    ),
    Past(
        ("CVE-2019-20933", "CVE-2026-49852"),
        "InfluxDB, joserfc",
        "an empty secret is one that everybody knows",
        REFUSED,
        answers(_empty_secret),
        accepting(lambda found: found.mac_by(iter([b""]))),
    ),
)
