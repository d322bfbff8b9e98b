"""The token check: who may enter at all (RFC 9068, section 4; RFC 8725; OAuth 2.1, section 5.2).

Invariant: a principal comes out only for a known key of the issuer, an allowed algorithm, exact issuer and audience, a
bounded life and the right type; every other input, whatever it is, ends in TokenRejected. Only missing keys are not
the token's fault and pass as KeysUnavailable. Order: header, key, signature, and only then the payload is read. With
several issuers the unverified ``iss`` chooses first, by exact match among the configured ones, whose keys are asked: a
key of one issuer is never tried on a token that names another, and nothing that a token names is ever fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import Key

from gatelodge.core.clock import Clock
from gatelodge.core.identity import Principal
from gatelodge.resource_server.claims import claimed_issuer, principal_of
from gatelodge.resource_server.config import ResourceServerConfig, ResourceServerMisconfigured
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.jws import SignedToken, decode_object, parse_compact
from gatelodge.resource_server.signature import KeyFinder, check_signature, find_key

__all__ = ["Reason", "TokenRejected", "TokenVerifier", "Verified"]


@dataclass(frozen=True, slots=True)
class Verified:
    """An acceptable token's principal and the key, with its id and algorithm, that its signature is by."""

    principal: Principal
    kid: str
    algorithm: str
    key: Key


class TokenVerifier:
    """Turns an access token into a principal; holds configuration only, so one serves every request at once.

    ``keys`` are those of ``config.issuer``; ``trusted`` has those of each of ``config.trusted_issuers``.
    Raises: ResourceServerMisconfigured when the two name different issuers.
    """

    def __init__(
        self,
        config: ResourceServerConfig,
        keys: KeyFinder,
        clock: Clock,
        *,
        trusted: Mapping[str, KeyFinder] | None = None,
    ) -> None:
        self._config = config
        self._keys: dict[str, KeyFinder] = {config.issuer: keys, **(trusted or {})}
        if self._keys.keys() != set(config.issuers):
            raise ResourceServerMisconfigured("each trusted issuer needs the source of its own keys")
        self._clock = clock

    async def verify(self, token: str) -> Principal:
        """The principal of an acceptable token. Raises: TokenRejected, with the reason; KeysUnavailable."""
        return (await self.check(token)).principal

    async def check(self, token: str) -> Verified:
        """As ``verify``, with the key that vouched for the token."""
        signed = parse_compact(token, self._config.algorithms, self._config.token_types)
        issuer, claims = self._named(signed)
        key = await find_key(signed, self._keys[issuer])
        check_signature(signed, key)
        if claims is None:
            claims = decode_object(signed.payload)
        principal = principal_of(claims, signed.type, self._config, self._clock.now())
        return Verified(principal, signed.kid, signed.algorithm, key)

    def _named(self, signed: SignedToken) -> tuple[str, dict[str, Any] | None]:
        """The issuer whose key must have signed, and the claims when they had to be read to tell."""
        if len(self._keys) == 1:
            # Nothing to choose: the payload stays unread until the signature holds.
            return self._config.issuer, None
        claims = decode_object(signed.payload)
        return claimed_issuer(claims, self._config), claims
