"""How often one person may begin a link and come back from a provider, and how often an address may ask for either.

Invariant: the address is a wide backstop, for many people may share one; what is narrow counts for a person. Who comes back
without a session is nobody yet, and counts for the address alone.
"""

from typing import Self

from starlette.requests import Request

from gatelodge.ratelimit.address import caller
from gatelodge.ratelimit.config import LimitsConfig
from gatelodge.ratelimit.limit import Limit, Limits

__all__ = ["LinkLimits"]


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
