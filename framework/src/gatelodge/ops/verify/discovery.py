"""Checks of discovery: the address and the challenge (checklist A1, A2; RFC 9728, RFC 6750)."""

import ssl
from urllib.parse import urlsplit

from gatelodge.core.urls import is_loopback
from gatelodge.ops.verify.challenges import bearer_challenge
from gatelodge.ops.verify.check import Check, Outcome, check, failed, passed, skipped, unseen
from gatelodge.ops.verify.finding import challenged, resource
from gatelodge.ops.verify.messages import LEGACY, Mcp
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.wire import Reply

__all__ = ["CHECKS"]

_WALL = frozenset({403, 421, 422, 429, 502, 503, 504})


def _spellings(url: str) -> tuple[str, str]:
    return url.rstrip("/"), url.rstrip("/") + "/"


@check(
    "A1-tls",
    "The address is https, with a certificate that the client trusts",
    source="OpenAI, plugins/build/auth (canonical HTTPS URL); MCP authorization, communication security",
    fix="Serve the MCP URL over https with the full certificate chain. For a private authority give --ca-file.",
)
async def tls(session: Session) -> Outcome:
    parts = urlsplit(session.url)
    if parts.scheme != "https":
        if session.profile.local and is_loopback(parts.hostname or ""):
            return skipped("plain http on loopback, which a client on the same machine reaches")
        return failed(f"{session.profile.title} reaches no plain http: give the https URL")
    reply = await session.plain_wire.get(session.url)
    if not reply.status:
        # A slow answer is another fault: others may be faster.
        session.unreachable = reply.error if "ConnectError" in reply.error else ""
        return failed(reply.error)
    return passed(f"an answer over TLS ({ssl.OPENSSL_VERSION.split()[0]} with the given trust)")


@check(
    "A1-port",
    "The address uses port 443",
    source="Anthropic, connectors/building/authentication (calls go to port 443)",
    fix="Publish the server on port 443.",
    clients=("chatgpt", "claude"),
)
async def port(session: Session) -> Outcome:
    parts = urlsplit(session.url)
    if is_loopback(parts.hostname or ""):
        return skipped("a loopback address: no hosted client reaches it whatever the port")
    return passed("port 443") if (parts.port or 443) == 443 else failed(f"port {parts.port}")


@check(
    "A1-http",
    "HTTP/1.1 is spoken; HTTP/2 is noted",
    source="RFC 9112; OpenAI, plugins/build/mcp-server",
    fix="Let the proxy speak HTTP/1.1 beside HTTP/2.",
)
async def http_version(session: Session) -> Outcome:
    reply = await session.plain_wire.get(session.url)
    if not reply.status:
        return failed(reply.error)
    more = session.tls.get("alpn")
    return passed(f"HTTP/1.1; by ALPN the server chooses {more or 'nothing else that was seen'}")


@check(
    "A1-redirect",
    "No redirect at the MCP URL, with and without a slash, for POST, GET and HEAD",
    source="Reported at login proxies in front of servers and litellm PR 34845: clients lose the bearer, or meet a login page",
    fix="Serve both spellings without a redirect, trust X-Forwarded-Proto of the proxy, and exempt the MCP path and"
    " /.well-known/ from any login in front of the server.",
)
async def no_redirect(session: Session) -> Outcome:
    faults: list[str] = []
    for url in _spellings(session.url):
        for method in ("POST", "GET", "HEAD"):
            reply = await session.wire.send(
                method, url, headers={"accept": "application/json, text/event-stream"}, content=None
            )
            if 300 <= reply.status < 400:
                faults.append(f"{method} {urlsplit(url).path}: {reply.status} to {reply.headers.get('location')}")
            elif reply.status >= 500:
                faults.append(f"{method} {urlsplit(url).path}: {reply.status}")
    return failed("; ".join(faults)) if faults else passed("no redirect and no server error in six requests")


@check(
    "A1-wall",
    "The server answers, not a firewall, a host list or a challenge page",
    source="Reported at firewalls and host lists in front of servers; MCP authorization 2026-07-28 (401 for a missing token)",
    fix="Exempt the MCP path, /.well-known/, registration and token endpoints from bot and firewall rules, and add the"
    " public host to the allowed hosts.",
)
async def no_wall(session: Session) -> Outcome:
    reply = (await challenged(session)).reply
    if reply.status in _WALL or (reply.is_html and not 300 <= reply.status < 400):
        return failed(f"a request of {session.profile.title} without a token: {reply.says()}")
    return passed(reply.says()) if reply.status else failed(reply.error)


