"""Checks of the running service: rate limits, leaks, browsers, time budgets, cleaning up (checklist G and budgets)."""

from urllib.parse import urlsplit

from gatelodge.ops.verify.check import Check, Outcome, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.evidence import Entry
from gatelodge.ops.verify.finding import issuer, resource
from gatelodge.ops.verify.messages import LEGACY, Mcp
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.wire import Reply

__all__ = ["CHECKS"]

_BURST = 20
_TRACES = ("Traceback (most recent call last)", 'File "/', "at java.", "goroutine 1 [")
_DOCUMENT_BUDGET, _FIRST_BYTE_BUDGET, _CALL_BUDGET = 10.0, 10.0, 55.0


@check(
    "G24-rate",
    "Twenty requests in a row from one address are answered",
    source="OpenAI, api/docs/guides/ip-addresses: many users share an address; reported at firewalls and host lists in front of servers",
    fix="Limit by subject or client, not by address alone, on MCP, registration and token routes.",
)
async def rate(session: Session) -> Outcome:
    statuses = [(await session.wire.get((await resource(session)).url)).status for _ in range(_BURST // 2)]
    statuses += [(await Mcp(session.wire, session.url).request("tools/list")).status for _ in range(_BURST // 2)]
    limited = [status for status in statuses if status in {429, 503}]
    return failed(f"{len(limited)} of {_BURST} were limited") if limited else passed("none was limited")


@check(
    "G24-addresses",
    "The client's own addresses are let through",
    source="OpenAI, chatgpt-connectors.json; Anthropic (160.79.104.0/21)",
    fix="Allow the published addresses at the firewall; the lists change often.",
    clients=("chatgpt", "claude"),
)
async def addresses(session: Session) -> Outcome:
    return unseen(f"only {session.profile.title} itself calls from there: look for its requests in the edge's log")


@check(
    "G25-mtls",
    "A client certificate is optional, and does no harm",
    source="OpenAI, plugins/build/auth (managed client certificate)",
    fix="Ask for a client certificate as optional, or not at all.",
    clients=("chatgpt",),
)
async def mutual_tls(session: Session) -> Outcome:
    reply = await session.plain_wire.get(session.url)
    if not reply.status:
        return unseen(reply.error)
    return passed("a client without a certificate is answered; OpenAI's own certificate can be shown by OpenAI only")


@check(
    "G26-secrets",
    "No answer repeats a token, a secret or a password, or shows the server's inside",
    source="MCP authorization, security considerations; RFC 6750, section 5.3",
    fix="Answer refusals with constant texts, and mask errors of tools.",
)
async def secrets(session: Session) -> Outcome:
    # One refused call more, whose answer could repeat the token.
    await Mcp(session.wire, session.url, LEGACY, "verify-secret-in-a-bearer-token").request("tools/list")
    session.redactor.know("verify-secret-in-a-bearer-token")
    own = urlsplit(session.url)
    faults: list[str] = []
    for entry in session.recorder.log:
        where = urlsplit(entry.url)
        if (where.netloc, where.path.rstrip("/")) != (own.netloc, own.path.rstrip("/")):
            continue
        body = bytes(entry.body).decode("utf-8", "replace")
        if session.redactor.leaks(body + " ".join(entry.headers.values())):
            faults.append(f"{entry.method} {where.path} ({entry.status}) repeats a secret")
            session.cited.append(entry)
        if any(trace in body for trace in _TRACES):
            faults.append(f"{entry.method} {where.path} ({entry.status}) shows a stack trace")
            session.cited.append(entry)
    return failed("; ".join(dict.fromkeys(faults))) if faults else passed("none in any answer of this run")


def _allows(reply: Reply, origin: str) -> str:
    allowed = reply.headers.get("access-control-allow-origin")
    if reply.status not in {200, 204} or allowed not in {"*", origin}:
        return f"{reply.says()}, access-control-allow-origin {allowed or 'absent'}"
    return ""


@check(
    "G27-cors",
    "A browser client may call the server, its metadata, registration and token endpoints",
    source="MCP Inspector (calls from its own page); Fetch, CORS protocol",
    fix="Allow the browser's origin on these routes, and expose WWW-Authenticate and Mcp-Session-Id.",
    clients=("inspector",),
)
async def cors(session: Session) -> Outcome:
    origin = session.profile.origin
    if origin is None:
        return skipped("not a browser")
    found = await issuer(session)
    asked = {"mcp": (session.url, "POST", "authorization, content-type, mcp-protocol-version")}
    asked["resource metadata"] = ((await resource(session)).url, "GET", "mcp-protocol-version")
    asked["token"] = (found.server.token_endpoint, "POST", "content-type")
    if found.server.registration_endpoint:
        asked["registration"] = (found.server.registration_endpoint, "POST", "content-type")
    faults: list[str] = []
    for what, (url, method, headers) in asked.items():
        preflight = {"origin": origin, "access-control-request-method": method}
        reply = await session.wire.send(
            "OPTIONS", url, headers={**preflight, "access-control-request-headers": headers}
        )
        # A GET without own headers needs no preflight; the answer itself must allow the origin then.
        if method == "GET":
            reply = await session.wire.get(url, origin=origin)
        if fault := _allows(reply, origin):
            faults.append(f"{what}: {fault}")
    refused = await Mcp(session.wire, session.url).request("tools/list", headers={"origin": origin})
    exposed = str(refused.headers.get("access-control-expose-headers", "")).lower()
    if "www-authenticate" not in exposed and refused.status == 401:
        faults.append("WWW-Authenticate is not exposed")
    return failed("; ".join(faults)) if faults else passed(f"{', '.join(asked)} for {origin}")


def _slowest(session: Session, entries: list[Entry], budget: float) -> Outcome:
    if not entries:
        return unseen("nothing of this kind was asked")
    slow = max(entries, key=lambda entry: entry.seconds)
    where = urlsplit(slow.url).path
    session.cited.append(slow)
    if slow.seconds > budget:
        return failed(f"{slow.method} {where} took {slow.seconds:.1f} s, the limit is {budget:.0f} s")
    return passed(f"the slowest of {len(entries)} took {slow.seconds:.2f} s ({where})")


def _own(session: Session, entry: Entry) -> bool:
    return entry.url.split("?")[0].rstrip("/") == session.url.rstrip("/")


@check(
    "T1-documents",
    "Metadata, registration and token answers take at most 10 seconds",
    source="Anthropic (10 s each, 30 s for a refresh); budgets of this project",
    fix="Keep metadata in memory, and look at the issuer's database.",
)
async def documents(session: Session) -> Outcome:
    found = await issuer(session)
    endpoints = {found.server.token_endpoint, found.server.registration_endpoint}
    entries = [
        entry for entry in session.recorder.log if "/.well-known/" in entry.url or entry.url.split("?")[0] in endpoints
    ]
    return _slowest(session, entries, _DOCUMENT_BUDGET)


@check(
    "T2-first-byte",
    "The server begins to answer within 10 seconds",
    source="Codex (start-up 10 s); budgets of this project",
    fix="Do slow work outside initialize, server/discover and tools/list.",
)
async def first_byte(session: Session) -> Outcome:
    entries = [
        entry for entry in session.recorder.log if _own(session, entry) and b'"tools/call"' not in entry.request_body
    ]
    return _slowest(session, entries, _FIRST_BYTE_BUDGET)


@check(
    "T3-calls",
    "Tool calls take less than 55 seconds",
    source="Reported at community.openai.com/t/1369488: clients give up near 60 s and may call again",
    fix="Give work that takes longer a job id and a tool to ask for it.",
)
async def calls(session: Session) -> Outcome:
    entries = [
        entry for entry in session.recorder.log if _own(session, entry) and b'"tools/call"' in entry.request_body
    ]
    return _slowest(session, entries, _CALL_BUDGET)


CHECKS: tuple[Check, ...] = (rate, addresses, mutual_tls, cors, secrets, documents, first_byte, calls)
