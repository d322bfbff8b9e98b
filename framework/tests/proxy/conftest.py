"""The proxy in front of a real socket, on a vault in SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from proxy_desk import ProxyDesk, proxy_desk
from vaults import Vault, new_keyring, open_vault

from gatelodge.storage.config import DatabaseConfig


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    """A vault on SQLite."""
    opened = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'vault' / 'test.db'}"), new_keyring())
    yield opened
    await opened.aclose()


@pytest.fixture
async def desk(vault: Vault) -> AsyncIterator[ProxyDesk]:
    """The proxy with alice's GitHub account linked."""
    async with proxy_desk(vault) as made:
        await made.link("github")
        yield made
