"""Checks of refresh tokens (checklist C14; RFC 6749, section 6; OAuth 2.1, section 4.3)."""

import asyncio
import json

from gatelodge.ops.link.oauth_types import RegisteredClient
from gatelodge.ops.verify.check import Check, Outcome, Unmet, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.linking import grant, new_grant
from gatelodge.ops.verify.messages import Mcp
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.speaking import spoken_era
from gatelodge.ops.verify.trading import invalid_grant, refresh, token_set

__all__ = ["CHECKS"]


async def _refreshable(session: Session) -> tuple[RegisteredClient, str]:
    """A client with a refresh token that may be lost. Raises: Unmet."""
    made = await new_grant(session)
    if not made.tokens.refresh_token:
        raise Unmet("C11-refresh", "there is no refresh token")
    return made.attempt.client, made.tokens.refresh_token


@check(
    "C14-refresh",
    "A refresh gives new tokens, with and without `resource`",
    source="RFC 6749, section 6; RFC 8707, section 2.2; openai/codex#33403 (leaves resource out)",
    fix="Keep the resource with the refresh token and take it from there.",
)
async def refreshes(session: Session) -> Outcome:
    made, current = await _refreshable(session)
    for what, named in (("with resource", ""), ("without resource", None)):
        reply = await refresh(session, made, current, resource_url=named)
        tokens = token_set(session, reply)
        if tokens is None:
            return failed(f"{what}: {reply.says()}")
        current = tokens.refresh_token or current
    return passed("both gave an access token")


@check(
    "C14-rotation",
    "A public client's refresh token is replaced, and the old one is refused",
    source="OAuth 2.1, section 4.3.1; MCP authorization 2026-07-28",
    fix="Rotate refresh tokens of public clients and refuse a used one with invalid_grant.",
)
async def rotation(session: Session) -> Outcome:
    made, first = await _refreshable(session)
    if made.client_secret:
        return skipped("a confidential client: its refresh token is bound to its secret")
    tokens = token_set(session, await refresh(session, made, first))
    if tokens is None:
        return unseen("the refresh failed (C14-refresh)")
    if tokens.refresh_token in {None, first}:
        return failed("the refresh token stays the same")
    again = await refresh(session, made, first)
    if token_set(session, again):
        return failed("the replaced refresh token still gives tokens")
    return passed(f"replaced; the old one gives {again.says()}") if invalid_grant(again) else failed(again.says())


@check(
    "C14-dead",
    "A dead refresh token gets 400 invalid_grant as JSON",
    source="RFC 6749, section 5.2; reported at openai/codex#38198; openai/codex#38198, #47513",
    fix='Answer every refresh that cannot be done with 400 and {"error": "invalid_grant"}.',
)
async def dead(session: Session) -> Outcome:
    reply = await refresh(session, (await grant(session)).attempt.client, "no-such-refresh-token")
    return passed(reply.says()) if invalid_grant(reply) else failed(f"{reply.says()}: {reply.text[:120]}")


@check(
    "C14-parallel",
    "Two refreshes at once: at least one gives tokens, the other a clean answer",
    source="RFC 6749, section 6; reported at supabase/auth#2628 and openai/codex#38198: clients refresh in parallel",
    fix="Serialise the refreshes of one token; answer the second with the same tokens or invalid_grant, never a 5xx.",
)
async def parallel(session: Session) -> Outcome:
    made, current = await _refreshable(session)
    replies = await asyncio.gather(refresh(session, made, current), refresh(session, made, current))
    given = [tokens for tokens in (token_set(session, reply) for reply in replies) if tokens]
    unclean = [reply.says() for reply in replies if reply.status != 200 and not invalid_grant(reply)]
    if unclean or not given:
        return failed("; ".join(unclean) or "neither gave tokens")
    opened = [
        (await Mcp(session.wire, session.url, await spoken_era(session), one.access_token).request("tools/list")).status
        for one in given
    ]
    return passed(f"{len(given)} of 2 gave tokens; the server answers them with {json.dumps(opened)}")


CHECKS: tuple[Check, ...] = (
    refreshes,
    rotation,
    dead,
    parallel,
)
