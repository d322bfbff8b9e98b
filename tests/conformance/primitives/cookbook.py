"""The cases of RFC 7520 (the JOSE cookbook) and RFC 7797 (unencoded payload) as requests, by section.

Built here after the structure of each section, with keys of their own and an access token's claims for a payload: the
printed examples are not at hand as data, and their payload is no token. Every signature is good, so that only the form
or the policy can be what refuses. Invariant: pure but for the keys made once per cookbook.
"""

import json
import warnings
from collections.abc import Iterator
from typing import Any

from joserfc.jwe import JWERegistry, encrypt_compact
from joserfc.jwk import ECKey, Key, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from conformance.attacks.model import Attack, Expect, bearer
from conformance.attacks.world import World, json_bytes
from gatelodge.testing.tokens import encode_part

__all__ = ["Cookbook"]

# Section of RFC 7520, key management, content encryption; 5.9 also compresses.
ENCRYPTED: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("5.1", "RSA1_5", "A128CBC-HS256", {}),
    ("5.2", "RSA-OAEP", "A256GCM", {}),
    ("5.3", "PBES2-HS512+A256KW", "A128CBC-HS256", {"p2c": 8_192}),
    ("5.4", "ECDH-ES+A128KW", "A128GCM", {}),
    ("5.5", "ECDH-ES", "A128CBC-HS256", {}),
    ("5.6", "dir", "A128GCM", {}),
    ("5.7", "A256GCMKW", "A128CBC-HS256", {}),
    ("5.8", "A128KW", "A128GCM", {}),
    ("5.9", "A128KW", "A128GCM", {"zip": "DEF"}),
)


