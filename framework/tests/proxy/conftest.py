"""The proxy in front of a real socket, on a vault in SQLite."""

from collections.abc import AsyncIterator

import pytest
from proxy_desk import ProxyDesk, proxy_desk
from vaults import Vault
from vaults import sqlite_vault as vault

__all__ = ["vault"]


@pytest.fixture
async def desk(vault: Vault) -> AsyncIterator[ProxyDesk]:
    """The proxy with alice's GitHub account linked."""
    async with proxy_desk(vault) as made:
        await made.link("github")
        yield made
