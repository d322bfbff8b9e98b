"""Tokens by single steps, each of which the caller may do another way (OAuth 2.1, section 4.1).

Not here: the official client (``session``), the steps themselves (``oauth_steps``).
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.browser import CallbackParams, ScriptedBrowser
from gatelodge.ops.link.oauth_types import AuthorizationServer, OAuthRefused, Pkce, RegisteredClient, TokenSet
from gatelodge.ops.link.target import LOOPBACK_REDIRECT, LinkTarget
from gatelodge.outbound.client import Outbound

__all__ = ["Obtained", "obtain_tokens"]


@dataclass(frozen=True, slots=True)
class Obtained:
    """The tokens and what is needed to go on with them: refresh, reuse, remove the client."""

    server: AuthorizationServer
    client: RegisteredClient
    tokens: TokenSet
    callback: CallbackParams


async def obtain_tokens(
    target: LinkTarget,
    *,
    scopes: Iterable[str] | None = None,
    resource: str | None = None,
    send_resource: bool = True,
    client: RegisteredClient | None = None,
    body: Mapping[str, Any] | None = None,
    redirect_uri: str = LOOPBACK_REDIRECT,
    pkce_method: Literal["S256", "plain"] | None = "S256",
    browser: ScriptedBrowser | None = None,
    outbound: Outbound | None = None,
    extra: Mapping[str, str] | None = None,
) -> Obtained:
    """Discover, register (or use ``client``), sign in, exchange. Defaults do it right; every argument can break it.

    ``scopes`` default to the target's; ``resource`` to its MCP URL; ``extra`` goes to the authorization request.
    Raises: OAuthRefused (``step`` and ``error`` say where and why), SignInFailed, UpstreamUnreachable.
    """
    wire = outbound or target.outbound()
    try:
        server = await oauth_steps.discover(wire, target.mcp_url)
        if client is None:
            registration = oauth_steps.registration_body(redirect_uri) if body is None else body
            client = await oauth_steps.register(wire, server, registration)
        pkce = Pkce.new(pkce_method) if pkce_method else None
        sent_resource = (resource or target.mcp_url) if send_resource else None
        state = secrets.token_urlsafe(16)
        url = oauth_steps.authorize_url(
            server,
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            scopes=target.scopes if scopes is None else scopes,
            state=state,
            pkce=pkce,
            resource=sent_resource,
            extra=extra,
        )
        callback = await (browser or target.browser()).authorize(url)
        code = _granted(server, callback, state)
        tokens = await oauth_steps.exchange(
            wire, server, client, code=code, redirect_uri=redirect_uri, pkce=pkce, resource=sent_resource
        )
    finally:
        if outbound is None:
            await wire.aclose()
    return Obtained(server, client, tokens, callback)


def _granted(server: AuthorizationServer, callback: CallbackParams, state: str) -> str:
    """The code of an answer that is ours; `iss` is checked on refusals too (RFC 9207, section 2.4)."""
    description = callback.error_description
    if callback.iss != server.issuer:
        error, description = "iss_mismatch", "the answer carries no `iss`, or another one than the metadata's issuer"
    elif callback.state != state:
        error, description = "state_mismatch", "the answer carries another `state` than the request"
    elif callback.error or not callback.code:
        error = callback.error or "code_missing"
    else:
        return callback.code
    raise OAuthRefused("sign-in", http_status=302, error=error, description=description)
