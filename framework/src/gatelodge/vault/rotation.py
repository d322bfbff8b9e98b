"""Keys changed while everything runs: data keys brought under the primary key, or renewed with their values.

Invariants: each batch is one transaction, so a kill leaves every row readable by the same keyring; what is written
meanwhile uses the primary key already; a run goes on where an interrupted one stopped; a key in use is not retired.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from gatelodge.audit.event import Event, Scalar
from gatelodge.core.clock import Clock
from gatelodge.storage.database import Database, Transaction
from gatelodge.vault import retired, rows
from gatelodge.vault.aead import NotAuthentic
from gatelodge.vault.envelope import Key
from gatelodge.vault.errors import VaultKeyUnusable
from gatelodge.vault.events import AnyTrail
from gatelodge.vault.quarantine import KEY_UNKNOWN, Quarantine
from gatelodge.vault.records import Record
from gatelodge.vault.sealing import Sealing

__all__ = ["Rotated", "Rotation"]


@dataclass(frozen=True)
class Rotated:
    """How many data keys were changed by this run, how many rows could not be read and are quarantined."""

    changed: int
    unreadable: int
    resumed: bool


class Rotation:
    """Online and resumable rotation over the rows of one database."""

    def __init__(self, db: Database, sealing: Sealing, trail: AnyTrail, clock: Clock, quarantine: Quarantine) -> None:
        self._db, self._sealing, self._trail, self._clock = db, sealing, trail, clock
        self._quarantine = quarantine

    async def in_use(self) -> Mapping[str, int]:
        """Data keys of connections that are not quarantined, by the id of the key that wraps them."""
        async with self._db.reading() as tx:
            found = await tx.all(
                "SELECT k.kek_id, count(*) AS used FROM data_keys k JOIN tokens t ON t.id = k.token_id"
                " WHERE t.quarantined_at IS NULL GROUP BY k.kek_id ORDER BY k.kek_id"
            )
        return {row["kek_id"]: row["used"] for row in found}

    async def unfinished(self) -> bool:
        """Whether a rotation was begun and not finished."""
        async with self._db.reading() as tx:
            return await tx.one("SELECT id FROM key_rotations WHERE finished_at IS NULL LIMIT 1") is not None

    async def run(self, *, actor: str, renew: bool = False, batch: int = 100) -> Rotated:
        """Bring every data key under the primary key; with ``renew``, replace data keys and seal the values anew."""
        run, since, resumed = await self._begin(renew=renew)
        changed, unreadable = 0, 0
        # Another process may still wrap with an older key, behind the place reached: until a pass finds nothing.
        while True:
            passed = await self._pass(actor, renew=renew, since=since, batch=batch)
            changed, unreadable = changed + passed.changed, unreadable + passed.unreadable
            if not passed.changed:
                break
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE key_rotations SET finished_at = :now WHERE id = :id", now=self._clock.now(), id=run
            )
            subject: dict[str, Scalar] = {
                "key": self._primary,
                "changed": changed,
                "unreadable": unreadable,
                "renewed": renew,
            }
            await self._trail.record(Event("vault.rotate", actor, subject), tx=tx)
        return Rotated(changed, unreadable, resumed)

    async def retire(self, key_id: str, *, actor: str) -> tuple[Key, ...]:
        """The keys that are left without ``key_id``. Raises: VaultKeyUnusable, when it is primary or in use."""
        ring = self._sealing.keyring
        if ring.find(key_id) is None:
            raise VaultKeyUnusable(f"there is no key {key_id}", hint=f"The keys are {', '.join(ring.ids)}.")
        if key_id == ring.primary_id:
            raise _kept(key_id, "it is the primary key")
        async with self._db.transaction() as tx:
            # First said, then looked at: what was sealed by it before that is seen, and nothing is after it.
            await retired.retire(tx, key_id, self._clock.now())
            if used := await _needing(tx, key_id):
                raise _kept(key_id, f"{used} credentials still need it")
            event = Event("vault.rotate", actor, {"retired": key_id})
            await self._trail.record(event, tx=tx)
        return tuple(key for key in map(ring.find, ring.ids) if key is not None and key.id.hex() != key_id)

    @property
    def _primary(self) -> str:
        return self._sealing.keyring.primary_id

    async def _begin(self, *, renew: bool) -> tuple[str, float, bool]:
        """The run to go on with, or a new one: its id, when it began, and which of both."""
        async with self._db.transaction() as tx:
            await retired.check_start(tx, self._sealing)
            found = await tx.one(
                "SELECT id, started_at FROM key_rotations WHERE finished_at IS NULL AND kek_id = :kek"
                " AND renews = :renews ORDER BY started_at LIMIT 1",
                kek=self._primary,
                renews=int(renew),
            )
            if found is not None:
                return found["id"], found["started_at"], True
            name, now = uuid.uuid4().hex, self._clock.now()
            await tx.execute(
                "INSERT INTO key_rotations (id, kek_id, renews, started_at) VALUES (:id, :kek, :renews, :now)",
                id=name,
                kek=self._primary,
                renews=int(renew),
                now=now,
            )
        return name, now, False

    async def _pass(self, actor: str, *, renew: bool, since: float, batch: int) -> Rotated:
        """Once over all rows that are due, in the order of their ids."""
        changed, unreadable, last = 0, 0, ""
        due = "(k.kek_id <> :kek OR k.created_at < :since)" if renew else "k.kek_id <> :kek"
        given = {"kek": self._primary, "waiting": KEY_UNKNOWN, **({"since": since} if renew else {})}
        ring = {f"key{number}": key for number, key in enumerate(self._sealing.keyring.ids)}
        readable = ", ".join(f":{name}" for name in ring)
        while True:
            failed: list[tuple[Record, NotAuthentic]] = []
            async with self._db.transaction() as tx:
                found = await tx.all(
                    "SELECT k.token_id FROM data_keys k JOIN tokens t ON t.id = k.token_id WHERE k.token_id > :last"  # noqa: S608 - constants
                    f" AND {due} AND (t.quarantined_at IS NULL OR t.quarantine_reason = :waiting"
                    f" AND k.kek_id IN ({readable})) ORDER BY k.token_id LIMIT :batch",
                    last=last,
                    batch=batch,
                    **given,
                    **ring,
                )
                for row in found:
                    last = row["token_id"]
                    # Never before the start of the run, or a clock that was set back would keep it from ending.
                    now = max(self._clock.now(), since)
                    changed += await self._change(tx, last, failed, now, renew=renew)
            for record, error in failed:
                await self._quarantine.keep_out(record, error, actor)
            unreadable += len(failed)
            if len(found) < batch:
                return Rotated(changed, unreadable, resumed=False)

    async def _change(
        self, tx: Transaction, connection: str, failed: list[tuple[Record, NotAuthentic]], now: float, *, renew: bool
    ) -> int:
        """One row: 1 when it was changed."""
        # Changing the row first locks it; who puts, refreshes or deletes it is over, or waits.
        if not await tx.execute("UPDATE tokens SET updated_at = updated_at WHERE id = :id", id=connection):
            return 0
        stored = await rows.read_by_id(tx, connection)
        if stored is None or stored.sealed is None:
            return 0
        try:
            if renew:
                secrets = self._sealing.open(stored.record, stored.sealed)
                await retired.write_sealed(tx, self._sealing, stored.record, secrets, now)
                return 1
            key = self._sealing.rewrap(stored.record, stored.sealed.key)
        except NotAuthentic as error:
            failed.append((stored.record, error))
            return 0
        return await tx.execute(
            "UPDATE data_keys SET wrapped = :wrapped, kek_id = :kek, rewrapped_at = :now WHERE id = :id"
            " AND NOT EXISTS (SELECT 1 FROM retired_keys WHERE kek_id = :kek)",
            wrapped=key.wrapped,
            kek=key.kek_id,
            now=now,
            id=key.id,
        )


async def _needing(tx: Transaction, key_id: str) -> int:
    """Data keys of connections that a key wraps. A row that is quarantined for want of this key waits for it."""
    row = await tx.one(
        "SELECT count(*) AS used FROM data_keys k JOIN tokens t ON t.id = k.token_id"
        " WHERE k.kek_id = :key AND (t.quarantined_at IS NULL OR t.quarantine_reason = :reason)",
        key=key_id,
        reason=KEY_UNKNOWN,
    )
    return 0 if row is None else int(row["used"])


def _kept(key_id: str, why: str) -> VaultKeyUnusable:
    return VaultKeyUnusable(f"key {key_id} cannot be retired: {why}", hint="First: gatelodge vault rotate")