async def _without_token(session: Session) -> dict[str, Reply]:
    modern, legacy = Mcp(session.wire, session.url), Mcp(session.wire, session.url, LEGACY)
    return {
        "server/discover": await modern.request("server/discover"),
        "initialize": (await legacy.initialize())[0],
        "tools/list": (await challenged(session)).reply,
    }


@check(
    "A2-status",
    "Requests without a token get 401",
    source="RFC 9728, section 5.1; MCP authorization 2026-07-28, error handling",
    fix="Answer every MCP request that lacks a token with 401 before it reaches the MCP library.",
)
async def unauthorized(session: Session) -> Outcome:
    if (await challenged(session)).open:
        return skipped("tools/list is open to everyone (mixed mode); the tools say what they need")
    found = {name: reply for name, reply in (await _without_token(session)).items() if reply.status != 401}
    if found:
        return failed("; ".join(f"{name}: {reply.says()}" for name, reply in found.items()))
    return passed("401 for server/discover, initialize and tools/list")


@check(
    "A2-challenge",
    "The 401 has a Bearer challenge that can be parsed",
    source="RFC 6750, section 3; RFC 9110, section 11.6.1; reported at n8n-mcp#604",
    fix='Send WWW-Authenticate: Bearer resource_metadata="…", scope="…" with every 401, behind every proxy.',
)
async def challenge(session: Session) -> Outcome:
    found = await challenged(session)
    if found.open:
        return skipped("tools/list is open to everyone (mixed mode)")
    if found.challenge is None:
        return failed(f"WWW-Authenticate: {found.reply.headers.get('www-authenticate', '(absent)')}")
    return passed(f"parameters {', '.join(found.challenge) or '(none)'}")


@check(
    "A2-pointer",
    "The challenge names the resource metadata",
    source="RFC 9728, section 5.1; reported at n8n-mcp#604",
    fix="Put resource_metadata with the absolute URL of the metadata into the challenge.",
)
async def pointer(session: Session) -> Outcome:
    found = await challenged(session)
    if found.challenge is None:
        return unseen("there is no challenge (A2-challenge)")
    named = found.challenge.get("resource_metadata", "")
    if not urlsplit(named).scheme:
        return failed(f"resource_metadata is {named or 'absent'}")
    return passed(named)


@check(
    "A2-scope",
    "The challenge names the scopes of a first sign-in",
    source="MCP authorization 2026-07-28 (scope in the challenge); reported at PrefectHQ/fastmcp#1794: clients then send an empty scope",
    fix="Add scope to the challenge, or at least scopes_supported to the resource metadata.",
)
async def challenged_scope(session: Session) -> Outcome:
    found = await challenged(session)
    if found.challenge is None:
        return unseen("there is no challenge (A2-challenge)")
    if found.challenge.get("scope"):
        return passed(found.challenge["scope"])
    listed = (await resource(session)).document.get("scopes_supported")
    if listed:
        return passed(f"no scope in the challenge, but scopes_supported {listed} in the resource metadata")
    return failed("no scope in the challenge and no scopes_supported in the resource metadata")


@check(
    "A2-get",
    "GET without a token gets the same 401 and challenge",
    source="Reported at n8n-mcp#604 and community.openai.com/t/1367543: after an idle time ChatGPT probes with GET and loops on 400 or 405",
    fix="Check the token before the method, so that GET is challenged like POST.",
)
async def get_challenged(session: Session) -> Outcome:
    if (await challenged(session)).open:
        return skipped("tools/list is open to everyone (mixed mode)")
    reply = await session.wire.send("GET", session.url, headers={"accept": "text/event-stream"})
    if reply.status != 401 or bearer_challenge(reply.headers.get("www-authenticate")) is None:
        return failed(f"{reply.says()}, WWW-Authenticate: {reply.headers.get('www-authenticate', '(absent)')}")
    return passed("401 with a challenge")


CHECKS: tuple[Check, ...] = (
    tls,
    port,
    http_version,
    no_redirect,
    no_wall,
    unauthorized,
    challenge,
    pointer,
    challenged_scope,
    get_challenged,
)
