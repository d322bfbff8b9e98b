"""A vault on a database of either kind, and one on SQLite where the kind makes no difference."""

from collections.abc import AsyncIterator

import pytest
from accounts_site import Site, accounts_site
from databases import migrated_config as database_config
from databases import postgres
from vaults import Vault, either_vault
from vaults import sqlite_vault as vault

__all__ = ["database_config", "either_vault", "postgres", "vault"]


@pytest.fixture
async def site(vault: Vault) -> AsyncIterator[Site]:
    """The pages of connected accounts with every provider."""
    async with accounts_site(vault) as made:
        yield made
