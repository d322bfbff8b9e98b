"""Who calls: an access token of this server's audience, or the session of a signed-in browser.

Invariants: a request that brings a token is judged by it alone, and a session never stands in for a token that is refused;
to link or unlink, a token needs the scope that changes need, for a client that may only read must not swap an account.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Self

from starlette.requests import Request

from gatelodge.access.decide import Answer, decide
from gatelodge.access.requirement import Requirement
from gatelodge.audit.actor import of_user
from gatelodge.connections import cookies
from gatelodge.connections.csrf import HEADER, check_read, check_token
from gatelodge.connections.limits import identified
from gatelodge.connections.parts import WebParts
from gatelodge.connections.sessions import Session
from gatelodge.connections.web_errors import ScopeMissing, SessionRequired
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.resource_server.bearer import CredentialsMalformed
from gatelodge.resource_server.challenge import challenge
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.vault.owner import Owner

__all__ = ["Caller", "api_caller", "browser", "challenge_of"]


@dataclass(frozen=True, slots=True)
class Caller:
    """``(issuer, subject)`` is the person; ``session`` is None for an access token."""

    issuer: str
    subject: str
    session: Session | None = None

    @classmethod
    def of(cls, session: Session) -> Self:
        """The person of a session."""
        return cls(session.who.issuer, session.who.subject, session)

    @property
    def actor(self) -> str:
        """For the audit trail."""
        return of_user(self.issuer, self.subject)

    def owner(self, provider: str) -> Owner:
        """The owner of this person's link with a provider."""
        return Owner(self.issuer, self.subject, provider)


async def browser(request: Request, parts: WebParts) -> Session | None:
    """The session of the browser, by its cookie."""
    return await parts.sessions.find(cookies.given(request, parts.place, cookies.SESSION))


@asynccontextmanager
async def api_caller(
    request: Request, parts: WebParts, path: str, needs: Literal["read", "write"]
) -> AsyncIterator[Caller]:
    """The caller of an API route, whose call runs while the block lasts; ``needs`` is the last part of a token's scope.

    ``path`` is the route's below the base. Raises: SessionRequired, CsrfRefused, ScopeMissing, TokenRejected,
    CredentialsMalformed, KeysUnavailable, LimitReached.
    """
    caller = await _caller(request, parts, needs)
    if parts.calls is None:
        yield caller
        return
    # Counted last: a page of another site, which CSRF stops, uses up nobody's calls.
    who = Principal(caller.issuer, caller.subject)
    async with parts.calls.call(request.scope, who, f"{request.method} {parts.place.base}{path}"):
        yield caller


async def _caller(request: Request, parts: WebParts, needs: Literal["read", "write"]) -> Caller:
    principal = await identified(request.scope, parts.identity, parts.calls)
    if principal is not None:
        _check_scope(principal, f"{parts.server}:{needs}", parts.resource_metadata_url)
        return Caller(principal.issuer, principal.subject)
    session = await browser(request, parts)
    if session is None:
        raise SessionRequired("neither an access token nor a session")
    if request.method in ("GET", "HEAD"):
        check_read(request, parts.place.origin)
    else:
        check_token(request, session, request.headers.get(HEADER), parts.place.origin)
    return Caller.of(session)


def challenge_of(error: GatelodgeError, parts: WebParts) -> str | None:
    """The ``WWW-Authenticate`` value of a refusal for who calls, from which a client finds out where to sign in."""
    if isinstance(error, ScopeMissing):
        return error.challenge
    scopes = [f"{parts.server}:read"]
    if isinstance(error, SessionRequired):
        # No credentials came, so nothing is wrong with them (RFC 6750, section 3.1).
        return challenge(parts.resource_metadata_url, scopes=scopes)
    if isinstance(error, TokenRejected | CredentialsMalformed):
        name = "invalid_token" if isinstance(error, TokenRejected) else "invalid_request"
        return challenge(parts.resource_metadata_url, scopes=scopes, error=name, description=error.public)
    return None


def _check_scope(principal: Principal, scope: str, metadata_url: str) -> None:
    decision = decide(Requirement(scopes=frozenset({scope})), principal)
    if decision.answer is not Answer.ALLOW:
        text = Code.SCOPE_MISSING.meaning.text
        raise ScopeMissing(
            scope, challenge(metadata_url, scopes=decision.scopes, error="insufficient_scope", description=text)
        )
