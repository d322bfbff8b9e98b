"""Access tokens in the shape Keycloak gives them, signed with keys made on the spot (RFC 7515, RFC 7519).

Invariant: ``token()`` without arguments is a token that a strict check accepts; each argument breaks or changes one
thing. The signing goes around joserfc's own header checks, so that hostile headers can be made too.
"""

import base64
import json
import uuid
from collections.abc import Mapping
from typing import Any

from joserfc.jwk import ECKey, Key, KeyParameters, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from gatelodge.core.clock import Clock

__all__ = ["TokenFactory", "encode_part", "make_key"]

LIFE = 300


def encode_part(value: bytes | Mapping[str, Any]) -> str:
    """One part of a compact JWS: base64url without padding of the bytes, or of the JSON of a mapping."""
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_key(algorithm: str, *, kid: str | None = None, use: str = "sig") -> Key:
    """A new private key for a JOSE algorithm, marked with ``kid`` (random when None), ``use`` and ``alg``."""
    parameters: KeyParameters = {"kid": kid or uuid.uuid4().hex, "use": use, "alg": algorithm}
    match algorithm:
        case "ES256":
            return ECKey.generate_key("P-256", parameters)
        case "ES384":
            return ECKey.generate_key("P-384", parameters)
        case "EdDSA" | "Ed25519":
            return OKPKey.generate_key("Ed25519", parameters)
        case _:
            return RSAKey.generate_key(2048, parameters)


class TokenFactory:
    """Signs tokens as the realm ``issuer`` would for the server ``audience`` (its exact public URL).

    RS256, ES256 and EdDSA keys are published from the start; the key of another algorithm with its first token.
    """

    def __init__(self, issuer: str, audience: str, clock: Clock) -> None:
        self.issuer = issuer
        self.audience = audience
        self._clock = clock
        self._signing = {name: make_key(name) for name in ("RS256", "ES256", "EdDSA")}
        self._retired: list[Key] = []
        self._encryption: Key | None = None

    def key(self, algorithm: str = "RS256") -> Key:
        """The private key that signs for ``algorithm`` now; made and published on first use."""
        if algorithm not in self._signing:
            self._signing[algorithm] = make_key(algorithm)
        return self._signing[algorithm]

    def kid(self, algorithm: str = "RS256") -> str:
        """The id of that key."""
        return str(self.key(algorithm).kid)

    def rotate(self, algorithm: str = "RS256", *, keep_old: bool = True) -> Key:
        """Sign with a new key from now on; the old one stays published unless ``keep_old`` is false."""
        old = self.key(algorithm)
        if keep_old:
            self._retired.append(old)
        self._signing[algorithm] = make_key(algorithm)
        return self._signing[algorithm]

    def jwks(self) -> dict[str, Any]:
        """The public key set, with the encryption key that Keycloak publishes beside the signing keys."""
        if self._encryption is None:
            self._encryption = make_key("RSA-OAEP", use="enc")
        keys = [*self._signing.values(), *self._retired, self._encryption]
        return {"keys": [key.as_dict(private=False) for key in keys]}

    def claims(self, **overrides: Any) -> dict[str, Any]:
        """The payload of an access token; an override replaces or adds a claim, None removes it."""
        now = int(self._clock.now())
        claims: dict[str, Any] = {
            "exp": now + LIFE,
            "iat": now,
            "auth_time": now - 1,
            "jti": f"onrtac:{uuid.uuid4()}",
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "6f1c2d0e-6a4e-4b0b-9d62-6e2b6f0f5a11",
            "typ": "Bearer",
            "azp": "2c7a9f4e-9b1d-4f57-8f3e-0a4f5d1c7b22",
            "sid": "b0a1c2d3-1111-4222-8333-444455556666",
            "acr": "1",
            "scope": "openid email",
            "email": "alice@example.test",
            "email_verified": True,
            "preferred_username": "alice",
        }
        claims.update(overrides)
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        *,
        algorithm: str = "RS256",
        header: Mapping[str, Any] | None = None,
        key: Key | None = None,
        **overrides: Any,
    ) -> str:
        """A compact JWS. ``header`` replaces, adds or (None) removes members; ``key`` signs in place of ours."""
        signer = key or self.key(algorithm)
        full = {"alg": algorithm, "typ": "JWT", "kid": self.kid(algorithm), **(header or {})}
        kept = {name: value for name, value in full.items() if value is not None}
        return self.sign(kept, self.claims(**overrides), algorithm=algorithm, key=signer)

    def sign(
        self,
        header: bytes | Mapping[str, Any],
        payload: bytes | Mapping[str, Any],
        *,
        algorithm: str = "RS256",
        key: Key | None = None,
    ) -> str:
        """A compact JWS of exactly this header and payload, whatever they hold, signed with ``algorithm``."""
        signed = f"{encode_part(header)}.{encode_part(payload)}"
        signature = JWSRegistry.algorithms[algorithm].sign(signed.encode(), key or self.key(algorithm))
        return f"{signed}.{encode_part(signature)}"
