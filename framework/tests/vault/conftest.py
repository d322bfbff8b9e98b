"""A vault on a fresh database of either kind, with keys of its own."""

from collections.abc import AsyncIterator

import pytest
from databases import database, postgres
from databases import migrated_config as database_config
from vaults import Vault, new_keyring, open_vault

from gatelodge.storage.config import DatabaseConfig

__all__ = ["database", "database_config", "postgres"]


@pytest.fixture
async def vault(database_config: DatabaseConfig) -> AsyncIterator[Vault]:
    """A vault with one key."""
    opened = await open_vault(database_config, new_keyring())
    yield opened
    await opened.aclose()
