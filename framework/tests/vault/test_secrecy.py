"""Canaries: unique secrets that are looked for wherever they must not be."""

import logging
import shutil
import sqlite3
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from results import record
from vaults import ALICE, BOB, Vault, canary, new_keyring, open_vault

from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.vault.errors import CredentialUnreadable


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> AsyncIterator[Vault]:
    opened = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'database' / 'test.db'}"), new_keyring())
    yield opened
    await opened.aclose()


def on_disk(vault: Vault) -> bytes:
    """The database with its write-ahead log."""
    return b"".join(path.read_bytes() for path in sorted(vault.config.path.parent.iterdir()))


async def checkpointed(vault: Vault) -> None:
    """Everything in the main file, and the log cut off."""
    await vault.trail.flush()
    with sqlite3.connect(vault.config.path) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    db.close()


async def test_no_canary_is_found_in_database_log_errors_or_trail(
    vault: Vault, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    canaries = [canary(str(number)) for number in range(6)]
    first, second, new, *_ = canaries
    written: list[str] = []
    await vault.store.put(ALICE, {"access_token": first, "refresh_token": second}, actor="user:a")
    await vault.store.put(BOB, {"access_token": canaries[3]}, actor="user:b")
    written.append(repr(await vault.store.open(ALICE, actor="user:a", purpose="a call")))
    lease = await vault.store.begin_refresh(ALICE, 1, holder="one", lease_seconds=30)
    assert lease is not None
    written.append(repr(await vault.store.finish_refresh(lease, {"access_token": new}, expires_at=None)))
    await vault.store.rotation.run(actor="operator:o", renew=True)
    await vault.sql("UPDATE tokens SET account_id = 'x'")
    for call in (
        vault.store.open(ALICE, actor="user:a", purpose="a call"),
        vault.store.put(ALICE, {"no such field": canaries[4]}, actor="user:a"),
        vault.store.put(ALICE, {"access_token": canaries[5]}, actor="\0"),
    ):
        try:
            await call
        except Exception as error:  # noqa: BLE001 - every text is looked at
            shown = traceback.TracebackException.from_exception(error, capture_locals=True)
            written.append("".join(shown.format()) + repr(error))
    assert len(written) == 5
    written.append(repr([found.event for found in await vault.events()]))
    written.append(repr(await vault.store.list()))
    written.append(caplog.text)
    if vault.db.dialect == "sqlite":
        written.append(on_disk(vault).decode("latin-1"))
    async with vault.db.reading() as tx:
        tables = ("tokens", "data_keys", "token_values", "audit_log", "key_rotations")
        written += [repr(await tx.all(f"SELECT * FROM {table}")) for table in tables]  # noqa: S608 - our tables
    everything = "\n".join(written)
    found = [secret for secret in canaries if secret.reveal() in everything]
    keys = [vault.keyring.primary.secret.hex(), repr(vault.keyring.primary.secret)[2:-1]]
    assert found == []
    assert not any(key in everything for key in keys)
    assert "vault.quarantine" in everything, "what is searched holds what happened"
    record(
        12,
        f"vault, {vault.db.dialect}",
        tried=len(canaries),
        passed=len(canaries) - len(found),
        command=".venv/bin/pytest framework/tests/vault/test_secrecy.py",
        negative_control="a value stored without being sealed is found (test_a_value_that_is_not_sealed_is_found)",
        figure="in rows, files, trail, log, representations and tracebacks with local variables",
    )


async def test_a_value_that_is_not_sealed_is_found(on_sqlite: Vault) -> None:
    value = canary("open")
    await on_sqlite.store.put(ALICE, {"access_token": Secret("x")}, actor="user:a")
    await on_sqlite.sql("UPDATE tokens SET reason = :value", value=value.reveal())
    assert value.reveal().encode() in on_disk(on_sqlite)


async def test_a_deleted_connection_leaves_neither_data_key_nor_values_in_the_files(on_sqlite: Vault) -> None:
    for owner in (ALICE, BOB):
        await on_sqlite.store.put(owner, {"access_token": canary("a"), "refresh_token": canary("b")}, actor="user:a")
    await checkpointed(on_sqlite)
    [alice] = await on_sqlite.store.list(user="alice")
    async with on_sqlite.db.reading() as tx:
        keys = await tx.all("SELECT wrapped FROM data_keys WHERE token_id = :id", id=alice.id)
        values = await tx.all("SELECT sealed FROM token_values WHERE token_id = :id", id=alice.id)
    parts = [row["wrapped"] for row in keys] + [row["sealed"] for row in values]
    assert len(parts) == 3
    assert all(part in on_disk(on_sqlite) for part in parts)
    assert await on_sqlite.store.delete(ALICE, actor="user:a")
    await checkpointed(on_sqlite)
    assert not any(part in on_disk(on_sqlite) for part in parts)
    assert await on_sqlite.store.open(BOB, actor="user:b", purpose="a call") is not None


async def test_a_backup_without_the_key_is_unreadable_and_with_it_is_read(on_sqlite: Vault, tmp_path: Path) -> None:
    await on_sqlite.store.put(ALICE, {"access_token": Secret("token")}, actor="user:a")
    await checkpointed(on_sqlite)
    copy = tmp_path / "restored"
    shutil.copytree(on_sqlite.config.path.parent, copy)
    config = DatabaseConfig(f"sqlite:///{copy / 'test.db'}")
    stranger = await open_vault(config, new_keyring())
    with pytest.raises(CredentialUnreadable):
        await stranger.store.open(ALICE, actor="user:a", purpose="a call")
    await stranger.aclose()
    restored = await open_vault(config, on_sqlite.keyring)
    assert await restored.store.open(ALICE, actor="user:a", purpose="a call") is not None
    await restored.aclose()
