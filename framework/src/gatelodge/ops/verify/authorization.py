"""Checks of the authorization request and its answer (checklist C9, C10; RFC 6749, RFC 7636, RFC 9207)."""

from gatelodge.core.urls import path_of
from gatelodge.ops.link.oauth_types import Pkce
from gatelodge.ops.verify.check import Check, Outcome, Unmet, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.finding import asked_scopes, base_scopes, issuer
from gatelodge.ops.verify.linking import attempt, client, grant, redirect_uri, scripted_only, wide_attempt
from gatelodge.ops.verify.registration import second_client
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.trading import Attempt, exchange, invalid_grant, token_set
from gatelodge.ops.verify.wire import Reply

__all__ = ["CHECKS"]


@check(
    "C9-scopes",
    "The scopes that the client asks for are granted",
    source="OpenAI, plugins/build/auth (asks for listed OIDC scopes too); reported at PrefectHQ/fastmcp#1794; Claude Code registers with fewer",
    fix="Make every scope of the challenge, offline_access and the listed OIDC scopes grantable to registered clients;"
    " grant less rather than answer invalid_scope.",
)
async def scopes(session: Session) -> Outcome:
    tried = await wide_attempt(session)
    asked = " ".join(await asked_scopes(session))
    if tried.callback is None:
        return unseen(f"the sign-in came to no answer: {tried.failure}")
    return passed(f"asked for {asked or 'no scope'}: {tried.says()}")


@check(
    "C9-code",
    "Sign-in and consent come to a redirect with a code",
    source="RFC 6749, section 4.1; reported at plane-mcp-server PR 165",
    fix="Open the authorization URL by hand as the same user: the page or the issuer's log says what is wrong.",
)
async def code(session: Session) -> Outcome:
    return passed(f"a code at {(await grant(session)).attempt.redirect}")


@check(
    "C9-state",
    "`state` comes back unchanged",
    source="RFC 6749, section 4.1.2",
    fix="Return state byte by byte on success and on errors.",
)
async def state(session: Session) -> Outcome:
    tried = (await grant(session)).attempt
    same = tried.callback is not None and tried.callback.state == tried.state
    return passed("the same") if same else failed("another state than was sent, or none")


async def _identified(session: Session, tried: Attempt) -> Outcome:
    found = await issuer(session)
    if not found.identified:
        return skipped("authorization_response_iss_parameter_supported is not announced")
    if tried.callback is None:
        return failed(f"no redirect with an answer: {tried.failure}")
    if tried.callback.iss != found.name:
        return failed(f"iss is {tried.callback.iss!r}, the issuer is {found.name!r} ({tried.says()})")
    return passed(f"iss equals the issuer ({tried.says()})")


_ISS_SOURCE = "RFC 9207, sections 2 and 3; OpenAI, plugins/build/auth (refuses the answer otherwise)"
_ISS_FIX = "Send iss, equal to the metadata's issuer, on success and on error answers; or take the promise back."


@check("C9-iss", "A success answer names its issuer where that is announced", source=_ISS_SOURCE, fix=_ISS_FIX)
async def iss(session: Session) -> Outcome:
    return await _identified(session, (await grant(session)).attempt)


@check("C9-iss-denied", "A refused consent names its issuer too", source=_ISS_SOURCE, fix=_ISS_FIX)
async def iss_denied(session: Session) -> Outcome:
    scripted_only(session)
    await grant(session)
    # A client that has no consent yet: otherwise the question is not asked.
    tried = await attempt(session, await second_client(session), sign_in=session.sign_in.fresh(consent=False))
    if tried.callback is not None and tried.callback.code:
        return skipped("the issuer asks for no consent")
    if tried.callback is not None and tried.callback.error != "access_denied":
        return failed(f"{tried.says()}, not access_denied")
    return await _identified(session, tried)


@check(
    "C9-iss-scope",
    "A refused scope is answered at the redirect URI, with the issuer's name",
    source=_ISS_SOURCE,
    fix=_ISS_FIX,
)
async def iss_scope(session: Session) -> Outcome:
    first = await grant(session)
    scripted_only(session)
    tried = await attempt(session, first.attempt.client, scopes=(*await base_scopes(session), "no-such-scope"))
    if tried.callback is not None and tried.callback.code:
        return skipped("the issuer ignores scopes it does not know")
    return await _identified(session, tried)


@check(
    "C9-empty-scope",
    "A request without a scope is answered with a code where no scope is announced",
    source="Reported at PrefectHQ/fastmcp#1794: scope= can arrive empty when nothing is advertised",
    fix="Announce scopes in the challenge and the resource metadata, or grant a default scope.",
)
async def empty_scope(session: Session) -> Outcome:
    if await base_scopes(session):
        return skipped("scopes are announced, so the client asks for them")
    first = await grant(session)
    scripted_only(session)
    tried = await attempt(session, first.attempt.client, scopes=())
    return passed("a code") if tried.callback and tried.callback.code else failed(tried.says())


