"""A vault on a database of either kind, and one on SQLite where the kind makes no difference."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from accounts_site import Site, accounts_site
from databases import migrated_config as database_config
from databases import postgres
from vaults import Vault, new_keyring, open_vault

from gatelodge.storage.config import DatabaseConfig

__all__ = ["database_config", "postgres"]


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    """A vault on SQLite."""
    opened = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'vault' / 'test.db'}"), new_keyring())
    yield opened
    await opened.aclose()


@pytest.fixture
async def either_vault(database_config: DatabaseConfig) -> AsyncIterator[Vault]:
    """A vault on either kind."""
    opened = await open_vault(database_config, new_keyring())
    yield opened
    await opened.aclose()


@pytest.fixture
async def site(vault: Vault) -> AsyncIterator[Site]:
    """The pages of connected accounts with every provider."""
    async with accounts_site(vault) as made:
        yield made
