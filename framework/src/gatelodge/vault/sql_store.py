"""The token store on SQLite and PostgreSQL.

Invariants: a change and its audit event are one transaction; a row that does not open is quarantined and no longer tried,
unless only its key was missing; no statement is given a secret that is not sealed. Not here: how values are sealed
(``sealing``), leases of a refresh (``refreshing``), keys that change (``rotation``).
"""

import json
import uuid
from collections.abc import Callable, Mapping

from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.storage.database import Database
from gatelodge.vault import rows
from gatelodge.vault.aead import NotAuthentic
from gatelodge.vault.errors import VaultKeyUnusable
from gatelodge.vault.events import AnyTrail, about
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.owner import Owner
from gatelodge.vault.quarantine import Quarantine
from gatelodge.vault.records import Opened, Record, RefreshLease, Status, check_fields
from gatelodge.vault.refreshing import Refreshing
from gatelodge.vault.retired import check_start, write_sealed
from gatelodge.vault.rotation import Rotation
from gatelodge.vault.sealing import Sealing
from gatelodge.vault.store import NamedSecrets

__all__ = ["SqlTokenStore"]

_OWNED = "tenant = :tenant AND user_id = :user AND service = :service"
_PUT = """
INSERT INTO tokens (id, tenant, user_id, service, status, account_id, account_name, scopes, extra, expires_at,
                    absolute_expires_at, created_at, updated_at, version, refresh_fence)
VALUES (:id, :tenant, :user, :service, 'active', :account_id, :account_name, :scopes, :extra, :expires_at,
        :absolute_expires_at, :now, :now, 1, 0)
ON CONFLICT (tenant, user_id, service) DO UPDATE SET
    status = excluded.status, reason = NULL, account_id = excluded.account_id, account_name = excluded.account_name,
    scopes = excluded.scopes, extra = excluded.extra, expires_at = excluded.expires_at,
    absolute_expires_at = excluded.absolute_expires_at, created_at = excluded.created_at,
    updated_at = excluded.updated_at, refreshed_at = NULL, version = tokens.version + 1, refresh_fence = tokens.refresh_fence + 1, refresh_holder = NULL,
    refresh_started_at = NULL, refresh_until = NULL, quarantined_at = NULL, quarantine_reason = NULL
RETURNING *
"""


