"""A static token for development on one machine: who knows it is the developer (RFC 6750, section 2.1).

Invariant: it counts on requests that came straight from this machine only; through a proxy, a tunnel or a network the
right token is refused like a wrong one. Where it may be switched on at all is said by ``settings.identity``.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gatelodge.core.identity import Principal
from gatelodge.core.secret import Secret
from gatelodge.resource_server.bearer import bearer_token
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.forwarding import is_direct

__all__ = ["SUBJECT", "DevelopmentConfig", "DevelopmentIdentity"]

SUBJECT = "developer"


@dataclass(frozen=True, slots=True)
class DevelopmentConfig:
    """The token, the scopes that go with it, and the issuer that its one user is counted under."""

    token: Secret
    scopes: frozenset[str]
    issuer: str


class DevelopmentIdentity:
    """The developer, by the static token in ``Authorization``."""

    def __init__(self, config: DevelopmentConfig) -> None:
        self._digest = sha256(config.token.reveal().encode()).digest()
        self._developer = Principal(config.issuer, SUBJECT, scopes=config.scopes, username=SUBJECT)

    async def identify(self, scope: Mapping[str, Any]) -> Principal | None:
        """As ``Identity.identify``. Raises: TokenRejected, CredentialsMalformed."""
        token = bearer_token(scope["headers"], scope["query_string"])
        if token is None:
            return None
        # Compared first and always: the answer's time must not tell on which side a request failed. Digests, so that
        # neither does the length.
        known = hmac.compare_digest(sha256(token.encode()).digest(), self._digest)
        if not is_direct(scope):
            raise TokenRejected(Reason.HOP, "the development token counts on direct requests from this machine only")
        if not known:
            raise TokenRejected(Reason.SIGNATURE, "not the development token")
        return self._developer
