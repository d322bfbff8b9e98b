"""What a provider is: addresses, the forms its token endpoint wants, and what its answers mean.

Invariant: this is data and pure functions. Every address can be replaced by the operator, none comes from an answer.
Not here: sending (``token_endpoint``, ``identity``).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import urlencode

from gatelodge.connections.grant import Account, Grant, UnusableGrant, scopes_of, seconds, token

__all__ = [
    "NONE",
    "STRICT",
    "AccountApi",
    "Outcome",
    "Outcomes",
    "Provider",
    "Revocation",
    "Rotation",
    "TokenRequest",
    "authorization_url",
    "plain_grant",
]

TokenRequest = Literal["code", "refresh"]
# What a refusal means: the refresh token is dead, the code is bad, our configuration is wrong, or nobody knows.
Outcome = Literal["dead", "code", "ours", "unknown"]


@dataclass(frozen=True, slots=True)
class Rotation:
    """Whether a refresh replaces the refresh token, and for how many seconds the old one still works."""

    rotates: bool
    leeway: float = 0.0


STRICT = Rotation(rotates=True)
NONE = Rotation(rotates=False)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Names of errors by what they mean. ``described``: a name means its outcome only with this text in it."""

    dead: frozenset[str] = frozenset()
    code: frozenset[str] = frozenset()
    ours: frozenset[str] = frozenset()
    described: Mapping[str, tuple[str, Outcome]] = field(default_factory=dict)

    def of(self, error: str, description: str, asked: TokenRequest) -> Outcome:
        """The meaning of an error. RFC 6749, section 5.2: invalid_grant is about the code or the refresh token."""
        if asked == "refresh":
            words, outcome = self.described.get(error, ("", None))
            if outcome is not None and words in description.lower():
                return outcome
            if error in self.dead:
                return "dead"
        elif error in self.code or error == "invalid_grant":
            return "code"
        return "ours" if error in self.ours else "unknown"


@dataclass(frozen=True, slots=True)
class Revocation:
    """How a token is given back: ``path`` below the API base (``{client_id}`` is filled in), JSON ``member``.

    With ``client`` the call is authenticated as our client, else by the token itself.
    """

    method: str
    path: str
    member: str | None
    client: bool


class AccountApi(Protocol):
    """Calls of a provider's API with one access token, for finding out whose it is."""

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a GET below the API base. Raises: ProviderUnavailable."""

    async def post(self, path: str) -> tuple[int, Any]:
        """The same for a POST without a body."""


def plain_grant(body: Mapping[str, Any]) -> Grant:
    """RFC 6749, section 5.1, with a refresh token that may be null. Raises: UnusableGrant."""
    access = token(body, "access_token")
    if access is None:
        raise UnusableGrant("access_token is missing")
    return Grant(access, token(body, "refresh_token"), seconds(body, "expires_in"), scopes_of(body))


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. Lives and ages in days where the name says so.

    ``read_account`` raises ProviderRefused when the token is not accepted. ``api_headers`` go with every API call.
    ``issuer`` is empty where none is documented; ``needed_scopes`` are those that no link lasts without.
    """

    name: str
    title: str
    api_base: str
    read_account: Callable[[AccountApi], Awaitable[Account]]
    kind: Literal["oauth", "api_token"] = "oauth"
    authorize_url: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    # Of the user's own token, where the provider gives one beside the app's.
    user_scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    needed_scopes: tuple[str, ...] = ()
    authorize_extra: Mapping[str, str] = field(default_factory=dict)
    pkce: bool = False
    client_auth: Literal["basic", "form", "json"] = "form"
    body: Literal["form", "json"] = "form"
    rotation: Rotation = NONE
    issuer: str = ""
    sends_iss: bool = False
    keep_alive_days: float | None = None
    absolute_days: float | None = None
    outcomes: Outcomes = field(default_factory=Outcomes)
    read_grant: Callable[[Mapping[str, Any]], Grant] = plain_grant
    revocation: Revocation | None = None
    api_headers: Mapping[str, str] = field(default_factory=dict)
    # Pairs of access and refresh token of one link, by vault field; each is refreshed for itself.
    credentials: tuple[tuple[str, str], ...] = (("access_token", "refresh_token"),)
    # Access tokens that are everybody's who linked: the end of one link must not end them.
    shared_credentials: frozenset[str] = frozenset()
    secret_from: str = ""
    disconnect_at: str = ""


def authorization_url(
    provider: Provider,
    client_id: str,
    *,
    redirect_uri: str,
    state: str,
    challenge: str | None = None,
    scopes: tuple[str, ...] = (),
) -> str:
    """Where the user consents (RFC 6749, section 4.1.1; RFC 7636, section 4.3). ``challenge`` is an S256 one."""
    asked = scopes or provider.scopes
    query = {"client_id": client_id, "redirect_uri": redirect_uri, "response_type": "code", "state": state}
    if asked:
        query["scope"] = provider.scope_separator.join(asked)
    if provider.user_scopes:
        query["user_scope"] = provider.scope_separator.join(provider.user_scopes)
    if provider.pkce and challenge:
        query |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    return f"{provider.authorize_url}?{urlencode({**query, **provider.authorize_extra})}"
