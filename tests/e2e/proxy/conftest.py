"""A vault for the proxy in front of other people's servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from vaults import Vault, new_keyring, open_vault

from gatelodge.storage.config import DatabaseConfig


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    """A vault on SQLite."""
    opened = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'vault' / 'test.db'}"), new_keyring())
    yield opened
    await opened.aclose()
