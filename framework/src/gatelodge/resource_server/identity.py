"""How a request says who calls: one object for each way to sign in, asked with the request's ASGI scope.

Invariants: None means that no credentials came, and only that; credentials that are not accepted end in an error, and
never in the next way being tried, for a caller must not get by a weaker credential what a stronger one was refused.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from gatelodge.core.identity import Principal
from gatelodge.resource_server.bearer import bearer_token

__all__ = ["BearerIdentity", "EitherIdentity", "Identity", "TokenCheck"]


class TokenCheck(Protocol):
    """The check of one kind of token."""

    async def verify(self, token: str) -> Principal:
        """The principal of an acceptable token. Raises: TokenRejected, KeysUnavailable."""


class Identity(Protocol):
    """What the gate needs to know who calls."""

    async def identify(self, scope: Mapping[str, Any]) -> Principal | None:
        """The caller of a request; None without credentials.

        Raises: TokenRejected, CredentialsMalformed, KeysUnavailable.
        """


class BearerIdentity:
    """An access token in ``Authorization`` (RFC 6750, section 2.1). No other header is looked at."""

    def __init__(self, tokens: TokenCheck) -> None:
        self._tokens = tokens

    async def identify(self, scope: Mapping[str, Any]) -> Principal | None:
        """As ``Identity.identify``."""
        token = bearer_token(scope["headers"], scope["query_string"])
        return None if token is None else await self._tokens.verify(token)


class EitherIdentity:
    """``first`` judges alone what carries its credentials; ``second`` what carries none of them.

    So an OAuth client whose token may only read gets no more by the browser session that its request passes through,
    and a refused token stays refused.
    """

    def __init__(self, first: Identity, second: Identity) -> None:
        self._first, self._second = first, second

    async def identify(self, scope: Mapping[str, Any]) -> Principal | None:
        """As ``Identity.identify``."""
        principal = await self._first.identify(scope)
        return await self._second.identify(scope) if principal is None else principal