class SqlTokenStore(NamedSecrets):
    """Connections in a database whose migrations are applied; see ``store.TokenStore`` for what each method does."""

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        trail: AnyTrail,
        clock: Clock,
        *,
        reload: Callable[[], Keyring] | None = None,
        lease_clock: Clock | None = None,
    ) -> None:
        """``lease_clock`` says when leases of refreshes end; without it PostgreSQL's own, so that hosts may differ."""
        self._db, self._trail, self._clock = db, trail, clock
        self._sealing = Sealing(keyring, reload=reload)
        self._quarantine = Quarantine(db, trail, clock)
        self._refreshing = Refreshing(db, self._sealing, trail, clock, self._quarantine, lease_clock=lease_clock)
        self.rotation = Rotation(db, self._sealing, trail, clock, self._quarantine)

    async def check(self) -> None:
        """Refuse to start with keys that do not open what is stored. Raises: VaultKeyUnusable, naming the keys."""
        unknown = [key for key, used in (await self.rotation.in_use()).items() if used and key not in self._keys]
        if unknown:
            raise VaultKeyUnusable(
                f"the database has credentials sealed by {', '.join(unknown)}; the keys given are {', '.join(self._keys)}",
                hint="Add the missing key behind the new one, in GATELODGE_VAULT_KEY or in the key file.",
            )
        async with self._db.reading() as tx:
            await check_start(tx, self._sealing)

    @property
    def _keys(self) -> tuple[str, ...]:
        return self._sealing.keyring.ids

    async def put(
        self,
        owner: Owner,
        secrets: Mapping[str, Secret],
        *,
        actor: str,
        scopes: frozenset[str] = frozenset(),
        account_id: str | None = None,
        account_name: str | None = None,
        expires_at: float | None = None,
        absolute_expires_at: float | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Record:
        """Store a new connection, or replace all of one."""
        check_fields(secrets)
        now = self._clock.now()
        async with self._db.transaction() as tx:
            await tx.execute(
                "INSERT INTO services (name, created_at) VALUES (:name, :now) ON CONFLICT (name) DO NOTHING",
                name=owner.provider,
                now=now,
            )
            [row] = await tx.all(
                _PUT,
                id=uuid.uuid4().hex,
                tenant=owner.tenant,
                user=owner.user,
                service=owner.provider,
                account_id=account_id,
                account_name=account_name,
                scopes=json.dumps(sorted(scopes)),
                extra=json.dumps(dict(extra or {}), sort_keys=True),
                expires_at=_seconds(expires_at),
                absolute_expires_at=_seconds(absolute_expires_at),
                now=now,
            )
            record = rows.record_of(row)
            await write_sealed(tx, self._sealing, record, secrets, now)
            await self._trail.record(about("vault.set", owner, actor, fields=",".join(sorted(secrets))), tx=tx)
        return record

    async def open(self, owner: Owner, *, actor: str, purpose: str) -> Opened | None:
        """The connection with its secrets, or CredentialUnreadable."""
        stored = await rows.read_alone(self._db, owner)
        if stored is None:
            return None
        record = stored.record
        self._quarantine.check(record)
        try:
            secrets = await self._sealing.opened(record, stored.sealed)
        except NotAuthentic as error:
            raise await self._quarantine.keep_out(record, error, actor) from None
        if record.quarantined_at is not None:
            record = await self._quarantine.release(record, actor)
        self._trail.note(about("vault.get", owner, actor, purpose=purpose))
        return Opened(record, secrets)

    async def look(self, owner: Owner) -> Record | None:
        """The public part of a connection."""
        row = await self._db.row(f"SELECT * FROM tokens WHERE {_OWNED}", **_of(owner))  # noqa: S608 - a constant
        return None if row is None else rows.record_of(row)

    async def list(
        self,
        *,
        tenant: str | None = None,
        user: str | None = None,
        provider: str | None = None,
        status: Status | None = None,
        unfinished: bool = False,
    ) -> list[Record]:
        """Public parts of all that match."""
        wanted = {"tenant": tenant, "user_id": user, "service": provider, "status": status and status.value}
        given = {column: value for column, value in wanted.items() if value is not None}
        terms = [f"{column} = :{column}" for column in given]
        where = " AND ".join([*terms, "refresh_started_at IS NOT NULL"] if unfinished else terms) or "1 = 1"
        async with self._db.reading() as tx:
            found = await tx.all(f"SELECT * FROM tokens WHERE {where} ORDER BY service, tenant, user_id", **given)  # noqa: S608 - our columns
        return [rows.record_of(row) for row in found]

    async def begin_refresh(
        self, owner: Owner, version: int, *, holder: str, lease_seconds: float
    ) -> RefreshLease | None:
        """The right to refresh, or None."""
        return await self._refreshing.begin(owner, version, holder=holder, seconds=lease_seconds)

    async def finish_refresh(
        self,
        lease: RefreshLease,
        secrets: Mapping[str, Secret],
        *,
        expires_at: float | None,
        absolute_expires_at: float | None = None,
        scopes: frozenset[str] | None = None,
    ) -> Record:
        """Commit what a refresh gave."""
        return await self._refreshing.finish(
            lease, secrets, expires_at=_seconds(expires_at), absolute=_seconds(absolute_expires_at), scopes=scopes
        )

    async def name_account(
        self, lease: RefreshLease, *, account_id: str, account_name: str | None, extra: Mapping[str, str]
    ) -> Record:
        """Say whose account it is."""
        return await self._refreshing.name(lease, account_id, account_name, extra)

    async def abandon_refresh(
        self, lease: RefreshLease, *, status: Status | None = None, reason: str | None = None, lost: bool = False
    ) -> None:
        """Give the lease back."""
        await self._refreshing.abandon(lease, status, reason, lost=lost)

    async def delete(self, owner: Owner, *, actor: str) -> bool:
        """Remove a connection and its data key."""
        async with self._db.transaction() as tx:
            # The row's data key and values go with it (ON DELETE CASCADE).
            row = await tx.one(f"DELETE FROM tokens WHERE {_OWNED} RETURNING *", **_of(owner))  # noqa: S608 - a constant
            if row is not None:
                await self._trail.record(about("vault.delete", owner, actor), tx=tx)
        return row is not None

    async def rotate_key(self, *, actor: str) -> int:
        """Bring every data key under the primary key; how many were not."""
        return (await self.rotation.run(actor=actor)).changed


def _of(owner: Owner) -> dict[str, str]:
    return {"tenant": owner.tenant, "user": owner.user, "service": owner.provider}


def _seconds(value: float | None) -> float | None:
    # What is compared later is what the database gives back: a double.
    return None if value is None else float(value)
