"""What the steps of an OAuth client take and give: server, PKCE pair, client, tokens, refusal (RFC 6749, 7591, 7636).

Invariant: a secret, a code verifier or a token is in no repr.
Not here: the steps (``oauth_steps``).
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["AuthorizationServer", "OAuthRefused", "Pkce", "RegisteredClient", "TokenSet"]


class OAuthRefused(GatelodgeError):
    """The authorization server answered with an OAuth error (RFC 6749, section 5.2; RFC 7591, section 3.2.2)."""

    code = Code.LINK_FAILED

    def __init__(self, step: str, *, http_status: int, error: str | None, description: str | None) -> None:
        super().__init__(f"{step}: status {http_status}, error {error or 'not named'}: {description or 'no text'}")
        self.step = step
        self.http_status = http_status
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """The endpoints a client uses, as the metadata gives them (RFC 8414, section 2)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Pkce:
    """A PKCE pair. ``method`` ``plain`` sends the verifier as the challenge (RFC 7636, section 4.2)."""

    verifier: str = field(repr=False)
    method: str = "S256"

    @classmethod
    def new(cls, method: str = "S256") -> "Pkce":
        """A fresh pair."""
        return cls(secrets.token_urlsafe(48), method)

    @property
    def challenge(self) -> str:
        """What goes to the authorization endpoint."""
        if self.method == "plain":
            return self.verifier
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A client, by registration or by agreement. ``document`` is the whole registration answer."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    auth_method: str = "none"
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class TokenSet:
    """A token answer (RFC 6749, section 5.1); ``expires_in`` in seconds. ``document`` is the whole answer."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    scopes: frozenset[str] = frozenset()
    expires_in: int | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def claims(self) -> dict[str, Any]:
        """The access token's payload, read without any check: for assertions, never for decisions."""
        payload = self.access_token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims
