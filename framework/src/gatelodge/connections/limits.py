"""How often one person may begin a link and come back from a provider, and how often an address may ask for either; and
what an API route asks of the limits that it shares with the MCP endpoint.

Invariant: the address is a wide backstop, for many people may share one; what is narrow counts for a person. Who comes back
without a session is nobody yet, and counts for the address alone.
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol, Self

from starlette.requests import Request
from starlette.types import Scope

from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.ratelimit.address import caller
from gatelodge.ratelimit.config import LimitsConfig
from gatelodge.ratelimit.limit import Limit, Limits
from gatelodge.resource_server.bearer import CredentialsMalformed
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.identity import Identity

__all__ = ["CallerLimits", "LinkLimits", "identified"]


class CallerLimits(Protocol):
    """Limits of a caller, in the same windows as those of the MCP endpoint. Both raise LimitReached."""

    async def failed(self, scope: Scope, error: GatelodgeError) -> None:
        """Credentials were refused: count it for the address; raises in place of the refusal where it was one too many."""

    def call(self, scope: Scope, principal: Principal, endpoint: str) -> AbstractAsyncContextManager[None]:
        """A call of an ``endpoint`` (method and path template) is counted, and runs while the block lasts."""


async def identified(scope: Scope, identity: Identity, limits: CallerLimits | None) -> Principal | None:
    """The caller by token; None without one. Raises: as ``identity``; LimitReached."""
    try:
        return await identity.identify(scope)
    except (TokenRejected, CredentialsMalformed) as error:
        if limits is not None:
            await limits.failed(scope, error)
        raise


class LinkLimits:
    """The limits of one server's linked accounts. Every method raises LimitReached."""

    def __init__(self, begun: Limit, returned: Limit, addresses: Limit, proxies: frozenset[str]) -> None:
        self._begun, self._returned, self._addresses, self._proxies = begun, returned, addresses, proxies

    @classmethod
    def of(cls, config: LimitsConfig, limits: Limits) -> Self:
        """As the settings say."""
        links = "If this is a real user, raise GATELODGE_LIMIT_LINKS."
        many = "If many people share this address, raise GATELODGE_LIMIT_LINKS_BY_ADDRESS."
        return cls(
            limits.limit("links", config.links, hint=links),
            limits.limit("link-returns", config.links, hint=links),
            limits.limit("links-by-address", config.links_by_address, hint=many),
            config.trusted_proxies,
        )

    async def asked(self, request: Request) -> None:
        """Count a request for its address."""
        await self._addresses.take(caller(request.scope, self._proxies))

    async def begun(self, issuer: str, subject: str) -> None:
        """Count the beginning of a link."""
        await self._begun.take(issuer, subject)

    async def returned(self, issuer: str, subject: str) -> None:
        """Count a return from a provider."""
        await self._returned.take(issuer, subject)
