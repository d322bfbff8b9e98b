"""Checks of the protocol: both eras, fresh connections, streaming (checklist E; MCP 2026-07-28, 2025-11-25, 2025-06-18)."""

from gatelodge.ops.verify.check import Check, Outcome, Unmet, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.messages import LEGACY, MODERN, OLDER, Mcp, result_of, rpc_message
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.speaking import called, endpoint, search_then_fetch, spoken_era, token, tool_list

__all__ = ["CHECKS"]

_FLUSH = 1.0
_STREAM_SECONDS = 3.0
_CALL_SECONDS = 60.0
_LONG = 50.0


@check(
    "E17-discover",
    "server/discover of 2026-07-28 is answered, or refused cleanly",
    source="MCP 2026-07-28, discovery; ChatGPT asks it first since August 2026; reported at nowledge-co/community#496 and garrytan/gbrain PR 746",
    fix="Answer server/discover, or let the MCP library answer unknown methods; nothing in front may refuse the request.",
)
async def discover(session: Session) -> Outcome:
    spoken = Mcp(session.wire, session.url, MODERN, await token(session))
    reply = await spoken.request("server/discover")
    result = result_of(reply)
    if result is not None:
        versions = result.get("supportedVersions")
        return passed(f"supportedVersions {versions}") if versions else failed("a result without supportedVersions")
    if reply.status in {200, 400, 404} and "error" in rpc_message(reply):
        await spoken_era(session)
        return skipped(f"the server speaks older revisions only ({reply.says()})")
    return failed(f"{reply.says()}: {reply.text[:120]}")


async def _initialized(session: Session, era: str) -> Outcome:
    reply, opened = await Mcp(session.wire, session.url, era, await token(session)).initialize()
    result = result_of(reply)
    if result is None:
        return failed(f"{reply.says()}: {reply.text[:120]}")
    if result.get("protocolVersion") != era:
        return failed(f"protocolVersion {result.get('protocolVersion')!r} for {era}")
    listed = await opened.request("tools/list")
    return passed(f"{era}, then tools/list") if result_of(listed) else failed(f"tools/list: {listed.says()}")


_INITIALIZE_FIX = "Serve both eras at one URL; the MCP library negotiates the revision."


@check(
    "E17-initialize-2025-11-25",
    "initialize of 2025-11-25 and a list of tools work",
    source="MCP 2025-11-25, lifecycle; ChatGPT falls back to it; reported at nowledge-co/community#496 and garrytan/gbrain PR 746",
    fix=_INITIALIZE_FIX,
)
async def initialize(session: Session) -> Outcome:
    return await _initialized(session, LEGACY)


@check(
    "E17-initialize-2025-06-18",
    "initialize of 2025-06-18 and a list of tools work",
    source="MCP 2025-06-18, lifecycle",
    fix=_INITIALIZE_FIX,
)
async def initialize_older(session: Session) -> Outcome:
    return await _initialized(session, OLDER)


@check(
    "E17-tools",
    "The linked client sees tools",
    source="Reported at nowledge-co/community#496: connected, but 'No app actions'",
    fix="Read the server's log for the request; a tool list that is filtered by scopes must hold those of the challenge.",
)
async def tools(session: Session) -> Outcome:
    names = [str(tool.get("name")) for tool in await tool_list(session)]
    return passed(", ".join(names)) if names else failed("an empty list")


@check(
    "E18-fresh",
    "Calls work on new connections and sessions; what one gave another may use",
    source="Reported at openai/openai-apps-sdk-examples#165: a new session per call; MCP 2026-07-28 (no sessions)",
    fix="Keep no state in MCP sessions.",
)
async def fresh(session: Session) -> Outcome:
    try:
        found, fetched = await search_then_fetch(session)
    except Unmet:
        first = await (await (await endpoint(session)).opened()).request("tools/list")
        again = await (await (await endpoint(session)).opened()).request("tools/list")
        same = rpc_message(first).get("result") == rpc_message(again).get("result") is not None
        return passed("two sessions, the same tools") if same else failed(f"{first.says()}, then {again.says()}")
    if found.result is None or (fetched is not None and (fetched.result is None or fetched.result.get("isError"))):
        faulty = found if found.result is None or fetched is None else fetched
        return failed(
            f"{faulty.tool['name']} on a session of its own: {faulty.reply.says()} {' '.join(faulty.texts)[:120]}"
        )
    return passed("search in one session, fetch in another")


