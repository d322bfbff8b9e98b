"""The check of an ID token that came straight from the token endpoint (OpenID Connect Core 1.0, section 3.1.3.7).

Invariant: signature by a key of the issuer, exact issuer, this client and no other audience, the nonce of this sign-in, a
time that fits, and the type that Keycloak gives ID tokens only: an access token is refused here, as an ID token is there.
"""

import hmac
from typing import Any

from gatelodge.connections.sessions import SignedIn
from gatelodge.connections.web_errors import SignInRefused
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.resource_server.config import DEFAULT_ALGORITHMS
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.jws import decode_object, parse_compact
from gatelodge.resource_server.signature import KeyFinder, check_signature, find_key

__all__ = ["IdTokens"]

_LEEWAY = 10.0
# An ID token of a code flow is made when the code is exchanged.
_OLDEST = 300.0
_MAX_NAME = 255


class IdTokens:
    """ID tokens of one issuer for one client."""

    def __init__(self, issuer: str, client_id: str, keys: KeyFinder, clock: Clock) -> None:
        self._issuer, self._client_id, self._keys, self._clock = issuer, client_id, keys, clock

    async def check(self, token: str, nonce: str) -> SignedIn:
        """Whom the token names. Raises: SignInRefused; KeysUnavailable when it cannot be told."""
        try:
            signed = parse_compact(token, DEFAULT_ALGORITHMS, ("jwt",))
            check_signature(signed, await find_key(signed, self._keys))
            claims = decode_object(signed.payload)
        except TokenRejected as error:
            raise SignInRefused(f"ID token: {error.detail}") from error
        self._check_claims(claims, nonce)
        subject, name = _text(claims, "sub"), _text(claims, "preferred_username")
        if subject is None:
            raise SignInRefused("ID token: sub is missing or no printable name")
        return SignedIn(self._issuer, subject, name, Secret(token))

    def _check_claims(self, claims: dict[str, Any], nonce: str) -> None:
        if claims.get("iss") != self._issuer:
            raise SignInRefused(f"ID token: iss is not exactly {self._issuer}")
        if claims.get("aud") not in (self._client_id, [self._client_id]):
            raise SignInRefused(f"ID token: aud is not {self._client_id} alone")
        if claims.get("azp", self._client_id) != self._client_id:
            raise SignInRefused(f"ID token: azp is not {self._client_id}")
        if claims.get("typ", "ID") != "ID":
            raise SignInRefused("ID token: its claim typ is that of another token")
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8", "replace"), nonce.encode()):
            raise SignInRefused("ID token: nonce is not that of this sign-in")
        now = self._clock.now()
        if _instant(claims, "exp") <= now - _LEEWAY:
            raise SignInRefused("ID token: exp is past")
        if not now - _OLDEST <= _instant(claims, "iat") <= now + _LEEWAY:
            raise SignInRefused("ID token: iat is not now: compare the clocks")


def _instant(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignInRefused(f"ID token: {name} is missing or no time")
    return float(value)


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    # Printable only: it goes to pages and into the audit trail.
    fits = isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()
    return value if fits and isinstance(value, str) else None
