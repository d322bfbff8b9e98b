"""Checks of tokens: the answer, the claims, refresh and its errors (checklist C11 to C14; RFC 6749, 8707, 9068)."""

from typing import Any

from gatelodge.ops.link.oauth_types import TokenSet
from gatelodge.ops.verify.check import Check, Outcome, Status, Unmet, check, failed, passed
from gatelodge.ops.verify.finding import base_scopes, issuer
from gatelodge.ops.verify.linking import attempt, grant, scripted_only
from gatelodge.ops.verify.messages import Mcp, result_of
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.speaking import spoken_era
from gatelodge.ops.verify.trading import exchange, token_set

__all__ = ["CHECKS", "claims_of"]

_OTHER_RESOURCE = "https://other.example/mcp"
_MOST_SECONDS = 24 * 3600


def claims_of(tokens: TokenSet) -> dict[str, Any]:
    """The payload of a JWT access token, unchecked; empty for an opaque one."""
    try:
        return tokens.claims()
    except (ValueError, IndexError, UnicodeDecodeError):
        return {}


def _audiences(claims: dict[str, Any]) -> list[str]:
    value = claims.get("aud")
    return [str(one) for one in value] if isinstance(value, list) else [str(value)] if value else []


@check(
    "C11-answer",
    "The code is traded for a token by a JSON answer with token_type Bearer",
    source="RFC 6749, section 5.1",
    fix="Answer with application/json, access_token and token_type.",
)
async def answer(session: Session) -> Outcome:
    reply = (await grant(session)).reply
    kind = str(reply.json().get("token_type", "absent"))
    if reply.media_type != "application/json" or kind.lower() != "bearer":
        return failed(f"{reply.media_type or 'no content type'}, token_type {kind}")
    return passed("application/json, token_type Bearer")


@check(
    "C11-no-store",
    "The token answer may not be kept by caches",
    source="RFC 6749, section 5.1",
    fix="Send Cache-Control: no-store with every answer of the token endpoint.",
)
async def no_store(session: Session) -> Outcome:
    value = str((await grant(session)).reply.headers.get("cache-control", ""))
    return passed(value) if "no-store" in value.lower() else failed(f"Cache-Control: {value or 'absent'}")


@check(
    "C11-expires",
    "The token answer says how long the token lives",
    source="RFC 6749, section 5.1 (RECOMMENDED); clients refresh ahead of it",
    fix="Send expires_in in seconds; minutes rather than days.",
)
async def expires(session: Session) -> Outcome:
    seconds = (await grant(session)).tokens.expires_in
    good = isinstance(seconds, int) and 0 < seconds <= _MOST_SECONDS
    return passed(f"{seconds} s") if good else failed(f"expires_in is {seconds!r}")


@check(
    "C11-refresh",
    "The client gets a refresh token",
    source="OpenAI, plugins/build/auth; reported at supabase/auth#2628: a login every hour",
    fix="Grant offline_access, and the grant type refresh_token to registered clients.",
)
async def refresh_token(session: Session) -> Outcome:
    return passed("yes") if (await grant(session)).tokens.refresh_token else failed("the token answer has none")


@check(
    "C11-errors",
    "The token endpoint's refusals are JSON errors",
    source="RFC 6749, section 5.2; reported at openai/codex#38198: a page or a 5xx disables the server in clients",
    fix="Answer 400 or 401 with a JSON error, also behind the proxy.",
)
async def token_errors(session: Session) -> Outcome:
    endpoint = (await issuer(session)).server.token_endpoint
    reply = await session.wire.post_form(endpoint, {"grant_type": "authorization_code", "code": "no-such-code"})
    good = reply.status in {400, 401} and isinstance(reply.json().get("error"), str)
    return passed(reply.says()) if good else failed(reply.says())


async def _claims(session: Session) -> dict[str, Any]:
    claims = claims_of((await grant(session)).tokens)
    if not claims:
        raise Unmet("C12-aud", "the access token is opaque", status=Status.NOT_APPLICABLE)
    return claims


@check(
    "C12-aud",
    "The token is made out to the MCP URL",
    source="MCP authorization 2026-07-28; RFC 8707, section 2; reported at skycloak.io/blog/keycloak-mcp-server-401-audience-rfc-8707: 401 for ever",
    fix="Add an audience mapper with the exact MCP URL to a scope that the challenge names.",
)
async def audience(session: Session) -> Outcome:
    audiences = _audiences(await _claims(session))
    return passed(", ".join(audiences)) if session.url in audiences else failed(f"aud is {audiences or 'absent'}")


@check(
    "C12-iss",
    "The token's issuer is the metadata's",
    source="RFC 9068, section 4; RFC 8414, section 3.3",
    fix="Give the issuer one public hostname, inside and outside.",
)
async def token_issuer(session: Session) -> Outcome:
    named, wanted = (await _claims(session)).get("iss"), (await issuer(session)).name
    return passed(str(named)) if named == wanted else failed(f"{named!r}, the metadata's issuer is {wanted!r}")


@check(
    "C12-exp",
    "The token ends, and not later than the answer says",
    source="RFC 9068, section 2.2",
    fix="Set exp, in line with expires_in, and keep the clocks together.",
)
async def expiry(session: Session) -> Outcome:
    exp, told = (await _claims(session)).get("exp"), (await grant(session)).tokens.expires_in
    if not isinstance(exp, int | float):
        return failed(f"exp is {exp!r}")
    left = exp - session.clock.now()
    # A clock that is a minute off already makes tokens fail at the server.
    good = left > 0 and (not isinstance(told, int) or left <= told + 60)
    return passed(f"{left:.0f} s left") if good else failed(f"{left:.0f} s left, expires_in said {told}")


@check(
    "C12-scope",
    "The token holds the scopes of the challenge",
    source="RFC 9068, section 2.2.3; reported at skycloak.io/blog/keycloak-mcp-server-401-audience-rfc-8707",
    fix="Grant the challenge's scopes to registered clients, and put them into the token (include in token scope).",
)
async def scope(session: Session) -> Outcome:
    claims = await _claims(session)
    held = set(str(claims.get("scope", "")).split()) | (await grant(session)).tokens.scopes
    missing = sorted(set(await base_scopes(session)) - held)
    return failed(f"missing: {', '.join(missing)}") if missing else passed(" ".join(sorted(held)))


@check(
    "C13-resource",
    "A token asked for another resource does not open this server",
    source="RFC 8707, section 2; MCP authorization 2026-07-28 (audience)",
    fix="Refuse the resource with invalid_target, or check the audience at the server.",
)
async def other_resource(session: Session) -> Outcome:
    scripted_only(session)
    first = await grant(session)
    tried = await attempt(session, first.attempt.client, resource_url=_OTHER_RESOURCE)
    if tried.callback is None or not tried.callback.code:
        return passed(f"refused: {tried.says()}"[:200])
    reply = await exchange(session, tried, resource_url=_OTHER_RESOURCE)
    tokens = token_set(session, reply)
    if tokens is None:
        return passed(f"refused: {reply.says()}")
    audiences = _audiences(claims_of(tokens))
    if audiences == [session.url]:
        return passed("the issuer ignores resource; the token's only audience is this server")
    opened = result_of(
        await Mcp(session.wire, session.url, await spoken_era(session), tokens.access_token).request("tools/list")
    )
    if opened is not None:
        return failed(f"a token for {audiences or 'no audience'} was accepted by this server")
    return passed("this server refuses the token")


CHECKS: tuple[Check, ...] = (
    answer,
    no_store,
    expires,
    refresh_token,
    token_errors,
    audience,
    token_issuer,
    expiry,
    scope,
    other_resource,
)
