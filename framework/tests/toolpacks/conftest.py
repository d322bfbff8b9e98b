"""A scripted GitHub and Coda behind a real upstream, with a vault on SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pack_calls import Calls, calling
from scripted_provider import CLIENT, ScriptedProvider
from vaults import new_keyring, open_vault

from gatelodge.connections.config import ProviderConfig
from gatelodge.storage.config import DatabaseConfig

PROVIDERS = ("jira", "notion", "slack", "github")


@pytest.fixture
def provider() -> ScriptedProvider:
    """Whoever is asked: answers by path, whatever the host."""
    return ScriptedProvider()


@pytest.fixture
async def calls(tmp_path: Path, provider: ScriptedProvider) -> AsyncIterator[Calls]:
    """Calls of a user who has linked nothing yet."""
    vault = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'vault' / 'test.db'}"), new_keyring())
    configs = dict.fromkeys(PROVIDERS, CLIENT) | {"coda": ProviderConfig()}
    async with calling(vault, provider.outbound(), configs) as opened:
        yield opened
    await vault.aclose()
