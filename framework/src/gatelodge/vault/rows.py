"""Rows of the vault's tables, read and written.

Invariant: whatever a row holds, reading it raises nothing: what makes no sense does not open (``sealing``). Not here:
keys, what an operation means (``sql_store``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from gatelodge.storage.database import Database, Row, Transaction
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Record, Status
from gatelodge.vault.sealing import Sealed, WrappedKey

__all__ = [
    "WHOLE_OF_OWNER",
    "Stored",
    "read",
    "read_alone",
    "read_by_id",
    "record_of",
    "remove_secrets",
    "write_secrets",
]

_WHOLE = (
    "SELECT t.*, k.id AS key_id, k.kek_id, k.wrapped, v.field, v.sealed FROM tokens t"
    " LEFT JOIN data_keys k ON k.token_id = t.id LEFT JOIN token_values v ON v.token_id = t.id"
)
WHOLE_OF_OWNER = f"{_WHOLE} WHERE t.tenant = :tenant AND t.user_id = :user AND t.service = :service"


@dataclass(frozen=True, slots=True)
class Stored:
    """A connection as one statement found it: no other transaction's half can be in it."""

    record: Record
    fence: int
    sealed: Sealed | None


async def read(tx: Transaction, owner: Owner) -> Stored | None:
    """The connection of an owner."""
    return _stored(await tx.all(WHOLE_OF_OWNER, tenant=owner.tenant, user=owner.user, service=owner.provider))


async def read_alone(db: Database, owner: Owner) -> Stored | None:
    """The same, when nothing else belongs to it."""
    return _stored(await db.rows(WHOLE_OF_OWNER, tenant=owner.tenant, user=owner.user, service=owner.provider))


async def read_by_id(tx: Transaction, connection: str) -> Stored | None:
    """The connection of an id."""
    return _stored(await tx.all(f"{_WHOLE} WHERE t.id = :id", id=connection))


async def remove_secrets(tx: Transaction, connection: str) -> None:
    """Remove data key and values of a row that this transaction has locked by changing it."""
    await tx.execute("DELETE FROM token_values WHERE token_id = :id", id=connection)
    await tx.execute("DELETE FROM data_keys WHERE token_id = :id", id=connection)


async def write_secrets(tx: Transaction, connection: str, sealed: Sealed, *, now: float) -> None:
    """Write data key and values of such a row, which has none."""
    await tx.execute(
        "INSERT INTO data_keys (id, token_id, kek_id, wrapped, created_at) VALUES (:id, :token, :kek, :wrapped, :now)",
        id=sealed.key.id,
        token=connection,
        kek=sealed.key.kek_id,
        wrapped=sealed.key.wrapped,
        now=now,
    )
    for field, value in sealed.values.items():
        await tx.execute(
            "INSERT INTO token_values (token_id, field, sealed) VALUES (:token, :field, :sealed)",
            token=connection,
            field=field,
            sealed=value,
        )


def record_of(row: Row) -> Record:
    """The public part of a row."""
    scopes, extra = _json(row["scopes"]), _json(row["extra"])
    return Record(
        id=str(row["id"]),
        owner=Owner(str(row["tenant"]), str(row["user_id"]), str(row["service"])),
        # Whatever else somebody wrote there, it is not to be used.
        status=Status.ACTIVE if row["status"] == Status.ACTIVE.value else Status.NEEDS_REAUTH,
        reason=row["reason"],
        account_id=row["account_id"],
        account_name=row["account_name"],
        scopes=frozenset(map(str, scopes)) if isinstance(scopes, list) else frozenset(),
        expires_at=_seconds(row["expires_at"]),
        absolute_expires_at=_seconds(row["absolute_expires_at"]),
        refresh_started_at=_seconds(row["refresh_started_at"]),
        refresh_until=_seconds(row["refresh_until"]),
        refreshed_at=_seconds(row["refreshed_at"]),
        created_at=row["created_at"],
        version=row["version"],
        extra=extra if isinstance(extra, dict) else {},
        quarantined_at=_seconds(row["quarantined_at"]),
        quarantine_reason=row["quarantine_reason"],
    )


def _stored(rows: Sequence[Row]) -> Stored | None:
    if not rows:
        return None
    first = rows[0]
    sealed = None
    if first["key_id"] is not None:
        values = {str(row["field"]): _bytes(row["sealed"]) for row in rows if row["field"] is not None}
        sealed = Sealed(WrappedKey(str(first["key_id"]), str(first["kek_id"]), _bytes(first["wrapped"])), values)
    return Stored(record_of(first), first["refresh_fence"], sealed)


def _json(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _bytes(value: object) -> bytes:
    """SQLite keeps in a column what was put there; text where bytes belong opens no better than wrong bytes."""
    return value if isinstance(value, bytes) else b""


def _seconds(value: object) -> float | None:
    """SQLite gives a whole number back as an integer where a statement returns what it wrote."""
    return float(value) if isinstance(value, int | float) else None
