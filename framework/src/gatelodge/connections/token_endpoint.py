"""Requests to a provider's token endpoint (RFC 6749, sections 4.1.3, 5 and 6; RFC 7636, section 4.5).

Invariants: a request of which bytes may have been sent is never sent again, for a rotating provider may have acted on it;
the body of an answer counts before its status, for some providers refuse with 200. No error holds what was sent.

Not here: when to refresh and what becomes of the link (``tokens``).
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from gatelodge.connections.errors import (
    CodeRefused,
    GrantDead,
    ProviderLimited,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from gatelodge.connections.grant import Grant, UnusableGrant
from gatelodge.connections.provider import TokenRequest
from gatelodge.connections.registry import Configured
from gatelodge.core.secret import Secret
from gatelodge.observability.metrics import oauth_counted
from gatelodge.outbound.client import Answer, Began, Outbound, UpstreamAnswerUnusable, UpstreamUnreachable

__all__ = ["TIMEOUT", "TokenEndpoint", "read_answer", "retry_after"]

_DAY = 86_400.0
# The lease of a refresh is made longer than this (``refresh.LEASE_SECONDS``).
TIMEOUT = 10.0
_MAX_BYTES = 1 << 16


class TokenEndpoint:
    """One provider's token endpoint with our client; ``timeout`` is in seconds, of a whole exchange with both its tries."""

    def __init__(self, outbound: Outbound, configured: Configured, *, timeout: float = TIMEOUT) -> None:
        self._outbound = outbound
        self._configured = configured
        self._timeout = timeout

    async def exchange(self, code: str, *, verifier: str | None, redirect_uri: str) -> Grant:
        """Tokens for an authorization code.

        Raises: CodeRefused, ProviderMisconfigured, ProviderUnavailable, ProviderLimited.
        """
        provider = self._configured.provider
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if provider.pkce and verifier is not None:
            fields["code_verifier"] = verifier
        with oauth_counted("code", provider.name):
            grant = read_answer(self._configured, await self._post(fields), "code")
        days = provider.absolute_days
        return grant if days is None else replace(grant, absolute_expires_in=days * _DAY)

    async def refresh(self, refresh_token: Secret) -> Grant:
        """New tokens; ``refresh_token`` of the result is None where the old one stays.

        Raises: GrantDead, ProviderMisconfigured, ProviderUnavailable, ProviderLimited.
        """
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
        with oauth_counted("refresh", self._configured.provider.name):
            return read_answer(self._configured, await self._post(fields), "refresh")

    async def revoke(self, access_token: Secret) -> bool:
        """Give a token back; False where the provider has no way to or did not confirm.

        Raises: ProviderUnavailable.
        """
        provider, client = self._configured.provider, self._configured.config
        way = provider.revocation
        if way is None:
            return False
        secret = access_token.reveal()
        headers = {**provider.api_headers, "authorization": self._basic() if way.client else f"Bearer {secret}"}
        url = provider.api_base + way.path.replace("{client_id}", quote(client.client_id, safe=""))
        content = None
        if way.member is not None:
            headers["content-type"] = "application/json"
            content = json.dumps({way.member: secret}).encode()
        answer = await self._send(way.method, url, headers, content)
        return answer.status < 300 and _object(answer).get("ok") is not False

    async def _post(self, fields: dict[str, str]) -> Answer:
        provider, client = self._configured.provider, self._configured.config
        # Closed afterwards: a connection that dies while it waits would leave a refresh with no one's word on it.
        headers = {"accept": "application/json", "connection": "close"}
        if "user-agent" in provider.api_headers:
            headers["user-agent"] = provider.api_headers["user-agent"]
        if "notion-version" in provider.api_headers:
            headers["notion-version"] = provider.api_headers["notion-version"]
        if provider.client_auth == "basic":
            headers["authorization"] = self._basic()
        else:
            fields = {**fields, "client_id": client.client_id, "client_secret": self._configured.client_secret()}
        if provider.body == "json":
            headers["content-type"], content = "application/json", json.dumps(fields).encode()
        else:
            headers["content-type"], content = "application/x-www-form-urlencoded", urlencode(fields).encode()
        return await self._send("POST", provider.token_url, headers, content)

    async def _send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        """One request; a second try only when no connection came about."""
        name, began = self._configured.provider.name, Began()
        try:
            async with asyncio.timeout(self._timeout):
                for last in (False, True):
                    try:
                        return await self._outbound.request(
                            method, url, headers=headers, content=content, max_bytes=_MAX_BYTES, began=began
                        )
                    except UpstreamUnreachable as error:
                        if error.sent or last:
                            raise ProviderUnavailable(name, error.detail, sent=error.sent) from error
                    except UpstreamAnswerUnusable as error:
                        raise ProviderUnavailable(name, error.detail, sent=True) from error
        except TimeoutError as error:
            detail = f"no whole answer within {self._timeout:g} s"
            raise ProviderUnavailable(name, detail, sent=began.yes) from error
        raise AssertionError("the second try returns or raises")

    def _basic(self) -> str:
        """RFC 6749, section 2.3.1: both parts are form-encoded before they are joined."""
        pair = f"{quote_plus(self._configured.config.client_id)}:{quote_plus(self._configured.client_secret())}"
        return f"Basic {b64encode(pair.encode()).decode()}"


