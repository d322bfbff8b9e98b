"""Other people's OAuth servers for this folder, and vaults on either kind of database."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from databases import database_config, postgres
from oauth_servers import OAuthServer, oauth_toolkit, oidc_provider
from vaults import Vault, new_keyring, open_vault

from gatelodge.storage.config import DatabaseConfig

__all__ = ["database_config", "postgres"]


@pytest.fixture(scope="session")
def strict() -> Iterator[OAuthServer]:
    """A refresh token works once; its second use ends the grant."""
    with oidc_provider() as server:
        yield server


@pytest.fixture(scope="session")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuthServer]:
    """A refresh token that was replaced works for ten minutes more."""
    with oauth_toolkit(tmp_path_factory.mktemp("toolkit")) as server:
        yield server


@pytest.fixture
async def sqlite_vault(tmp_path: Path) -> AsyncIterator[Vault]:
    """A vault on SQLite, where the kind of database makes no difference."""
    opened = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'one' / 'test.db'}"), new_keyring())
    yield opened
    await opened.aclose()


@pytest.fixture
async def vault(database_config: DatabaseConfig) -> AsyncIterator[Vault]:
    """A vault on a database of either kind; its clock stands still in the past."""
    opened = await open_vault(database_config, new_keyring())
    yield opened
    await opened.aclose()
