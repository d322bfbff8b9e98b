"""Checks of a link that lasts: a refused token, a refresh, an idle time (checklist D16)."""

from gatelodge.ops.verify.check import Check, Outcome, Unmet, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.forged import changed_signature
from gatelodge.ops.verify.linking import grant, new_grant
from gatelodge.ops.verify.messages import Mcp, result_of
from gatelodge.ops.verify.resource_server import send_with
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.speaking import spoken_era
from gatelodge.ops.verify.trading import refresh, token_set

__all__ = ["CHECKS"]

_IDLE = 2 * 3600 + 60


@check(
    "D16-retry",
    "After a 401 a refresh and the same call work, without a new sign-in",
    source="MCP authorization 2026-07-28; OpenAI, plugins/build/auth",
    fix="Keep no session state that a new token cannot reach.",
)
async def retry(session: Session) -> Outcome:
    made = await new_grant(session)
    era = await spoken_era(session)
    before = await (await Mcp(session.wire, session.url, era, made.tokens.access_token).opened()).request("tools/list")
    refused = await send_with(session, changed_signature(made.tokens.access_token))
    if not made.tokens.refresh_token:
        raise Unmet("C11-refresh", "there is no refresh token")
    tokens = token_set(session, await refresh(session, made.attempt.client, made.tokens.refresh_token))
    if tokens is None:
        return unseen("the refresh failed (C14-refresh)")
    after = await (await Mcp(session.wire, session.url, era, tokens.access_token).opened()).request("tools/list")
    if result_of(after) is None:
        return failed(f"before {before.says()}, then {refused.says()}, after the refresh {after.says()}")
    return passed(f"{before.says()}, {refused.says()}, refresh, {after.says()}")


@check(
    "D16-get",
    "GET with a valid token opens a stream or gets 405",
    source="MCP 2025-11-25, listening for messages; reported at community.openai.com/t/1367543",
    fix="Answer 405 where there is no stream; never 400 or 404.",
)
async def get_valid(session: Session) -> Outcome:
    bearer = (await grant(session)).tokens.access_token
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {bearer}"}
    reply = await session.wire.send("GET", session.url, headers=headers, seconds=1.0)
    # A stream has no end within the second that is waited.
    good = reply.status == 405 or (reply.status == 200 and reply.media_type == "text/event-stream")
    if reply.status == 400 and "session" in reply.text.lower():
        return skipped("the server's streams belong to sessions of the older protocol")
    return passed(f"status {reply.status}") if good else failed(reply.says())


@check(
    "D16-idle",
    "After two idle hours a refresh and a call work",
    source="Reported at supabase/auth#2628 and community.openai.com/t/1367543; Keycloak ends a session that is not offline after 30 minutes",
    fix="Grant offline_access, or raise the idle time of sessions.",
)
async def idle(session: Session) -> Outcome:
    made = await new_grant(session)
    if not session.target.long:
        return unseen("takes two hours: --long")
    if not made.tokens.refresh_token:
        raise Unmet("C11-refresh", "there is no refresh token")
    await session.sleep(_IDLE)
    reply = await refresh(session, made.attempt.client, made.tokens.refresh_token)
    tokens = token_set(session, reply)
    if tokens is None:
        return failed(f"the refresh: {reply.says()}")
    return (
        passed("refreshed")
        if (await send_with(session, tokens.access_token)).status == 200
        else failed("the call failed")
    )


CHECKS: tuple[Check, ...] = (
    retry,
    get_valid,
    idle,
)
