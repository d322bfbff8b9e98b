"""The lease on one refresh of a connection, and its end: fenced, so that who was too slow changes nothing.

Invariants: between the provider's answer and the commit stands nothing but this one transaction; the audit event follows
it. A row that is not whole is refused before the provider is asked. On PostgreSQL a lease begins and ends by the
database's clock, read by the statement that takes it: the hosts' clocks may differ. SQLite is of one host, whose clock
counts. ``refresh_started_at`` is of the first refresh that may have been acted on, until one is stored.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from gatelodge.audit.actor import SYSTEM
from gatelodge.audit.event import Event
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.storage.database import Database
from gatelodge.storage.errors import Conflict
from gatelodge.vault import rows
from gatelodge.vault.aead import NotAuthentic
from gatelodge.vault.events import AnyTrail, about
from gatelodge.vault.owner import Owner
from gatelodge.vault.quarantine import Quarantine
from gatelodge.vault.records import Record, RefreshLease, Status, check_fields
from gatelodge.vault.retired import check_writer, write_sealed
from gatelodge.vault.sealing import Sealed, Sealing

__all__ = ["Refreshing"]

_HELD = "id = :id AND refresh_fence = :fence AND version = :version AND refresh_holder = :holder"
_FREE = "refresh_holder = NULL, refresh_until = NULL, refresh_started_at = NULL"
_GIVEN = "CAST(:now AS DOUBLE PRECISION)"
# Of the moment, not of the statement's begin: it may have waited for the row.
_DATABASES = "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
_BEGIN = (
    "UPDATE tokens SET refresh_holder = :holder, refresh_fence = refresh_fence + 1,"
    " refresh_started_at = COALESCE(refresh_started_at, {now}),"
    " refresh_until = {now} + CAST(:seconds AS DOUBLE PRECISION)"
    " WHERE id = :id AND version = :version AND refresh_fence = :fence AND status = :active"
    " AND quarantined_at IS NULL AND (refresh_until IS NULL OR refresh_until <= {now}) RETURNING refresh_until"
)
_FINISH = (
    "UPDATE tokens SET version = :next, status = :status, reason = NULL, expires_at = :expires_at,"  # noqa: S608 - constants
    f" absolute_expires_at = :absolute, scopes = :scopes, refreshed_at = :now, {_FREE} WHERE {_HELD}"
)
_NAME = (
    "UPDATE tokens SET version = :next, account_id = :account_id, account_name = :account_name, extra = :extra,"  # noqa: S608 - constants
    " updated_at = :now, refresh_holder = NULL, refresh_until = NULL, refresh_started_at = :interrupted"
    f" WHERE {_HELD}"
)
# A new fence: who read the row before this sees that it is not the same any more.
_ABANDON = (
    "UPDATE tokens SET refresh_holder = NULL, refresh_until = NULL, refresh_fence = refresh_fence + 1,"  # noqa: S608 - constants
    " {mark} status = COALESCE(:status, status), reason = COALESCE(:reason, reason), updated_at = :now"
    f" WHERE {_HELD} RETURNING *"
)


class Refreshing:
    """Leases of refreshes in the rows themselves."""

    def __init__(
        self,
        db: Database,
        sealing: Sealing,
        trail: AnyTrail,
        clock: Clock,
        quarantine: Quarantine,
        *,
        lease_clock: Clock | None = None,
    ) -> None:
        self._db, self._sealing, self._trail, self._clock = db, sealing, trail, clock
        self._quarantine = quarantine
        self._lease_clock = clock if lease_clock is None and db.dialect == "sqlite" else lease_clock

    async def begin(self, owner: Owner, version: int, *, holder: str, seconds: float) -> RefreshLease | None:
        """Take the lease, or None when another holds it or the connection is no longer the one that was seen."""
        async with self._db.reading() as tx:
            # The provider is asked only by who can keep its answer.
            await check_writer(tx, self._sealing)
            before = await rows.read(tx, owner)
        if before is None or before.record.quarantined_at is not None:
            return None
        # The provider is asked only for what can be kept.
        await self._opened(before.record, before.sealed, holder)
        given = {} if self._lease_clock is None else {"now": self._lease_clock.now()}
        async with self._db.transaction() as tx:
            row = await tx.one(
                _BEGIN.format(now=_GIVEN if given else _DATABASES),
                holder=holder,
                seconds=seconds,
                id=before.record.id,
                version=version,
                fence=before.fence,
                active=Status.ACTIVE.value,
                **given,
            )
        if row is None:
            return None
        fence, until = before.fence + 1, float(row["refresh_until"])
        interrupted = before.record.refresh_started_at
        return RefreshLease(owner, before.record.id, version, fence, holder, until, interrupted, until - seconds)

    async def finish(
        self,
        lease: RefreshLease,
        secrets: Mapping[str, Secret],
        *,
        expires_at: float | None,
        absolute: float | None,
        scopes: frozenset[str] | None,
    ) -> Record:
        """Store what the provider gave and end the lease."""
        check_fields(secrets)
        stored = await self._held(lease)
        before = await self._opened(stored.record, stored.sealed, lease.holder)
        before.pop("previous_refresh_token", None)
        now = self._clock.now()
        record = replace(
            stored.record,
            status=Status.ACTIVE,
            reason=None,
            version=lease.version + 1,
            expires_at=expires_at,
            absolute_expires_at=stored.record.absolute_expires_at if absolute is None else absolute,
            scopes=stored.record.scopes if scopes is None else scopes,
            refreshed_at=now,
            refresh_started_at=None,
            refresh_until=None,
        )
        async with self._db.transaction() as tx:
            # Changing the row first locks it: a rotation of its data key is over, or waits.
            if not await tx.execute(_FINISH, **_changed(record), **_of(lease), now=now):
                raise _lost(lease)
            await write_sealed(tx, self._sealing, record, {**before, **secrets}, now)
        # Never an error: the old refresh token is spent, and the new pair is kept.
        self._trail.note(
            about("vault.refresh", record.owner, SYSTEM, version=record.version, by=lease.holder), done=True
        )
        return record

    async def name(
        self, lease: RefreshLease, account_id: str, account_name: str | None, extra: Mapping[str, str]
    ) -> Record:
        """Say whose account the connection is for: the same secrets, sealed anew with it, and the end of the lease."""
        stored = await self._held(lease)
        secrets = await self._opened(stored.record, stored.sealed, lease.holder)
        record = replace(
            stored.record,
            version=lease.version + 1,
            account_id=account_id,
            account_name=account_name,
            extra=dict(extra),
            refresh_started_at=lease.interrupted_at,
            refresh_until=None,
        )
        now = self._clock.now()
        async with self._db.transaction() as tx:
            given: dict[str, object] = {"next": record.version, "account_id": account_id, "account_name": account_name}
            given["interrupted"] = lease.interrupted_at
            text = json.dumps(dict(extra), sort_keys=True)
            if not await tx.execute(_NAME, **given, extra=text, now=now, **_of(lease)):
                raise _lost(lease)
            await write_sealed(tx, self._sealing, record, secrets, now)
            await self._trail.record(_marked(lease, record.status, "account named"), tx=tx)
        return record

    async def abandon(self, lease: RefreshLease, status: Status | None, reason: str | None, *, lost: bool) -> None:
        """End the lease without new secrets; ``lost`` keeps the mark of a refresh that may have been acted on."""
        # Begun by this lease, the mark goes; an earlier one's is not this one's to take away.
        keeps = status is None and (lost or lease.interrupted_at is not None)
        async with self._db.transaction() as tx:
            row = await tx.one(
                _ABANDON.format(mark="" if keeps else "refresh_started_at = NULL,"),
                status=status and status.value,
                reason=reason,
                now=self._clock.now(),
                **_of(lease),
            )
            if row is not None and status is not None:
                await self._trail.record(_marked(lease, status, reason), tx=tx)

    async def _held(self, lease: RefreshLease) -> rows.Stored:
        async with self._db.reading() as tx:
            stored = await rows.read_by_id(tx, lease.connection)
        if stored is None or (stored.record.version, stored.fence) != (lease.version, lease.fence):
            raise _lost(lease)
        return stored

    async def _opened(self, record: Record, sealed: Sealed | None, holder: str) -> dict[str, Secret]:
        try:
            return await self._sealing.opened(record, sealed)
        except NotAuthentic as error:
            raise await self._quarantine.keep_out(record, error, SYSTEM, by=holder) from None


def _marked(lease: RefreshLease, status: Status, reason: str | None) -> Event:
    return about("vault.mark", lease.owner, SYSTEM, status=status.value, reason=reason, by=lease.holder)


def _lost(lease: RefreshLease) -> Conflict:
    return Conflict(f"the refresh of {lease.owner.shown} took too long: another one took its place, or it was unlinked")


def _changed(record: Record) -> dict[str, object]:
    return {
        "next": record.version,
        "status": record.status.value,
        "expires_at": record.expires_at,
        "absolute": record.absolute_expires_at,
        "scopes": json.dumps(sorted(record.scopes)),
    }


def _of(lease: RefreshLease) -> dict[str, object]:
    return {"id": lease.connection, "fence": lease.fence, "version": lease.version, "holder": lease.holder}
