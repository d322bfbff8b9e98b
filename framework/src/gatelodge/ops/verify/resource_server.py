"""Checks of what gets in with which token (checklist D; RFC 6750, RFC 9728, RFC 8725)."""

from gatelodge.ops.link.oauth_types import TokenSet
from gatelodge.ops.verify.challenges import bearer_challenge
from gatelodge.ops.verify.check import Check, Outcome, Status, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.finding import asked_scopes, base_scopes
from gatelodge.ops.verify.forged import changed_claims, changed_signature, from_elsewhere, unsigned
from gatelodge.ops.verify.linking import attempt, grant, scripted_only
from gatelodge.ops.verify.messages import Mcp, result_of
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.speaking import endpoint, oauth_scopes, tool_list
from gatelodge.ops.verify.tokens import claims_of
from gatelodge.ops.verify.trading import exchange, token_set
from gatelodge.ops.verify.wire import Reply

__all__ = ["CHECKS", "send_with"]

_LEEWAY = 95
_SHORT = 30


@check(
    "D15-valid",
    "A fresh token is accepted",
    source="Reported at skycloak.io/blog/keycloak-mcp-server-401-audience-rfc-8707: the link is done, and then 401 for ever",
    fix="Compare the token's aud, iss and scope with the server's configuration.",
)
async def valid(session: Session) -> Outcome:
    bearer = (await grant(session)).tokens.access_token
    reply = await Mcp(session.wire, session.url, token=bearer).request("tools/list")
    if reply.status in {401, 403}:
        return failed(f"{reply.says()}, {reply.headers.get('www-authenticate', 'no challenge')}")
    return passed(reply.says())


async def send_with(session: Session, bearer: str, method: str = "POST") -> Reply:
    """A request with a token."""
    if method == "GET":
        headers = {"accept": "text/event-stream", "authorization": f"Bearer {bearer}"}
        return await session.wire.send("GET", session.url, headers=headers)
    return await Mcp(session.wire, session.url, token=bearer).request("tools/list")


def _refused(reply: Reply) -> Outcome:
    """401 with a challenge that says so, or what is wrong instead."""
    challenge = bearer_challenge(reply.headers.get("www-authenticate"))
    if reply.status != 401:
        return failed(f"{reply.says()}, not 401")
    if challenge is None or not challenge.get("resource_metadata"):
        return failed(f"401, but WWW-Authenticate: {reply.headers.get('www-authenticate', '(absent)')}")
    if challenge.get("error") != "invalid_token":
        return failed(f"401 with error {challenge.get('error', '(absent)')}, not invalid_token")
    return passed("401 with a challenge, error invalid_token")


_SOURCE = "RFC 6750, section 3.1; MCP authorization 2026-07-28, token handling"
_FIX = "Check signature, iss, aud, exp and nbf of every token before the request is read, and answer 401 with the challenge."


@check("D15-signature", "A token with a changed signature gets 401 and the challenge", source=_SOURCE, fix=_FIX)
async def signature(session: Session) -> Outcome:
    return _refused(await send_with(session, changed_signature((await grant(session)).tokens.access_token)))


@check("D15-claims", "A token whose claims were changed gets 401 and the challenge", source=_SOURCE, fix=_FIX)
async def claims(session: Session) -> Outcome:
    bearer = (await grant(session)).tokens.access_token
    return _refused(await send_with(session, changed_claims(bearer, sub="somebody-else")))


@check(
    "D15-unsigned", "A token without a signature gets 401 and the challenge", source="RFC 8725, section 3.1", fix=_FIX
)
async def no_signature(session: Session) -> Outcome:
    return _refused(await send_with(session, unsigned((await grant(session)).tokens.access_token)))


@check("D15-issuer", "A token of an unknown issuer gets 401 and the challenge", source=_SOURCE, fix=_FIX)
async def stranger(session: Session) -> Outcome:
    return _refused(await send_with(session, from_elsewhere(session.url)))


@check("D15-garbage", "A token that is no token gets 401 and the challenge", source=_SOURCE, fix=_FIX)
async def garbage(session: Session) -> Outcome:
    return _refused(await send_with(session, "not-a-token"))


@check(
    "D15-get",
    "GET with a token that is refused gets 401 and the challenge",
    source="Reported at community.openai.com/t/1367543: after an idle time ChatGPT probes with GET; anything but 401 loops without a refresh",
    fix="Check the token before the method.",
)
async def get_refused(session: Session) -> Outcome:
    return _refused(await send_with(session, changed_signature((await grant(session)).tokens.access_token), "GET"))


