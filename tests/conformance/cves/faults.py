"""Token checks with the faults of other libraries, put in the place of ours to see that an attack is a real one.

Each fault accepts what the vulnerable library accepted and leaves everything else to the strict check; claims are
checked as ever, but for their age. Symmetric secrets are what an attacker knows: public keys and constants.
"""

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwe import JWERegistry, decrypt_compact
from joserfc.jwk import Key, OctKey
from joserfc.jws import JWSRegistry

from conformance.cves.model import Fault
from gatelodge.resource_server.claims import principal_of
from gatelodge.resource_server.jwt import TokenVerifier, Verified

__all__ = ["SHARED", "Try", "Worked", "accepting", "digests", "secrets_of"]

# Of a server that decrypts: known to the attacker, as the public key is to whoever encrypts.
SHARED = OctKey.import_key(b"s" * 32)
digests: Mapping[str, Any] = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class Worked(Exception):
    """Work was begun that a stranger asked for, before anything was authenticated."""


@dataclass(frozen=True, slots=True)
class Try:
    """A token as a careless parser sees it, and the keys it may be checked with."""

    token: str
    head: dict[str, Any]
    content: bytes
    signed: bytes
    signature: bytes
    ring: Mapping[str, Key]

    def verified(self, algorithm: str, key: Key) -> bool:
        """Whether the signature is this key's under this algorithm."""
        try:
            return JWSRegistry.algorithms[algorithm].verify(self.signed, self.signature, key)
        except (ValueError, TypeError):
            return False

    def mac_by(self, secrets: Iterator[bytes]) -> bool:
        """Whether the signature is a MAC under one of these secrets."""
        digest = digests.get(str(self.head.get("alg")))
        return digest is not None and any(
            hmac.compare_digest(hmac.new(secret, self.signed, digest).digest(), self.signature) for secret in secrets
        )


def secrets_of(key: Key) -> dict[str, bytes]:
    """The spellings of a public key that libraries took for a shared secret."""
    public: Any = key.public_key
    spelled = {
        "SPKI PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "SPKI DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "OpenSSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": json.dumps(key.as_dict(private=False), sort_keys=True).encode(),
    }
    spelled["PEM without its last line break"] = spelled["SPKI PEM"].strip()
    if key.key_type == "RSA":
        spelled["PKCS1 PEM"] = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    return spelled


def accepting(accepts: Callable[[Try], bool]) -> Fault:
    """A fault that takes what ``accepts`` takes."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        strict = TokenVerifier.check

        async def check(self: TokenVerifier, token: str) -> Verified:
            keys: Any = self._keys[self._config.issuer]
            found = _taken(token, await keys._kept.get())
            if found is None or not accepts(found):
                return await strict(self, token)
            claims = json.loads(found.content)
            principal = principal_of(claims, "at+jwt", self._config, min(self._clock.now(), claims["exp"] - 1))
            kid, key = next(iter(found.ring.items()))
            return Verified(principal, kid, "RS256", key)

        monkeypatch.setattr(TokenVerifier, "check", check)

    return patch


def _taken(token: str, ring: Mapping[str, Key]) -> Try | None:
    parts = token.split(".")
    if len(parts) > 5:
        raise Worked(f"{len(parts)} pieces made of one token")
    if len(parts) == 5:
        parts = _opened(token, json.loads(_decode(parts[0]))).split(".")
    if len(parts) != 3:
        return None
    try:
        head = json.loads(_decode(parts[0]))
        content = _decode(parts[1])
        signature = _decode(parts[2])
    except ValueError:
        return None
    return Try(token, head, content, ".".join(parts[:2]).encode(), signature, ring)


def _opened(token: str, head: Mapping[str, Any]) -> str:
    """What is encrypted in a token, opened without a limit on what that costs."""
    if head.get("p2c", 0) > 1_000_000:
        raise Worked(f"{head['p2c']} iterations asked for")
    if head.get("zip") == "DEF":
        raise Worked(f"{len(zlib.decompress(_decode(token.split('.')[3]), -15))} bytes made")
    registry = JWERegistry(algorithms=[str(head["alg"]), str(head["enc"])])
    return str((decrypt_compact(token, SHARED, registry=registry).plaintext or b"").decode())


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
