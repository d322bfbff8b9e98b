"""One refresh across processes: a lease with a fence on the row, the provider, the commit, and what failures mean.

Invariants: at most one process asks the provider for one connection; between the provider's answer and the commit there is
nothing, and no cancellation comes between; a link is called dead only after its row was read again. A refresh whose
answer was lost stays marked on its row with the time of the first such try, and is tried again, with pauses: within the
provider's leeway where it has one, else until the provider refuses. Then the link needs its user ("interrupted").

Not here: when to refresh, and sharing one refresh among callers of a process (``tokens``).
"""

import logging
import platform
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from gatelodge.audit.actor import SYSTEM
from gatelodge.connections.errors import GrantDead, ProviderMisconfigured, ProviderUnavailable
from gatelodge.connections.grant import Grant
from gatelodge.connections.holdoff import Holdoff
from gatelodge.connections.progress import Pair, Progress
from gatelodge.connections.reading import Reading
from gatelodge.connections.token_endpoint import TIMEOUT, TokenEndpoint
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.core.shielded import shielded
from gatelodge.observability.metrics import refreshed
from gatelodge.storage.errors import Conflict, StorageUnavailable
from gatelodge.vault.events import AnyTrail, about
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Opened, Record, RefreshLease, Status
from gatelodge.vault.store import TokenStore

__all__ = ["LEASE_SECONDS", "Pair", "Refresher", "new_holder"]

_LOG = logging.getLogger(__name__)

_COMMIT_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
# What the statements of one refresh may take together; with a database that is slower, the fence decides.
_STATEMENTS = 20.0
# Longer than both tokens (the stored one and the one before it) at the provider and the pauses of the commit take.
LEASE_SECONDS = 2 * TIMEOUT + sum(_COMMIT_WAITS) + _STATEMENTS
# Longer than the lease of a process that is gone.
_WAIT_SECONDS = LEASE_SECONDS + 15
_POLL = 0.05
_POLLS = 20
# Kept from the leeway, for the request's way and clocks that differ.
_LEEWAY_MARGIN = 30.0

Needed = Callable[[Opened], Sequence[Pair]]
Sleep = Callable[[float], Awaitable[None]]


def new_holder() -> str:
    """A name on leases, and in the audit trail: of this host, and of nobody else."""
    return f"{platform.node() or 'unnamed'}-{uuid.uuid4().hex[:12]}"