@check(
    "E18-tolerance",
    "Unknown _meta members and X-OpenAI headers do no harm",
    source="OpenAI, plugins/reference (openai/… in _meta); reported at nowledge-co/community#496",
    fix="Accept members and headers that you do not know; do not validate requests more strictly than MCP.",
)
async def tolerance(session: Session) -> Outcome:
    spoken = await (await endpoint(session)).opened()
    meta = {"openai/subject": "v1/x", "openai/session": "v1/y", "openai/locale": "en-GB", "openai/userAgent": "verify"}
    reply = await spoken.request(
        "tools/list",
        {"_meta": {**meta, "x.example/unknown": {"a": [1]}}},
        headers={"x-openai-subject": "v1/x", "x-openai-session": "v1/y", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
    )
    return passed("the list as usual") if result_of(reply) else failed(f"{reply.says()}: {reply.text[:120]}")


@check(
    "E19-accept",
    "An answer to a client that takes JSON and event streams is one of the two, and ends",
    source="MCP transports, streamable HTTP; reported at n8n#14546: tools/list never ends",
    fix="End the stream after the answer; switch off buffering of the proxy for the MCP path.",
)
async def accept(session: Session) -> Outcome:
    reply = await (await (await endpoint(session)).opened()).request("tools/list")
    if reply.error or reply.media_type not in {"application/json", "text/event-stream"}:
        return failed(reply.error or f"content type {reply.media_type or 'absent'}")
    return passed(reply.media_type)


@check(
    "E19-compression",
    "Event streams are not compressed",
    source="Reported at n8n#14546; OpenAI, plugins/deploy/troubleshooting",
    fix="Switch compression off for the MCP path at every proxy.",
)
async def compression(session: Session) -> Outcome:
    spoken = await (await endpoint(session)).opened()
    asked = {"accept-encoding": "gzip, br, deflate"}
    reply = await spoken.request("tools/list", headers=asked)
    if reply.media_type != "text/event-stream" and session.target.slow_tool:
        # Where lists are plain JSON, a tool that reports makes the server stream.
        params = {"name": session.target.slow_tool, "arguments": {}, "_meta": {"progressToken": "verify"}}
        reply = await spoken.request("tools/call", params, headers=asked, until="data:", seconds=_CALL_SECONDS)
    coding = reply.headers.get("content-encoding")
    if coding and reply.media_type == "text/event-stream":
        return failed(f"an event stream with content-encoding {coding}")
    return passed(f"{reply.media_type}, content-encoding {coding or 'none'}")


@check(
    "E19-stream",
    "The first event of an open stream arrives at once, not when the stream ends",
    source="MCP 2026-07-28, subscriptions/listen (acknowledged first); reported at n8n#14546",
    fix="nginx: proxy_buffering off; Traefik: no buffering or compress middleware on the MCP path.",
)
async def stream(session: Session) -> Outcome:
    if session.target.slow_tool:
        return await _progress(session, session.target.slow_tool)
    spoken, began = await endpoint(session), session.clock.monotonic()
    params = {"notifications": {"toolsListChanged": True}}
    reply = await spoken.request("subscriptions/listen", params, until="acknowledged", seconds=_STREAM_SECONDS)
    took = session.clock.monotonic() - began
    if reply.status == 200 and "acknowledged" in reply.text and not reply.ended:
        return passed(f"after {took:.2f} s, the stream still open") if took <= _FLUSH else failed(f"after {took:.1f} s")
    if reply.error and spoken.era == MODERN:
        return failed(f"{reply.error}: the stream's first event is held back")
    if "acknowledged" in reply.text:
        return failed("the first event came with the end of the stream")
    return unseen(f"the server offers no subscriptions/listen ({reply.says()}); name a tool that reports: --slow-tool")


async def _progress(session: Session, tool: str) -> Outcome:
    """Whether a tool's first report arrives before its answer is complete."""
    spoken, began = await (await endpoint(session)).opened(), session.clock.monotonic()
    params = {"name": tool, "arguments": {}, "_meta": {"progressToken": "verify"}}
    first = await spoken.request("tools/call", params, until="notifications/", seconds=_CALL_SECONDS)
    took = session.clock.monotonic() - began
    if first.error or "notifications/" not in first.text:
        return unseen(f"{tool} reported nothing: {first.says()}")
    if '"result"' in first.text or first.ended:
        return failed(f"the first report of {tool} came after {took:.1f} s, together with the result")
    return passed(f"the first report of {tool} after {took:.2f} s, before its result")


@check(
    "E20-sequence",
    "Calls one after another give the same answer; a repeated call does no harm",
    source="Reported at community.openai.com/t/1369488: clients retry a call that took too long",
    fix="Make tools that read free of side effects, and writes idempotent.",
)
async def sequence(session: Session) -> Outcome:
    first = await called(session, "search", {"query": session.target.query})
    again = await called(session, "search", {"query": session.target.query})
    if first.result is None or again.result is None:
        return failed(f"{first.reply.says()}, then {again.reply.says()}")
    return passed("the same twice") if first.structured == again.structured else failed("two searches, two answers")


@check(
    "E20-long",
    "A call of 55 seconds comes through",
    source="Reported at community.openai.com/t/1369488 (about 60 s per call)",
    fix="Raise the idle times of proxies above 60 s; give longer work a job id to ask for.",
)
async def long_call(session: Session) -> Outcome:
    spoken, tool = await endpoint(session), session.target.slow_tool
    if not tool or not session.target.long:
        return unseen("no tool is known to take that long: --slow-tool and --long")
    began = session.clock.monotonic()
    reply = await (await spoken.opened()).call(tool, {})
    took = session.clock.monotonic() - began
    if result_of(reply) is None:
        return failed(f"{reply.says()} after {took:.0f} s")
    return passed(f"a result after {took:.0f} s") if took >= _LONG else unseen(f"{tool} took {took:.0f} s only")


CHECKS: tuple[Check, ...] = (
    discover,
    initialize,
    initialize_older,
    tools,
    fresh,
    tolerance,
    accept,
    compression,
    stream,
    sequence,
    long_call,
)