@check("D15-audience", "A token that is not made out to this server gets 401", source=_SOURCE, fix=_FIX)
async def audience(session: Session) -> Outcome:
    scripted_only(session)
    await grant(session)
    base = await base_scopes(session)
    without = tuple(scope for scope in await asked_scopes(session) if scope not in {*base, "offline_access"})
    reason = ""
    # With the server's own scopes first: a token that lacks them may be refused for that alone.
    for scopes in (base, without or ("openid",)):
        tokens = await _for_another(session, scopes)
        if isinstance(tokens, str):
            reason = tokens
            continue
        outcome = _refused(await send_with(session, tokens.access_token))
        if outcome.status is Status.PASS:
            return outcome
        return failed(f"a token with aud {claims_of(tokens).get('aud') or 'absent'}: {outcome.found}")
    return unseen(reason)


async def _for_another(session: Session, scopes: tuple[str, ...]) -> TokenSet | str:
    """A token that was asked for another server, and is not made out to this one; or why there is none."""
    other, made = "https://other.example/mcp", (await grant(session)).attempt.client
    tried = await attempt(session, made, scopes=scopes, resource_url=other)
    if tried.callback is None or not tried.callback.code:
        return f"no such token was to be had: {tried.says()}"[:200]
    tokens = token_set(session, await exchange(session, tried, resource_url=other))
    if tokens is None:
        return "no such token was to be had: the code was refused"
    named = claims_of(tokens).get("aud")
    if named == session.url or (isinstance(named, list) and session.url in named):
        return "the issuer makes every token out to this server"
    return tokens


@check(
    "D15-expired",
    "An expired token gets 401 and the challenge",
    source=_SOURCE,
    fix=_FIX,
)
async def expired(session: Session) -> Outcome:
    tokens = (await grant(session)).tokens
    life = tokens.expires_in
    if not isinstance(life, int) or (life > _SHORT and not session.target.long):
        return unseen(f"the token lives {life} s; --long waits for its end")
    until = claims_of(tokens).get("exp")
    left = float(until) - session.clock.now() if isinstance(until, int | float) else float(life)
    await session.sleep(max(0.0, left) + _LEEWAY)
    return _refused(await send_with(session, tokens.access_token))


@check(
    "D15-query",
    "A token in the address is not accepted",
    source="MCP authorization 2026-07-28 (MUST NOT); OAuth 2.1, section 5.1.2",
    fix="Read the Authorization header only.",
)
async def in_query(session: Session) -> Outcome:
    bearer = (await grant(session)).tokens.access_token
    mark = "&" if "?" in session.url else "?"
    reply = await Mcp(session.wire, f"{session.url}{mark}access_token={bearer}").request("tools/call", {"name": "none"})
    if (await tool_list(session)) and reply.status == 200 and result_of(reply) is None:
        return skipped("the server answers calls without a token (mixed mode)")
    return passed(reply.says()) if reply.status in {400, 401} else failed(reply.says())


@check(
    "D15-scope",
    "A call that needs more scopes gets 403 insufficient_scope with all of them",
    source="MCP authorization 2026-07-28, scope challenge; RFC 6750, section 3.1; Anthropic (re-authorises on this only)",
    fix='Answer 403 with WWW-Authenticate: Bearer error="insufficient_scope", scope="…", resource_metadata="…"'
    " before the tool runs.",
)
async def more_scopes(session: Session) -> Outcome:
    held = (await grant(session)).tokens.scopes
    lacking = [tool for tool in await tool_list(session) if oauth_scopes(tool) - held]
    if not held or not lacking:
        return unseen("no tool says that it needs more scopes than the first sign-in gives")
    tool = lacking[0]
    spoken = await endpoint(session)
    # Not as ChatGPT, which gets its own form (F23-step-up); without arguments, so that even a wrong server does nothing.
    plain = Mcp(session.plain_wire, spoken.url, spoken.era, spoken.token)
    reply = await (await plain.opened()).call(str(tool["name"]), {})
    challenge = bearer_challenge(reply.headers.get("www-authenticate")) or {}
    if reply.status != 403 or challenge.get("error") != "insufficient_scope":
        return failed(f"{tool['name']}: {reply.says()}, error {challenge.get('error', '(absent)')}")
    missing = oauth_scopes(tool) - held - set(challenge.get("scope", "").split())
    if missing or not challenge.get("resource_metadata"):
        return failed(f"the challenge lacks {', '.join(sorted(missing)) or 'resource_metadata'}")
    return passed(f"{tool['name']}: 403 with scope {challenge['scope']}")


CHECKS: tuple[Check, ...] = (
    valid,
    signature,
    claims,
    no_signature,
    stranger,
    garbage,
    get_refused,
    audience,
    in_query,
    more_scopes,
    expired,
)