class Refresher:
    """Refreshes connections of the configured providers; ``holder`` names this process on leases."""

    def __init__(
        self,
        store: TokenStore,
        reading: Reading,
        endpoints: Mapping[str, TokenEndpoint],
        *,
        holdoff: Holdoff,
        trail: AnyTrail,
        clock: Clock,
        holder: str,
        sleep: Sleep,
    ) -> None:
        self._store = store
        self._reading = reading
        self._endpoints = endpoints
        self._holdoff = holdoff
        self._trail = trail
        self._clock = clock
        self._holder = holder
        self._sleep = sleep

    async def run(self, owner: Owner, needed: Needed, *, purpose: str) -> Opened:
        """Refresh what ``needed`` names, or wait for the process that does; the connection as it then is.

        Raises: ConnectionMissing, NeedsReauth, ProviderUnavailable, ProviderMisconfigured, StorageUnavailable.
        """
        progress, deadline = Progress(), self._clock.monotonic() + _WAIT_SECONDS
        while True:
            opened = await self._reading.usable(owner, purpose=purpose)
            pairs = [pair for pair in needed(opened) if pair not in progress.done]
            if not pairs:
                return opened
            lease = await self._store.begin_refresh(
                owner, opened.record.version, holder=self._holder, lease_seconds=LEASE_SECONDS
            )
            if lease is not None:
                await self._refresh(lease, opened, pairs, progress)
            elif self._clock.monotonic() > deadline:
                raise ProviderUnavailable(owner.provider, "another process does not end its refresh", sent=False)
            else:
                await self._wait(owner, opened.record)

    async def give_up(self, owner: Owner, version: int, reason: str) -> None:
        """Call a connection dead, unless it changed since ``version``."""
        lease = await self._store.begin_refresh(owner, version, holder=self._holder, lease_seconds=LEASE_SECONDS)
        if lease is not None:
            await self._end(lease, reason)

    async def _refresh(self, lease: RefreshLease, opened: Opened, pairs: Sequence[Pair], progress: Progress) -> None:
        """One request to the provider, and its outcome on the row."""
        pair, owner = pairs[0], lease.owner
        provider = self._reading.provider(owner)
        if provider.rotation.leeway and lease.interrupted_at is not None:
            left = lease.interrupted_at + provider.rotation.leeway - lease.began
            if left < _LEEWAY_MARGIN:
                await self._dead(lease, "interrupted")
                return
        try:
            grant = await self._grant(lease, opened, pair)
        except (ProviderUnavailable, ProviderMisconfigured) as error:
            self._holdoff.failed(owner, error)
            _LOG.warning("refresh at %s: %s", owner.provider, error.detail)
            refreshed(owner.provider, "failed")
            await self._end(lease, None, lost=isinstance(error, ProviderUnavailable) and error.sent)
            raise
        if grant is None:
            return
        expires_at = progress.expiry(opened, grant, pair, provider.credentials, self._clock.now())
        if await shielded(self._commit(lease, opened, pair, grant, expires_at)) is None:
            return
        progress.done.add(pair)
        self._holdoff.succeeded(owner)
        self._trail.note(about("connection.refresh", owner, SYSTEM), done=True)
        _LOG.info("refresh at %s: renewed", owner.provider)
        refreshed(owner.provider, "renewed")

    async def _grant(self, lease: RefreshLease, opened: Opened, pair: Pair) -> Grant | None:
        """The provider's answer; None when another process turned out to have renewed the connection."""
        endpoint, used = self._endpoints[lease.owner.provider], opened.secrets[pair[1]]
        try:
            return await endpoint.refresh(used)
        except GrantDead:
            fresh = await self._reading.usable(lease.owner, purpose="refresh: the row again")
            if fresh.secrets.get(pair[1]) != used:
                await self._end(lease, None)
                return None
        previous = self._previous(opened)
        if previous is not None:
            with suppress(GrantDead):
                return await endpoint.refresh(previous)
        await self._dead(lease, "refused" if lease.interrupted_at is None else "interrupted")
        return None

    def _previous(self, opened: Opened) -> Secret | None:
        """The refresh token before this one, as long as the provider's leeway lets it be used."""
        leeway = self._reading.provider(opened.record.owner).rotation.leeway - _LEEWAY_MARGIN
        at = opened.record.refreshed_at
        if at is None or self._clock.now() - at >= leeway:
            return None
        return opened.secrets.get("previous_refresh_token")

    async def _dead(self, lease: RefreshLease, reason: str) -> None:
        """Call the connection dead; ``run`` reads the row again and says so, unless somebody else renewed it."""
        _LOG.warning("refresh at %s: the account has to be linked again: %s", lease.owner.provider, reason)
        refreshed(lease.owner.provider, "dead")
        self._holdoff.succeeded(lease.owner)
        await self._end(lease, reason)
        self._trail.note(about("connection.refresh", lease.owner, SYSTEM, outcome="failed", rule=reason), done=True)

    async def _end(self, lease: RefreshLease, reason: str | None, *, lost: bool = False) -> None:
        """Give the lease back; with a reason, the connection is dead. A lease that was lost changes nothing.

        ``lost`` is of the provider's answer: the mark of an unfinished refresh stays.
        """
        status = None if reason is None else Status.NEEDS_REAUTH
        await self._store.abandon_refresh(lease, status=status, reason=reason, lost=lost)

    async def _commit(
        self, lease: RefreshLease, opened: Opened, pair: Pair, grant: Grant, expires_at: float | None
    ) -> Record | None:
        """Keep the new tokens; None when the row has others by now, has these already, or stayed another's.

        Raises: StorageUnavailable when that did not work for all tries.
        """
        provider = self._reading.provider(lease.owner)
        secrets, used = {pair[0]: grant.access_token}, opened.secrets[pair[1]]
        if grant.refresh_token is not None and grant.refresh_token != used:
            secrets[pair[1]] = grant.refresh_token
            if provider.rotation.leeway:
                secrets["previous_refresh_token"] = used
        # The link's scopes are those of its first credential.
        scopes = (grant.scopes or None) if pair == provider.credentials[0] else None
        ends, current, lost = opened.record.absolute_expires_at, lease, False
        for wait in (*_COMMIT_WAITS, None):
            try:
                held = await self._again(current, opened, pair, grant) if lost else current
                if held is None:
                    return None
                current = held
                return await self._store.finish_refresh(
                    current, secrets, expires_at=expires_at, absolute_expires_at=ends, scopes=scopes
                )
            except (StorageUnavailable, Conflict) as error:
                if wait is None:
                    await self._not_kept(current, error)
                    if isinstance(error, Conflict):
                        return None
                    raise
                lost = lost or (isinstance(error, Conflict) and not error.retryable)
            await self._sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _again(self, lease: RefreshLease, opened: Opened, pair: Pair, grant: Grant) -> RefreshLease | None:
        """The lease to go on with when one was lost, but nobody renewed the connection: what is in hand is newest."""
        fresh = await self._store.open(lease.owner, actor=SYSTEM, purpose="refresh: the lease was lost")
        if fresh is None or fresh.secrets.get(pair[0]) == grant.access_token:
            return None
        if fresh.secrets.get(pair[1]) != opened.secrets[pair[1]]:
            _LOG.warning("refresh at %s: another process was first", lease.owner.provider)
            return None
        version = fresh.record.version
        new = await self._store.begin_refresh(lease.owner, version, holder=self._holder, lease_seconds=LEASE_SECONDS)
        # Another that holds the row asks with a spent token: the row is tried again.
        return new or lease

    async def _not_kept(self, lease: RefreshLease, error: StorageUnavailable | Conflict) -> None:
        """The new tokens are lost. With leeway the old ones still work: the mark of an unfinished refresh stays."""
        _LOG.error("refresh at %s: the new tokens could not be kept: %s", lease.owner.provider, error.detail)
        refreshed(lease.owner.provider, "not_kept")
        if self._reading.provider(lease.owner).rotation.leeway:
            return
        try:
            await self._end(lease, "not_kept")
        except StorageUnavailable:
            # The mark of an unfinished refresh stays on the row, and the next start finds it.
            _LOG.error("refresh at %s: the row could not be marked either", lease.owner.provider)

    async def _wait(self, owner: Owner, seen: Record) -> None:
        """Until the process that holds the lease is done, or it is time to try for the lease again."""
        for _ in range(_POLLS):
            await self._sleep(_POLL)
            now = await self._store.look(owner)
            if now is None or now.refresh_until is None:
                return
            if (now.version, now.status) != (seen.version, seen.status):
                return
