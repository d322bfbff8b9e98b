"""Whose account a link is for, found out later where the identity call failed at the link.

Invariants: a name is given only to the tokens it was asked with, under the lease of a refresh; each link is tried once a
minute at most in a process, and the page that shows it waits a few seconds at most. Not here: linking (``linking``).
"""

import asyncio
import logging
from collections.abc import Sequence

from gatelodge.connections.errors import ConnectionMissing, NeedsReauth
from gatelodge.connections.grant import Account
from gatelodge.connections.identity import read_account
from gatelodge.connections.refresh import LEASE_SECONDS, new_holder
from gatelodge.connections.registry import Registry
from gatelodge.connections.tokens import AccessTokens
from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.shielded import shielded
from gatelodge.outbound.client import Outbound
from gatelodge.storage.errors import Conflict
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Record, Status
from gatelodge.vault.store import TokenStore

__all__ = ["Naming"]

_LOG = logging.getLogger(__name__)
# Seconds.
_PAUSE = 60.0
_PATIENCE = 5.0
_MAX_REMEMBERED = 10_000


class Naming:
    """Names the accounts of links that have none."""

    def __init__(
        self, store: TokenStore, tokens: AccessTokens, registry: Registry, outbound: Outbound, clock: Clock
    ) -> None:
        self._store, self._tokens, self._registry = store, tokens, registry
        self._outbound, self._clock = outbound, clock
        self._tried: dict[str, float] = {}

    async def complete(self, records: Sequence[Record]) -> bool:
        """Try those that have no account; whether any has one now. Raises nothing for a provider that fails."""
        due = [record for record in records if self._due(record)]
        found = await asyncio.gather(*(self._one(record) for record in due))
        return any(found)

    async def sweep(self) -> int:
        """Try all links that have no account, one after the other; how many have one now. Raises: StorageUnavailable."""
        return sum([await self.complete([record]) for record in await self._store.list(status=Status.ACTIVE)])

    def _due(self, record: Record) -> bool:
        """Whether it lacks an account and was not tried a moment ago; then it counts as tried."""
        name, usable = record.owner.provider, record.status is Status.ACTIVE and record.quarantined_at is None
        if record.account_id or record.account_name or not usable or not self._registry.configured(name):
            return False
        if self._registry.get(name).provider.kind != "oauth":
            return False
        now = self._clock.monotonic()
        if now - self._tried.get(record.id, now - _PAUSE) < _PAUSE:
            return False
        if len(self._tried) >= _MAX_REMEMBERED:
            self._tried.clear()
        self._tried[record.id] = now
        return True

    async def _one(self, record: Record) -> bool:
        owner = record.owner
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._named(owner)
        except TimeoutError:
            _LOG.warning("account at %s: whose it is was not said in %g s", owner.provider, _PATIENCE)
        except (ConnectionMissing, NeedsReauth, Conflict):
            # Unlinked, or dead: the page says so.
            return False
        except GatelodgeError as error:
            _LOG.warning("account at %s: whose it is could not be read: %s", owner.provider, error.detail)
        return False

    async def _named(self, owner: Owner) -> bool:
        token = await self._tokens.access(owner, purpose="whose account it is")
        account = await read_account(self._outbound, self._registry.get(owner.provider), token.value)
        opened = await self._tokens.reading.usable(owner, purpose="whose account it is")
        if token.value not in opened.secrets.values():
            # Linked again or renewed meanwhile; maybe another person's account.
            return False
        # Once begun it ends: a lease that is left behind looks like a refresh that was cut off.
        return await shielded(self._keep(opened.record, account))

    async def _keep(self, record: Record, account: Account) -> bool:
        lease = await self._store.begin_refresh(
            record.owner, record.version, holder=new_holder(), lease_seconds=LEASE_SECONDS
        )
        if lease is None:
            return False
        extra = {**account.extra, **record.extra}
        name = account.name or record.account_name
        await self._store.name_account(lease, account_id=account.id, account_name=name, extra=extra)
        _LOG.info("account at %s: named after its link", record.owner.provider)
        return True