def read_answer(configured: Configured, answer: Answer, asked: TokenRequest) -> Grant:
    """Tokens, or what the refusal means. Raises: as ``TokenEndpoint.exchange`` and ``refresh``.

    What a refusal, a limit or a 503 (RFC 9110, section 15.6.4) was the answer to was not acted on. Behind any other 5xx
    something may have been: a gateway that lost the answer says 502 or 504.
    """
    provider = configured.provider
    body = _object(answer)
    error, description = body.get("error"), body.get("error_description")
    if answer.status == 429:
        raise ProviderLimited(provider.name, "rate limit", sent=False, retry_after=retry_after(answer))
    if answer.status >= 500:
        detail, acted = f"the token endpoint answered {answer.status}", answer.status != 503
        raise ProviderUnavailable(provider.name, detail, sent=acted, retry_after=retry_after(answer))
    if isinstance(error, str) and error:
        _refuse(configured, answer, error[:80], description if isinstance(description, str) else "", asked)
    if not 200 <= answer.status < 300 or body.get("ok") is False:
        detail = f"the token endpoint answered {answer.status} without a reason"
        raise ProviderUnavailable(provider.name, detail, sent=False)
    try:
        return provider.read_grant(body)
    except UnusableGrant as unusable:
        detail = f"the answer with status {answer.status} cannot be used: {unusable}"
        raise ProviderUnavailable(provider.name, detail, sent=True) from unusable


def _refuse(configured: Configured, answer: Answer, error: str, description: str, asked: TokenRequest) -> None:
    provider, name = configured.provider, configured.provider.name
    # The provider's words go into our log: only what an error code may hold (RFC 6749, section 5.2).
    shown = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "_-.") else "?" for sign in error)
    outcome = provider.outcomes.of(error, description, asked)
    if outcome == "dead":
        raise GrantDead(name, shown)
    if outcome == "code":
        raise CodeRefused(name, f"the code is refused with {shown}")
    if outcome == "ours":
        hint = (
            f"Compare GATELODGE_{name.upper()}_CLIENT_ID, its secret and the callback URL with {provider.secret_from}"
        )
        raise ProviderMisconfigured(name, f"the token endpoint refuses our client with {shown}", hint=hint)
    if error == "ratelimited":
        raise ProviderLimited(name, "rate limit", sent=False, retry_after=retry_after(answer))
    detail = f"the token endpoint answered {answer.status} with {shown}"
    raise ProviderUnavailable(name, detail, sent=False, retry_after=retry_after(answer))


def retry_after(answer: Answer) -> float | None:
    """Seconds that the answer asks to wait (RFC 9110, section 10.2.3), at most an hour; dates are not read."""
    value = answer.headers.get("retry-after", "")
    return min(float(value), 3600.0) if value.isascii() and value.isdecimal() else None


def _object(answer: Answer) -> dict[str, Any]:
    try:
        return answer.json_object()
    except UpstreamAnswerUnusable:
        return {}
