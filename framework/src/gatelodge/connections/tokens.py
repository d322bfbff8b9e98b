"""Access tokens of linked accounts, renewed when they are due: what the proxy and the tool packs use.

Invariants: a caller gets an access token and never a refresh token; many callers make one refresh; a token that is still
good is used while its provider is down; a refused token leads to at most one refresh.

Not here: the refresh itself (``refresh``), how an account is linked (``linking``).
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from gatelodge.audit.actor import SYSTEM, of_user
from gatelodge.connections.errors import (
    NeedsReauth,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from gatelodge.connections.flights import Flights
from gatelodge.connections.holdoff import Holdoff
from gatelodge.connections.reading import Reading
from gatelodge.connections.refresh import Needed, Pair, Refresher, Sleep, new_holder
from gatelodge.connections.registry import Registry
from gatelodge.connections.sweep import Swept, sweep
from gatelodge.connections.timing import due, lasts
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.vault.events import AnyTrail
from gatelodge.vault.owner import SERVICE, Owner
from gatelodge.vault.records import Opened, Record
from gatelodge.vault.store import TokenStore

__all__ = ["AccessToken", "AccessTokens"]

# Seconds in which a second refusal is not answered with another refresh: the provider means something else by it.
_JUST_NOW = 30.0


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token for calls; ``extra`` is what the provider's calls need besides (``cloud_id``, ``team_id``)."""

    value: Secret
    owner: Owner
    account_id: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    expires_at: float | None = None
    scopes: frozenset[str] = frozenset()


class AccessTokens:
    """Access tokens by owner. ``endpoints`` has one entry for each configured OAuth provider."""

    def __init__(
        self,
        store: TokenStore,
        registry: Registry,
        endpoints: Mapping[str, TokenEndpoint],
        trail: AnyTrail,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
        sleep: Sleep = asyncio.sleep,
        holder: str | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._jitter = jitter
        self._holdoff = Holdoff(clock)
        self.reading = Reading(store, registry)
        self.refresher = Refresher(
            store,
            self.reading,
            endpoints,
            holdoff=self._holdoff,
            trail=trail,
            clock=clock,
            holder=holder or new_holder(),
            sleep=sleep,
        )
        self._flights = Flights[Owner, Opened]()

    async def access(
        self, owner: Owner, *, purpose: str, credential: str = "access_token", actor: str | None = None
    ) -> AccessToken:
        """A token that is good now; ``credential`` names another of the link's (Slack: ``user_access_token``).

        ``actor`` is who asks, for the audit trail: the owner, unless another does so on the owner's behalf.
        Raises: ConnectionMissing, NeedsReauth, ProviderUnavailable, ProviderMisconfigured.
        """
        opened = await self.reading.usable(owner, purpose=purpose, actor=actor or _actor(owner))
        if self.stale(opened):
            opened = await self._renew(opened, self.stale, purpose)
        elif opened.record.expires_at is not None and self._clock.now() >= opened.record.expires_at:
            await self._give_up(opened.record, "expired")
        return await self._token(opened, credential)

    async def renewed(
        self,
        owner: Owner,
        rejected: Secret,
        *,
        purpose: str,
        credential: str = "access_token",
        actor: str | None = None,
    ) -> AccessToken:
        """A token other than ``rejected``, which the provider answered with 401; refreshed only if it is still stored.

        Raises: ConnectionMissing, NeedsReauth, ProviderUnavailable, ProviderMisconfigured, ProviderRefused.
        """

        def needed(opened: Opened) -> Sequence[Pair]:
            return [pair for pair in self._pairs(opened) if opened.secrets[pair[0]] == rejected]

        opened = await self.reading.usable(owner, purpose=purpose, actor=actor or _actor(owner))
        if needed(opened):
            at = opened.record.refreshed_at
            if at is not None and self._clock.now() - at < _JUST_NOW:
                raise ProviderRefused(owner.provider, "a token that was just renewed is refused")
            opened = await self.refresh(owner, needed, purpose=purpose)
        elif rejected in opened.secrets.values():
            await self._give_up(opened.record, "rejected")
        return await self._token(opened, credential)

    async def refresh(self, owner: Owner, needed: Needed, *, purpose: str) -> Opened:
        """Refresh what ``needed`` names, together with whoever does so already. Raises: as ``access``."""
        if (paused := self._holdoff.reason(owner)) is not None:
            raise paused
        opened = await self._fly(owner, needed, purpose)
        # What was in flight may have been for another reason.
        return await self._fly(owner, needed, purpose) if needed(opened) else opened

    async def sweep(self) -> Swept:
        """Finish what was left unfinished, and renew what would die of disuse: at start, and once a day."""
        return await sweep(self._store, self.reading, self.refresh, self._pairs, self._clock)

    async def finish(self) -> Swept:
        """Try refreshes again whose answer was lost, by a fault or with a process: every minute, for leeways are short."""
        return await sweep(self._store, self.reading, self.refresh, self._pairs, self._clock, unfinished_only=True)

    async def aclose(self) -> None:
        """Wait for what is in flight: ended half-way, it could lose what a provider already gave."""
        await self._flights.aclose()

    def stale(self, opened: Opened) -> Sequence[Pair]:
        """What has to be renewed: near its end, or left unfinished by a process that is gone."""
        record = opened.record
        if record.refresh_started_at is None and not due(record, self._clock.now(), self._jitter()):
            return []
        return self._pairs(opened)

    def _pairs(self, opened: Opened) -> list[Pair]:
        """The pairs of this link that can be renewed."""
        pairs = self.reading.provider(opened.record.owner).credentials
        return [pair for pair in pairs if pair[0] in opened.secrets and pair[1] in opened.secrets]

    def _fly(self, owner: Owner, needed: Needed, purpose: str) -> "asyncio.Future[Opened]":
        work = self._flights.join(owner, lambda: self.refresher.run(owner, needed, purpose=purpose))
        return asyncio.ensure_future(work)

    async def _renew(self, opened: Opened, needed: Needed, purpose: str) -> Opened:
        record = opened.record
        if record.absolute_expires_at is not None and self._clock.now() >= record.absolute_expires_at:
            await self._give_up(record, "ended")
        try:
            return await self.refresh(record.owner, needed, purpose=purpose)
        except (ProviderUnavailable, ProviderMisconfigured):
            # The provider's token endpoint is down, not its API; while somebody else's refresh is under way the old
            # token may end at any moment.
            if record.refresh_until is None and lasts(record, self._clock.now()):
                return opened
            raise

    async def _give_up(self, record: Record, reason: str) -> NoReturn:
        await self.refresher.give_up(record.owner, record.version, reason)
        raise NeedsReauth(record.owner.provider, reason)

    async def _token(self, opened: Opened, credential: str) -> AccessToken:
        record, provider = opened.record, self.reading.provider(opened.record.owner)
        if provider.kind == "api_token":
            credential = "api_token"
        value = opened.secrets.get(credential)
        if value is None:
            # No other token of the link stands in for the user's own.
            await self._give_up(record, "incomplete")
        # The record's scopes are those of the first credential.
        others = {access for access, _ in provider.credentials[1:]}
        scopes = frozenset[str]() if credential in others else record.scopes
        return AccessToken(value, record.owner, record.account_id, record.extra, record.expires_at, scopes)


def _actor(owner: Owner) -> str:
    return SYSTEM if owner.tenant == SERVICE else of_user(owner.tenant, owner.user)
