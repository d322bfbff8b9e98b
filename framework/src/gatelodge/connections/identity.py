"""Whose account an access token is for: the provider's own identity call, made after the tokens are safe.

Invariant: the token goes to the configured API base only, and no redirect is followed.
"""

import asyncio
import json
from typing import Any

from gatelodge.connections.errors import ProviderLimited, ProviderUnavailable
from gatelodge.connections.grant import Account
from gatelodge.connections.registry import Configured
from gatelodge.connections.token_endpoint import TIMEOUT, retry_after
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound, UpstreamAnswerUnusable, UpstreamUnreachable

__all__ = ["read_account"]


async def read_account(outbound: Outbound, configured: Configured, access_token: Secret) -> Account:
    """The account behind a token. Raises: ProviderRefused, ProviderUnavailable, ProviderLimited."""
    api = _Api(outbound, configured, access_token)
    return await configured.provider.read_account(api)


class _Api:
    """A ``provider.AccountApi`` on the outbound client."""

    def __init__(self, outbound: Outbound, configured: Configured, access_token: Secret) -> None:
        self._outbound = outbound
        self._provider = configured.provider
        self._token = access_token

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a GET below the API base. Raises: ProviderUnavailable."""
        return await self._call("GET", path)

    async def post(self, path: str) -> tuple[int, Any]:
        """The same for a POST without a body."""
        return await self._call("POST", path)

    async def _call(self, method: str, path: str) -> tuple[int, Any]:
        name = self._provider.name
        headers = {
            "accept": "application/json",
            **self._provider.api_headers,
            "authorization": f"Bearer {self._token.reveal()}",
        }
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await self._outbound.request(method, self._provider.api_base + path, headers=headers)
        except TimeoutError as error:
            raise ProviderUnavailable(name, f"{path}: no answer within {TIMEOUT:g} s", sent=True) from error
        except UpstreamUnreachable as error:
            raise ProviderUnavailable(name, error.detail, sent=error.sent) from error
        except UpstreamAnswerUnusable as error:
            raise ProviderUnavailable(name, error.detail, sent=True) from error
        if answer.status == 429:
            raise ProviderLimited(name, f"{path}: rate limit", sent=True, retry_after=retry_after(answer))
        if answer.status >= 500:
            raise ProviderUnavailable(name, f"{path} answered {answer.status}", sent=True)
        try:
            return answer.status, json.loads(answer.body)
        except (ValueError, RecursionError):
            return answer.status, None