class Cookbook:
    """The keys of RFC 7520, section 3, and every case that can be sent as a bearer token."""

    def __init__(self, world: World) -> None:
        self._world = world
        # Sections 3.1 and 3.3: a use and no alg; 4.2 uses the RSA key for another algorithm, so it has one of its own.
        self.elliptic = ECKey.generate_key("P-521", {"kid": "elliptic", "use": "sig"})
        self.rsa = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
        self.pss = RSAKey.generate_key(2048, {"kid": "pss", "use": "sig", "alg": "PS384"})
        self.mac = OctKey.generate_key(256, {"kid": "mac", "use": "sig", "alg": "HS256"})

    def published(self) -> dict[str, Any]:
        """The public keys as a set."""
        return {"keys": [key.as_dict(private=False) for key in (self.elliptic, self.rsa, self.pss)]}

    def key_sets(self) -> Iterator[tuple[str, dict[str, Any], bool]]:
        """RFC 7520, section 3: name, the set with that key beside the others, whether the set may be used."""
        yield "3.1 and 3.3 public keys", self.published(), True
        secret = {
            "3.2 elliptic private key": self.elliptic.as_dict(private=True),
            "3.4 RSA private key": self.rsa.as_dict(private=True),
            "3.5 symmetric key for MAC": self.mac.as_dict(private=True),
            "3.6 symmetric key for encryption": {**self.mac.as_dict(private=True), "use": "enc", "alg": "A256GCM"},
        }
        for name, key in secret.items():
            yield name, {"keys": [*self.published()["keys"], {**key, "kid": "secret"}]}, False

    def cases(self) -> Iterator[Attack]:
        """Everything that is a token."""
        yield from self._signed()
        yield from self._encrypted()
        yield from self._unencoded()

    def _case(self, section: str, name: str, token: str | bytes, expect: Expect = Expect.E401) -> Attack:
        return Attack(section, name, expect, bearer(token))

    def _sign(
        self, algorithm: str, key: Key, head: dict[str, Any], payload: bytes | None = None
    ) -> tuple[str, str, str]:
        """The three parts; a payload that is given is signed as it is (RFC 7797, section 3)."""
        protected = encode_part({"alg": algorithm, "kid": key.kid, **head})
        content = encode_part(self._world.claims())
        signed = f"{protected}.".encode() + (content.encode() if payload is None else payload)
        return protected, content, encode_part(JWSRegistry.algorithms[algorithm].sign(signed, key))

    def _signed(self) -> Iterator[Attack]:
        typed = {"typ": "at+jwt"}
        for section, algorithm, key in (
            ("4.1", "RS256", self.rsa),
            ("4.2", "PS384", self.pss),
            ("4.3", "ES512", self.elliptic),
        ):
            name = f"{algorithm} signature"
            yield self._case(
                section, f"{name} of an access token", ".".join(self._sign(algorithm, key, typed)), Expect.OK
            )
            yield self._case(
                section, f"{name}, header without typ as printed", ".".join(self._sign(algorithm, key, {}))
            )
        yield self._case("4.4", "HMAC", ".".join(self._sign("HS256", self.mac, typed)))
        head, payload, signature = self._sign("RS256", self.rsa, typed)
        yield self._case("4.5", "detached content", f"{head}..{signature}")
        member = {"payload": payload, "signature": signature}
        containers = {
            ("4.6", "some of the header protected"): {**member, "protected": head, "header": {"kid": "rsa"}},
            ("4.7", "content only protected"): {**member, "header": {"alg": "RS256", "kid": "rsa"}},
            ("4.8", "several signatures"): {"payload": payload, "signatures": [{"protected": head, **member}] * 2},
        }
        for (section, name), value in containers.items():
            yield self._case(section, name, json_bytes(value), Expect.E400)
            yield self._case(section, f"{name}, in base64url", encode_part(json_bytes(value)))

    def _encrypted(self) -> Iterator[Attack]:
        inner = ".".join(self._sign("RS256", self.rsa, {"typ": "at+jwt"}))
        for section, algorithm, encryption, more in ENCRYPTED:
            token = encrypted(inner, algorithm, encryption, more)
            yield self._case(section, f"{algorithm} with {encryption}", token)
        parts = dict(zip(("protected", "encrypted_key", "iv", "ciphertext", "tag"), token.split("."), strict=True))
        json_forms = {
            ("5.10", "additional data"): {**parts, "aad": encode_part(b"data")},
            ("5.11", "some of the header protected"): {**parts, "unprotected": {"alg": "A128KW"}},
            ("5.12", "content only protected"): {**parts, "header": {"alg": "A128KW", "enc": "A128GCM"}},
            ("5.13", "several recipients"): {**parts, "recipients": [{"encrypted_key": parts["encrypted_key"]}] * 3},
        }
        for (section, name), value in json_forms.items():
            yield self._case(section, name, json_bytes(value), Expect.E400)
        yield self._case("6", "signed, then encrypted", encrypted(inner, "RSA-OAEP", "A128GCM", {"cty": "JWT"}))

    def _unencoded(self) -> Iterator[Attack]:
        plain = b"$.02"
        for section, name, head, payload in (
            ("RFC 7797, 4.1", "detached, b64 left out", {}, None),
            ("RFC 7797, 4.2", "detached and unencoded", {"b64": False, "crit": ["b64"]}, plain),
            ("RFC 7797, 5.1", "claims detached and unencoded", {"b64": False, "crit": ["b64"]}, self._claims()),
        ):
            protected, _, signature = self._sign("RS256", self.rsa, {"typ": "at+jwt", **head}, payload)
            yield self._case(section, name, f"{protected}..{signature}")
        for name, payload, expect in (
            ("'$.02' between the dots", plain, Expect.E400),
            ("a word", b"claims", Expect.E401),
        ):
            head = {"typ": "at+jwt", "b64": False, "crit": ["b64"]}
            protected, _, signature = self._sign("RS256", self.rsa, head, payload)
            yield self._case("RFC 7797, 5.2", name, f"{protected}.{payload.decode()}.{signature}", expect)
        heads: tuple[tuple[str, dict[str, Any]], ...] = (
            ("b64 false, not critical", {"b64": False}),
            ("b64 true and critical", {"b64": True, "crit": ["b64"]}),
            ("b64 true", {"b64": True}),
            ("b64 no boolean", {"b64": "false", "crit": ["b64"]}),
            ("critical, but not there", {"crit": ["b64"]}),
        )
        for name, head in heads:
            yield self._case("RFC 7797, 6", name, ".".join(self._sign("RS256", self.rsa, {"typ": "at+jwt", **head})))

    def _claims(self) -> bytes:
        return json.dumps(self._world.claims()).encode()


def encrypted(inner: str, algorithm: str, encryption: str, more: dict[str, Any]) -> str:
    """``inner`` encrypted to a key that its maker knows."""
    key: Any = OctKey.generate_key(256 if "256" in algorithm else 128)
    if algorithm.startswith("RSA"):
        key = RSAKey.generate_key(2048)
    elif algorithm.startswith("ECDH"):
        key = ECKey.generate_key("P-256")
    registry = JWERegistry(algorithms=[algorithm, encryption, "DEF"], verify_all_recipients=False)
    with warnings.catch_warnings():
        # The library warns of what is out of date; that we open none of them is what is tested.
        warnings.simplefilter("ignore")
        return encrypt_compact({"alg": algorithm, "enc": encryption, **more}, inner, key, registry=registry)
