"""One whole link with the official client: discovery, registration, sign-in, token, tools/list, search, fetch.

Invariant: the client library does every OAuth step by itself (RFC 9728, 8414, 7591, 7636, 8707, 9207); this module only
signs in, watches and reports. Tokens stay in memory and end with the call; the registered client is the caller's to
remove, after success and after failure.
Not here: steps done wrong on purpose (``obtain``), removing the client (``ops.realm``).
"""

import ssl
from typing import Literal

import httpx2
from mcp import Client, MCPError
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic import AnyUrl

from gatelodge.core.clock import Clock, SystemClock
from gatelodge.core.errors import GatelodgeError
from gatelodge.ops.link.browser import ScriptedBrowser, SignInFailed
from gatelodge.ops.link.documents import first_id, read_document
from gatelodge.ops.link.quiet import quiet_wire
from gatelodge.ops.link.report import LinkFailed, LinkReport, Step, StepTimer
from gatelodge.ops.link.target import LOOPBACK_REDIRECT, LinkTarget
from gatelodge.ops.link.watch import Watch

__all__ = ["Era", "link"]

Era = Literal["modern", "legacy", "auto"]


async def link(
    target: LinkTarget,
    *,
    era: Era = "auto",
    clock: Clock | None = None,
    browser: ScriptedBrowser | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> LinkReport:
    """Link as a new client of ``target`` would, call search and fetch, and report.

    ``era``: ``modern`` speaks 2026-07-28 only, ``legacy`` the initialize handshake only, ``auto`` as clients choose.
    ``browser`` and ``transport`` replace the target's own browser and connection. Raises: LinkFailed.
    """
    watch = Watch(StepTimer(clock or SystemClock()), target.scopes)
    try:
        with quiet_wire():
            return await _run(target, era, watch, browser or target.browser(), transport)
    except (GatelodgeError, OAuthFlowError, MCPError, httpx2.HTTPError, OSError, ExceptionGroup) as error:
        cause = _leaf(error)
        if isinstance(cause, LinkFailed):
            step, found = cause.step, cause.found
        else:
            step, found = watch.step, watch.explain(cause)
        hint = cause.hint if isinstance(cause, GatelodgeError) else None
        raise LinkFailed(step, found, client_id=watch.client_id, hint=hint) from error


async def _run(
    target: LinkTarget,
    era: Era,
    watch: Watch,
    browser: ScriptedBrowser,
    connection: httpx2.AsyncBaseTransport | None,
) -> LinkReport:
    mode = LATEST_MODERN_VERSION if era == "modern" else era
    tls = ssl.create_default_context(cafile=str(target.ca_file) if target.ca_file else None)
    async with httpx2.AsyncClient(
        auth=_provider(target, watch, browser),
        verify=tls,
        transport=connection,
        timeout=target.timeout,
        trust_env=False,
        event_hooks={"request": [watch.on_request], "response": [watch.on_response]},
    ) as http:
        transport = streamable_http_client(target.mcp_url, http_client=http)
        async with Client(transport, mode=mode, read_timeout_seconds=target.timeout) as client:
            tools = await _tools(client)
            watch.timer.enter(Step.SEARCH)
            found = first_id(await client.call_tool("search", {"query": target.query}), target.query)
            watch.timer.enter(Step.FETCH)
            read_document(await client.call_tool("fetch", {"id": found}), found)
            version = client.protocol_version
    return LinkReport(
        client_id=watch.client_id or "",
        issuer=watch.issuer or "",
        scope=watch.scope or "",
        tools=tools,
        protocol_version=version,
        steps=watch.timer.finish(),
    )


async def _tools(client: Client) -> tuple[str, ...]:
    """The names of all tools; search and fetch must be among them. Raises: LinkFailed."""
    listed = await client.list_tools()
    names = tuple(tool.name for tool in listed.tools)
    if not {"search", "fetch"} <= set(names):
        raise LinkFailed(Step.TOOLS, f"the tools {', '.join(names) or '(none)'}")
    return names


def _provider(target: LinkTarget, watch: Watch, browser: ScriptedBrowser) -> OAuthClientProvider:
    """The official OAuth client, with a scripted browser in place of a person."""
    answers: list[AuthorizationCodeResult] = []

    async def open_page(url: str) -> None:
        watch.timer.enter(Step.SIGN_IN)
        callback = await browser.authorize(url)
        if callback.error or not callback.code:
            raise SignInFailed(f"the answer {callback.error or 'without a code'}: {callback.error_description or ''}")
        answers.append(AuthorizationCodeResult(code=callback.code, state=callback.state, iss=callback.iss))

    async def read_callback() -> AuthorizationCodeResult:
        return answers.pop()

    metadata = OAuthClientMetadata(
        client_name="gatelodge link check",
        redirect_uris=[AnyUrl(LOOPBACK_REDIRECT)],
        token_endpoint_auth_method="none",  # noqa: S106 - a public client
    )
    provider = OAuthClientProvider(target.mcp_url, metadata, watch, open_page, read_callback)
    watch.provider = provider
    return provider


def _leaf(error: BaseException) -> BaseException:
    """The first single error inside nested groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
