"""What a process depends on, as checks: keys of who signs people in, store, Redis, and providers in the background.

Invariant: a check sends no credential and nothing of a request. Not here: when they run (``observability.health``).
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from gatelodge.core.clock import Clock
from gatelodge.observability.health import Check, Health, Kept
from gatelodge.outbound.client import Outbound, UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.ratelimit.limit import Limits
from gatelodge.ratelimit.windows import WindowsAway

if TYPE_CHECKING:
    from gatelodge.app.auditing import Auditing
    from gatelodge.app.identities import Identities
    from gatelodge.audit.trail import Trail
    from gatelodge.storage.database import Database

__all__ = ["issuer_check", "provider_checks", "redis_check", "server_health", "store_check"]

# Seconds between two looks at a provider: GitHub answers 60 requests an hour of an address without a token.
_RARELY = 180.0
_WORKS = 500
_LITTLE = 65_536


class Connected(Protocol):
    """A server's linked accounts."""

    @property
    def kept(self) -> "tuple[Database, Trail] | None":
        """The open database."""

    @property
    def outbound(self) -> Outbound | None:
        """The way to providers."""

    @property
    def providers(self) -> list[tuple[str, str]]:
        """Name and API of each."""

    @property
    def sessions_in_redis(self) -> bool:
        """Whether browsers' sessions need Redis."""


class Found(Protocol):
    """A source that keeps a copy."""

    @property
    def found(self) -> tuple[float, float]:
        """Age and latency."""


def issuer_check(warm: Callable[[], Awaitable[object]], source: Found, name: str = "keys") -> Check:
    """Whether keys or metadata are at hand that may be used; an outage that the copy outlives is none."""

    async def ask() -> Kept:
        await warm()
        return Kept(*source.found)

    return Check(name, ask, "authorization server")


def store_check(database: Callable[[], "Database | None"]) -> Check:
    """Whether the database answers; before it is open it does not."""

    async def ask() -> None:
        opened = database()
        if opened is None:
            raise UpstreamUnreachable("the database is not open")
        await opened.row("SELECT 1 AS answered")

    return Check("store", ask, "store")


def redis_check(limits: Limits, *, needed: bool) -> Check:
    """Whether Redis answers. Limits are counted in the process while it does not, sessions cannot be kept there."""

    async def ask() -> None:
        try:
            await limits.ping()
        except WindowsAway as error:
            raise UpstreamUnreachable(f"Redis does not answer: {error}") from error

    return Check("redis", ask, "redis", needed=needed)


def provider_checks(addresses: Iterable[tuple[str, str]], outbound: Callable[[], Outbound | None]) -> list[Check]:
    """Whether providers' APIs answer at all: name and base address of each. Any status below 500 does."""

    def check(name: str, address: str) -> Check:
        async def ask() -> None:
            client = outbound()
            if client is None:
                raise UpstreamUnreachable("the server is not started")
            answer = await client.request("HEAD", f"{address}/", headers={"user-agent": "gatelodge"}, max_bytes=_LITTLE)
            if answer.status >= _WORKS:
                raise UpstreamAnswerUnusable(f"{name}: status {answer.status}")

        return Check(name, ask, name, needed=False, every=_RARELY)

    return [check(name, address) for name, address in addresses]


def server_health(
    clock: Clock,
    known: "Identities",
    limits: Limits,
    audit: "Auditing | None",
    connected: Connected | None,
) -> Health:
    """The checks of a server that has these parts."""
    health = Health(clock)
    if known.sources:
        health.add(issuer_check(known.warm, known.sources[0]))
    if known.keys is not None and (access := known.access_keys) is not None:
        # Both sign people in: whoever comes by the one cannot be served with the keys of the other.
        health.add(issuer_check(access.warm, access, "access_keys"))
    if connected is not None:
        health.add(store_check(lambda: connected.kept[0] if connected.kept else None))
    elif audit is not None:
        health.add(store_check(lambda: audit.database))
    if limits.shared:
        health.add(redis_check(limits, needed=connected is not None and connected.sessions_in_redis))
    if connected is not None:
        health.add(*provider_checks(connected.providers, lambda: connected.outbound))
    return health
