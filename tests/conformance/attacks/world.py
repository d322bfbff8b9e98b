"""The keys and issuers of the attacks: the trusted one, a second trusted one, one that nobody trusts, and a stranger.

Invariant: what the trusted issuers publish is what a real one could publish by mistake as well, keys for other uses
included. A world made for a running stack holds no key of that stack: all of its tokens are forgeries there.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from protected import ISSUER, PUBLIC_URL

from conformance.attacks.model import READ
from gatelodge.core.clock import Clock
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.tokens import TokenFactory, encode_part, make_key

__all__ = ["SECOND", "UNTRUSTED", "World", "json_bytes", "local_world"]

SECOND = "https://second.example/realms/staff"
UNTRUSTED = "https://untrusted.example/realms/mcp"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")


def json_bytes(value: object) -> bytes:
    """JSON as a token holds it."""
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass
class World:
    """Everything that makes tokens. ``odd`` are keys in the issuer's set that must not verify what they sign."""

    clock: Clock
    tokens: TokenFactory
    second: TokenFactory
    untrusted: TokenFactory
    stranger: dict[str, Key] = field(default_factory=dict)
    odd: dict[str, Key] = field(default_factory=dict)

    def head(self, algorithm: str = "RS256", **members: Any) -> dict[str, Any]:
        """The header of a good token with members replaced or added; kept as given, null included."""
        return {"alg": algorithm, "typ": "JWT", "kid": self.tokens.kid(algorithm), **members}

    def claims(self, **claims: Any) -> dict[str, Any]:
        """The claims of a good token with members replaced or added; kept as given, null included."""
        return {**self.tokens.claims(scope=READ), **claims}

    def good(self, *scopes: str, **changes: Any) -> str:
        """A token that a strict check accepts, unless ``changes`` break it."""
        return self.tokens.token(scope=" ".join(scopes or (READ,)), **changes)

    def sign(
        self,
        header: Mapping[str, Any] | bytes,
        payload: Mapping[str, Any] | bytes | None = None,
        algorithm: str = "RS256",
        key: Key | None = None,
    ) -> str:
        """Exactly this header and payload (a good one when None), signed by the issuer unless ``key`` is given."""
        return self.tokens.sign(header, self.claims() if payload is None else payload, algorithm=algorithm, key=key)

    def sign_text(self, signed: str, algorithm: str = "RS256", key: Key | None = None) -> str:
        """A token over exactly these two encoded parts."""
        raw = JWSRegistry.algorithms[algorithm].sign(signed.encode(), key or self.tokens.key(algorithm))
        return f"{signed}.{encode_part(raw)}"

    def parts(self, algorithm: str = "RS256") -> tuple[str, str, str]:
        """Header, payload and signature of a good token, encoded."""
        head, payload, signature = self.good(algorithm=algorithm).split(".")
        return head, payload, signature

    def jwks(self, only: str | None = None) -> dict[str, Any]:
        """What the trusted issuer publishes: its keys and the odd ones, or only the key of one algorithm."""
        if only is not None:
            return {"keys": [self.tokens.key(only).as_dict(private=False)]}
        odd = [key.as_dict(private=False) for key in self.odd.values()]
        for published in odd:
            # As it is published only: the library would not sign with a key that may not.
            if published["kid"] == "ops-encrypt":
                published["key_ops"] = ["encrypt"]
        return {"keys": [*self.tokens.jwks()["keys"], *odd]}


def make_world(issuer: str, audience: str, clock: Clock) -> World:
    """A world around one issuer and one server."""
    made = World(
        clock,
        TokenFactory(issuer, audience, clock),
        TokenFactory(SECOND, audience, clock),
        TokenFactory(UNTRUSTED, audience, clock),
    )
    for algorithm in ALGORITHMS:
        made.tokens.key(algorithm)
    # Makes the encryption keys now, which would else be made at the first fetch.
    for factory in (made.tokens, made.second):
        factory.jwks()
    made.stranger = {name: make_key(name) for name in ("RS256", "ES256", "EdDSA")}
    made.odd = {
        "encryption": make_key("RS256", kid="use-enc", use="enc"),
        "key_ops": make_key("RS256", kid="ops-encrypt"),
        "wide": ECKey.generate_key("P-384", {"kid": "wide", "use": "sig"}),
        "edwards448": OKPKey.generate_key("Ed448", {"kid": "edwards448", "use": "sig"}),
        "short": _short_key(),
        # The same id as the second issuer's key: keys are looked up for each issuer alone.
        "same id": ECKey.generate_key("P-256", {"kid": made.second.kid("ES256"), "use": "sig", "alg": "ES256"}),
    }
    return made


def _short_key() -> Key:
    with warnings.catch_warnings():
        # The library warns of a short key; that ours does more is what is tested.
        warnings.simplefilter("ignore")
        return RSAKey.generate_key(1024, {"kid": "short", "use": "sig", "alg": "RS256"})


def local_world() -> World:
    """The world of the servers in process, with a clock that stands still."""
    return make_world(ISSUER, PUBLIC_URL, ManualClock())
