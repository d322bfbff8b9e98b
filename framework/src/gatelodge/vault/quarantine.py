"""A row that does not open is kept out: marked with time and reason, audited, and shown; all others go on.

A row whose key is only missing comes back by itself when the key does. Any other stays out until it is stored anew or
deleted: that it opens again later would not explain what happened to it.
"""

from dataclasses import replace

from gatelodge.audit.event import Scalar
from gatelodge.core.clock import Clock
from gatelodge.storage.database import Database
from gatelodge.vault.aead import NotAuthentic
from gatelodge.vault.errors import CredentialUnreadable
from gatelodge.vault.events import AnyTrail, about
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Record
from gatelodge.vault.sealing import KeyUnknown

__all__ = ["KEY_UNKNOWN", "NOT_AUTHENTIC", "Quarantine"]

KEY_UNKNOWN = "key_unknown"
NOT_AUTHENTIC = "not_authentic"

_WHY = {
    KEY_UNKNOWN: ("the key that sealed it is not here", "Add the missing key behind the primary one and restart."),
    NOT_AUTHENTIC: (
        "it was changed or moved in the database",
        "Find out who can write the database; then link the account or store the credential again.",
    ),
}


class Quarantine:
    """Marks rows, and lets those back that may."""

    def __init__(self, db: Database, trail: AnyTrail, clock: Clock) -> None:
        self._db, self._trail, self._clock = db, trail, clock

    def check(self, record: Record) -> None:
        """Raises: CredentialUnreadable, for a row that is not to be tried."""
        if record.quarantined_at is not None and record.quarantine_reason != KEY_UNKNOWN:
            raise _unreadable(record.owner, NOT_AUTHENTIC)

    async def keep_out(
        self, record: Record, error: NotAuthentic, actor: str, **details: Scalar
    ) -> CredentialUnreadable:
        """Mark the row that was read, unless it was replaced since; the error to raise."""
        reason = KEY_UNKNOWN if isinstance(error, KeyUnknown) else NOT_AUTHENTIC
        async with self._db.transaction() as tx:
            touched = await tx.execute(
                "UPDATE tokens SET quarantined_at = :now, quarantine_reason = :reason WHERE id = :id"
                " AND version = :version AND (quarantine_reason IS NULL OR quarantine_reason <> :reason)",
                now=self._clock.now(),
                reason=reason,
                id=record.id,
                version=record.version,
            )
            if touched:
                event = about("vault.quarantine", record.owner, actor, outcome="failed", rule=reason, **details)
                await self._trail.record(event, tx=tx)
        return _unreadable(record.owner, reason)

    async def release(self, record: Record, actor: str) -> Record:
        """Let a row back whose key is here again, and which opened."""
        async with self._db.transaction() as tx:
            touched = await tx.execute(
                "UPDATE tokens SET quarantined_at = NULL, quarantine_reason = NULL"
                " WHERE id = :id AND version = :version AND quarantine_reason = :reason",
                id=record.id,
                version=record.version,
                reason=KEY_UNKNOWN,
            )
            if touched:
                await self._trail.record(about("vault.release", record.owner, actor), tx=tx)
        return replace(record, quarantined_at=None, quarantine_reason=None)


def _unreadable(owner: Owner, reason: str) -> CredentialUnreadable:
    why, hint = _WHY[reason]
    return CredentialUnreadable(f"the credential for {owner.shown} is quarantined: {why}", hint=hint)
