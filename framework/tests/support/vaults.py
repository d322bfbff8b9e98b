"""Vaults for tests: a store with its database, trail, keys and clock in one hand."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from migrated import place_copy

from gatelodge.audit.chain import Recorded
from gatelodge.audit.trail import Trail
from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.migrations import migrate
from gatelodge.testing.clock import ManualClock
from gatelodge.vault.key_source import new_key
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Status
from gatelodge.vault.sql_store import SqlTokenStore

__all__ = ["ALICE", "BOB", "TENANT", "Vault", "canary", "either_vault", "new_keyring", "open_vault", "sqlite_vault"]

TENANT = "https://as.example/realms/mcp"
ALICE = Owner(TENANT, "alice", "github")
BOB = Owner(TENANT, "bob", "github")


@dataclass
class Vault:
    """An open store and what it stands on."""

    store: SqlTokenStore
    db: Database
    trail: Trail
    keyring: Keyring
    clock: ManualClock
    config: DatabaseConfig

    def with_keys(self, keyring: Keyring) -> SqlTokenStore:
        """Another store on the same database, as after a restart with other keys."""
        return SqlTokenStore(self.db, keyring, self.trail, self.clock, lease_clock=self.clock)

    async def end(self, owner: Owner, reason: str = "refused") -> None:
        """Leave a link as a refresh does that the provider refused."""
        record = await self.store.look(owner)
        assert record is not None
        lease = await self.store.begin_refresh(owner, record.version, holder="test", lease_seconds=30)
        assert lease is not None
        await self.store.abandon_refresh(lease, status=Status.NEEDS_REAUTH, reason=reason)

    async def sql(self, statement: str, **values: object) -> int:
        """Change the database behind the vault's back."""
        async with self.db.transaction() as tx:
            return await tx.execute(statement, **values)

    async def events(self, *kinds: str) -> list[Recorded]:
        """What the trail has of these kinds, in order."""
        await self.trail.flush()
        return [found async for found in self.trail.search(kinds=kinds or None)]

    async def aclose(self) -> None:
        """Close trail and database."""
        await self.trail.aclose()
        await self.db.aclose()


def new_keyring(*others: Keyring) -> Keyring:
    """A new primary key, with the keys of ``others`` behind it."""
    kept = [key for ring in others for key in map(ring.find, ring.ids) if key is not None]
    return Keyring([new_key(), *kept])


async def open_vault(config: DatabaseConfig, keyring: Keyring) -> Vault:
    """A vault on a database that is migrated first."""
    clock = ManualClock()
    if config.dialect == "sqlite":
        await place_copy(config)
    db = await open_database(config)
    await migrate(db)
    trail = Trail(db, clock)
    # With its clock leases end when a test says so, on PostgreSQL too.
    return Vault(SqlTokenStore(db, keyring, trail, clock, lease_clock=clock), db, trail, keyring, clock, config)


def canary(name: str) -> Secret:
    """A secret that can be looked for: no other text has it."""
    return Secret(f"canary-{name}-{secrets.token_hex(16)}")


@pytest.fixture
async def sqlite_vault(tmp_path: Path) -> AsyncIterator[Vault]:
    """A vault on SQLite, where the kind of database makes no difference."""
    opened = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'vault' / 'test.db'}"), new_keyring())
    yield opened
    await opened.aclose()


@pytest.fixture
async def either_vault(database_config: DatabaseConfig) -> AsyncIterator[Vault]:
    """A vault on a database of either kind; its clock stands still in the past."""
    opened = await open_vault(database_config, new_keyring())
    yield opened
    await opened.aclose()
