"""Keys that were retired, which seal nothing any more, also in a process that was not restarted since.

Invariant: where a key is retired and where something is sealed by it, one of both sees the other. A writer holds its lock
on ``data_keys`` before it looks, and who retires a key waits for such writers, then looks for what they wrote.
Not here: whether a key may be retired (``rotation``).
"""

from collections.abc import Mapping
from typing import Protocol

from gatelodge.core.secret import Secret
from gatelodge.storage.database import Transaction
from gatelodge.storage.errors import StorageUnavailable
from gatelodge.vault import rows
from gatelodge.vault.errors import VaultKeyUnusable
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.records import Record
from gatelodge.vault.sealing import Sealing

__all__ = ["KeyRetired", "check_start", "check_writer", "retire", "write_sealed"]

_IS_RETIRED = "SELECT kek_id FROM retired_keys WHERE kek_id = :key"
_NEXT = "Restart this process with the keys of the key file (or of GATELODGE_VAULT_KEY): its primary key was retired."


class KeyRetired(StorageUnavailable):
    """Nothing can be stored: the primary key of this process was retired, and no newer one is to be had."""


class Renewable(Protocol):
    """Keys that a process seals with."""

    keyring: Keyring

    async def renew(self) -> bool:
        """Read them anew, where that is possible."""


async def write_sealed(
    tx: Transaction, sealing: Sealing, record: Record, secrets: Mapping[str, Secret], now: float
) -> None:
    """Seal and store, for a row that this transaction has locked by changing it. Raises: KeyRetired."""
    await rows.remove_secrets(tx, record.id)
    await check_writer(tx, sealing)
    await rows.write_secrets(tx, record.id, sealing.seal(record, secrets), now=now)


async def check_writer(tx: Transaction, sealing: Renewable) -> None:
    """Take a newer primary key when ours was retired. Raises: KeyRetired."""
    retired = sealing.keyring.primary_id
    if not await _is_retired(tx, retired):
        return
    await sealing.renew()
    if await _is_retired(tx, sealing.keyring.primary_id):
        raise KeyRetired(f"the vault's key {retired} was retired and seals nothing any more", hint=_NEXT)


async def check_start(tx: Transaction, sealing: Sealing) -> None:
    """Refuse to begin with a retired key in front. Raises: VaultKeyUnusable."""
    key = sealing.keyring.primary_id
    if await _is_retired(tx, key):
        hint = "Put a newer key in front of it; behind one it still opens what is old."
        raise VaultKeyUnusable(f"the vault's primary key {key} was retired", hint=hint)


async def retire(tx: Transaction, key_id: str, now: float) -> None:
    """Say so to everyone; writers that may have used it are over after this, later ones see it."""
    if tx.dialect == "postgresql":
        await tx.execute("LOCK TABLE data_keys IN SHARE MODE")
    await tx.execute(
        "INSERT INTO retired_keys (kek_id, retired_at) VALUES (:key, :now) ON CONFLICT (kek_id) DO NOTHING",
        key=key_id,
        now=now,
    )


async def _is_retired(tx: Transaction, key_id: str) -> bool:
    return await tx.one(_IS_RETIRED, key=key_id) is not None
