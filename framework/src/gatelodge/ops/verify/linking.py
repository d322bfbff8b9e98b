"""The facts of a link: client, authorization request, tokens (RFC 7591, 6749, 7636, 8707).

Invariant: every request is right by default and sent as asked where an argument breaks it; a fact that is not there
raises ``Unmet`` with the id of the check that answers for it. The verifier never signs in again after a refused sign-in.
Not here: what is right or wrong about an answer (the checks), MCP itself (``speaking``).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.ops.link.browser import SignInFailed
from gatelodge.ops.link.oauth_steps import authorize_url
from gatelodge.ops.link.oauth_types import Pkce, RegisteredClient, TokenSet
from gatelodge.ops.verify.check import Status, Unmet
from gatelodge.ops.verify.finding import asked_scopes, base_scopes, issuer, resource
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.signin import SignIn
from gatelodge.ops.verify.trading import Attempt, browser_origin, exchange, token_set
from gatelodge.ops.verify.wire import Reply

__all__ = [
    "Grant",
    "attempt",
    "client",
    "grant",
    "new_grant",
    "redirect_uri",
    "register",
    "scripted_only",
    "wide_attempt",
]


@dataclass(frozen=True, slots=True)
class Grant:
    """A link that worked: how, and the tokens."""

    attempt: Attempt
    reply: Reply
    tokens: TokenSet
    resource: str | None


async def register(session: Session, redirect: str, **members: Any) -> tuple[Reply, RegisteredClient | None]:
    """Register a client with a profile's body, ``members`` added; the client is removed at the end of the run."""
    found = await issuer(session)
    if found.server.registration_endpoint is None:
        raise Unmet("A5-registration", "the issuer's metadata has no registration_endpoint")
    scope = " ".join(await base_scopes(session))
    # A name of its own: a server may answer an equal registration with a client that somebody uses.
    name = f"{session.profile.title} (gatelodge verify {session.run_id}-{len(session.registered) + 1})"
    body = {**session.profile.body(redirect, scope), "client_name": name, **members}
    reply = await session.wire.post_json(found.server.registration_endpoint, body, **browser_origin(session))
    document = reply.json()
    if reply.status not in {200, 201} or not isinstance(document.get("client_id"), str):
        return reply, None
    session.redactor.know(document.get("client_secret"), document.get("registration_access_token"))
    method = document.get("token_endpoint_auth_method") or body["token_endpoint_auth_method"]
    made = RegisteredClient(document["client_id"], document.get("client_secret"), str(method), document)
    session.registered.append(made)
    return reply, made


async def redirect_uri(session: Session) -> str:
    """Where the client wants the answer: the profile's place, or the listener of a person's sign-in."""
    return session.sign_in.redirect or session.profile.redirect_for((await issuer(session)).identified)


async def client(session: Session) -> RegisteredClient:
    """The client: predefined, by its own document, or registered. Raises: Unmet (A5-registration, B6-register)."""

    async def find() -> RegisteredClient:
        found, target = await issuer(session), session.target
        if target.client_id:
            secret = target.client_secret.reveal() if target.client_secret else None
            session.redactor.know(secret)
            methods = found.listed("token_endpoint_auth_methods_supported")
            basic = "client_secret_basic" in methods or not methods
            method = "none" if secret is None else "client_secret_basic" if basic else "client_secret_post"
            return RegisteredClient(target.client_id, secret, method)
        if found.server.registration_endpoint is None and target.document_url:
            return RegisteredClient(target.document_url)
        reply, made = await register(session, await redirect_uri(session))
        if made is None:
            raise Unmet("B6-register", f"the registration was answered with {reply.says()}: {reply.text[:200]}")
        return made

    return await session.once("client", find)


async def attempt(
    session: Session,
    made: RegisteredClient,
    *,
    scopes: tuple[str, ...] | None = None,
    redirect: str | None = None,
    pkce: Pkce | None = None,
    without_pkce: bool = False,
    resource_url: str | None = None,
    sign_in: SignIn | None = None,
    extra: Mapping[str, str] | None = None,
) -> Attempt:
    """One authorization request, right by default; every argument can break it."""
    found = await issuer(session)
    used = None if without_pkce else pkce or Pkce.new()
    goal, state = redirect or await redirect_uri(session), secrets.token_urlsafe(16)
    if used is not None:
        session.redactor.know(used.verifier)
    url = authorize_url(
        found.server,
        client_id=made.client_id,
        redirect_uri=goal,
        scopes=await asked_scopes(session) if scopes is None else scopes,
        state=state,
        pkce=used,
        resource=resource_url or (await resource(session)).document["resource"],
        extra=extra,
    )
    try:
        answer = await (sign_in or session.sign_in).authorize(url)
    except SignInFailed as refusal:
        return Attempt(made, goal, used, state, None, refusal.detail)
    session.redactor.know(answer.code)
    return Attempt(made, goal, used, state, answer)


async def wide_attempt(session: Session) -> Attempt:
    """The profile's own authorization request. Raises: Unmet (C9-scopes, when its scopes are refused)."""

    async def ask() -> Attempt:
        scopes = await asked_scopes(session)
        tried = await attempt(session, await client(session), scopes=scopes)
        refused = tried.callback.error if tried.callback else None
        if refused in {"invalid_scope", "not_allowed"}:
            raise Unmet("C9-scopes", f"asked for {' '.join(scopes) or 'no scope'}: {refused}")
        return tried

    return await session.once("wide", ask)


async def grant(session: Session) -> Grant:
    """The link whose tokens most checks use. Raises: Unmet (C9-code, C11-answer and what they need)."""

    async def ask() -> Grant:
        try:
            tried = await wide_attempt(session)
        except Unmet as unmet:
            if unmet.check != "C9-scopes":
                raise
            # The client would stop here; the verifier goes on with less, to see the rest too.
            tried = await attempt(session, await client(session), scopes=await base_scopes(session))
        return await _granted(session, tried)

    return await session.once("grant", ask)


def scripted_only(session: Session) -> None:
    """Stop a check that needs more sign-ins than a person should do. Raises: Unmet."""
    if not session.sign_in.scripted:
        raise Unmet("C9-code", "needs a scripted sign-in: give --user and --password-file", status=Status.NOT_EVALUATED)


async def new_grant(session: Session, made: RegisteredClient | None = None, *, fresh: bool = True) -> Grant:
    """Another link of the same user, by a fresh browser where it may be lost. Raises: Unmet."""
    scripted_only(session)
    first = await grant(session)
    sign_in = session.sign_in.fresh() if fresh else session.sign_in
    return await _granted(session, await attempt(session, made or first.attempt.client, sign_in=sign_in))


async def _granted(session: Session, tried: Attempt) -> Grant:
    if tried.callback is None or not tried.callback.code:
        # Nothing was refused when nobody tried.
        status = Status.FAIL if session.sign_in.scripted or session.sign_in.redirect else Status.NOT_EVALUATED
        raise Unmet("C9-code", f"no code came back: {tried.says()}", status=status)
    reply = await exchange(session, tried)
    tokens = token_set(session, reply)
    if tokens is None:
        raise Unmet("C11-answer", f"the code was not traded for a token: {reply.says()}")
    return Grant(tried, reply, tokens, str((await resource(session)).document["resource"]))