@check(
    "C9-redirect",
    "Another redirect URI than the registered one is refused, and nothing is sent there",
    source="OAuth 2.1, section 2.3.1 (exact match); RFC 9700, section 2.1",
    fix="Compare redirect URIs as whole strings (on loopback the port aside); register no wildcards.",
)
async def exact_redirect(session: Session) -> Outcome:
    scripted_only(session)
    first = await grant(session)
    wrong = first.attempt.redirect.rstrip("/") + "/elsewhere"
    tried = await attempt(session, first.attempt.client, redirect=wrong)
    if tried.callback is not None:
        return failed(f"redirected to {path_of(wrong)} with {tried.says()}")
    return passed(f"refused: {tried.failure}"[:200])


async def _weak(session: Session, *, pkce: Pkce | None, fault: str) -> Outcome:
    scripted_only(session)
    first = await grant(session)
    tried = await attempt(session, first.attempt.client, pkce=pkce, without_pkce=pkce is None)
    if tried.callback is None or not tried.callback.code:
        return passed(f"refused at the authorization endpoint: {tried.says()}"[:200])
    reply = await exchange(session, tried)
    if token_set(session, reply):
        return failed(f"{fault}: a code and a token")
    return passed(f"a code, but no token: {reply.says()}")


@check(
    "C10-missing",
    "A request without PKCE gets no token",
    source="OAuth 2.1, section 7.5.1; MCP authorization 2026-07-28",
    fix="Require code_challenge for every client. In Keycloak: a client policy with pkce-enforcer.",
)
async def no_pkce(session: Session) -> Outcome:
    return await _weak(session, pkce=None, fault="without a code_challenge")


@check(
    "C10-plain",
    "PKCE with `plain` gets no token",
    source="OAuth 2.1, section 4.1.1 (S256 for who can); RFC 9700, section 2.1.1",
    fix="Accept S256 only.",
)
async def plain_pkce(session: Session) -> Outcome:
    return await _weak(session, pkce=Pkce.new("plain"), fault="with the method plain")


def _refused(reply: Reply) -> Outcome:
    """What is said of a code that gave no token."""
    return passed(reply.says()) if invalid_grant(reply) else failed(f"refused, but with {reply.says()}")


async def _new_attempt(session: Session) -> Attempt:
    scripted_only(session)
    first = await grant(session)
    tried = await attempt(session, first.attempt.client, sign_in=session.sign_in.fresh())
    if tried.callback is None or not tried.callback.code:
        raise Unmet("C9-code", f"a second sign-in gave {tried.says()}")
    return tried


@check(
    "C10-verifier",
    "A code with a wrong verifier gets 400 invalid_grant",
    source="RFC 7636, section 4.6",
    fix="Compare the verifier's hash with the challenge before a token is issued.",
)
async def wrong_verifier(session: Session) -> Outcome:
    reply = await exchange(session, await _new_attempt(session), verifier=Pkce.new().verifier)
    if token_set(session, reply):
        return failed("a token")
    return _refused(reply)


@check(
    "C10-reuse",
    "A code works once",
    source="RFC 6749, section 4.1.2; OAuth 2.1, section 4.1.2",
    fix="Forget a code with its first use, and revoke what it gave when it comes again.",
)
async def code_once(session: Session) -> Outcome:
    tried = await _new_attempt(session)
    first = await exchange(session, tried)
    if not token_set(session, first):
        return unseen(f"the first use gave {first.says()}")
    again = await exchange(session, tried)
    if token_set(session, again):
        return failed("the second use gave a token too")
    return _refused(again)


@check(
    "C9-loopback",
    "A loopback redirect is accepted on any port",
    source="RFC 8252, section 7.3; microsoft/vscode#278512 (another port when its own is busy)",
    fix="Leave the port out of the comparison for http redirects to 127.0.0.1 and localhost.",
    clients=("claude-code", "vscode"),
)
async def any_port(session: Session) -> Outcome:
    scripted_only(session)
    await grant(session)
    made, goal = await client(session), await redirect_uri(session)
    other = goal.replace(":33420", ":45711").replace(":33418", ":45711")
    tried = await attempt(session, made, redirect=other)
    return passed(other) if tried.callback and tried.callback.code else failed(f"{other}: {tried.says()}"[:200])


CHECKS: tuple[Check, ...] = (
    scopes,
    code,
    state,
    iss,
    iss_denied,
    iss_scope,
    empty_scope,
    exact_redirect,
    any_port,
    no_pkce,
    plain_pkce,
    wrong_verifier,
    code_once,
)
