"""Codes and refresh tokens traded at the token endpoint (RFC 6749, sections 4.1.3 and 6).

Invariant: requests are sent as asked, wrong ones too; every token in an answer is known as a secret from then on.
Not here: how a code comes about (``linking``), what is right about an answer (``tokens``).
"""

from dataclasses import dataclass, field

from gatelodge.ops.link.browser import CallbackParams
from gatelodge.ops.link.oauth_steps import authenticated
from gatelodge.ops.link.oauth_types import Pkce, RegisteredClient, TokenSet
from gatelodge.ops.verify.finding import issuer, resource
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.wire import Reply

__all__ = ["Attempt", "browser_origin", "exchange", "invalid_grant", "refresh", "token_set"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One authorization request. ``callback`` is None when no redirect came back; ``failure`` says why."""

    client: RegisteredClient
    redirect: str
    pkce: Pkce | None = field(repr=False)
    state: str = field(repr=False)
    callback: CallbackParams | None = None
    failure: str = ""

    def says(self) -> str:
        """What came of it, for findings."""
        if self.callback is None:
            return self.failure
        return f"error {self.callback.error}" if self.callback.error else "a code"


def browser_origin(session: Session) -> dict[str, str]:
    """The Origin header of a client that is a page in a browser."""
    return {"origin": session.profile.origin} if session.profile.origin else {}


async def exchange(
    session: Session, tried: Attempt, *, verifier: str | None = "", resource_url: str | None = ""
) -> Reply:
    """Trade the code; ``verifier`` and ``resource_url`` replace what is right, None leaves them out."""
    form = {"grant_type": "authorization_code", "redirect_uri": tried.redirect}
    form["code"] = (tried.callback.code if tried.callback else None) or ""
    right = tried.pkce.verifier if tried.pkce else None
    if chosen := right if verifier == "" else verifier:
        form["code_verifier"] = chosen
    return await _token_request(session, tried.client, form, resource_url)


async def refresh(
    session: Session, made: RegisteredClient, refresh_token: str, *, resource_url: str | None = ""
) -> Reply:
    """Trade a refresh token."""
    return await _token_request(
        session, made, {"grant_type": "refresh_token", "refresh_token": refresh_token}, resource_url
    )


async def _token_request(
    session: Session, made: RegisteredClient, form: dict[str, str], resource_url: str | None
) -> Reply:
    found = await issuer(session)
    if resource_url is not None:
        form["resource"] = resource_url or (await resource(session)).document["resource"]
    headers, sent = authenticated(made, form)
    if made.auth_method == "private_key_jwt" and session.target.documents is not None:
        sent |= session.target.documents.assertion(made.client_id, found.name)
    reply = await session.wire.post_form(found.server.token_endpoint, sent, **headers, **browser_origin(session))
    token_set(session, reply)
    return reply


def invalid_grant(reply: Reply) -> bool:
    """Whether it is the refusal of a code or refresh token that does not count (RFC 6749, section 5.2)."""
    return reply.status == 400 and reply.json().get("error") == "invalid_grant"


def token_set(session: Session, reply: Reply) -> TokenSet | None:
    """The tokens of an answer, known as secrets from here on; None when there are none."""
    document = reply.json()
    access = document.get("access_token")
    for name in ("access_token", "refresh_token", "id_token"):
        value = document.get(name)
        session.redactor.know(value if isinstance(value, str) else None)
    if reply.status != 200 or not isinstance(access, str) or not access:
        return None
    return TokenSet(
        access_token=access,
        refresh_token=document.get("refresh_token"),
        id_token=document.get("id_token"),
        scopes=frozenset(str(document.get("scope") or "").split()),
        expires_in=document.get("expires_in"),
        document=document,
    )
