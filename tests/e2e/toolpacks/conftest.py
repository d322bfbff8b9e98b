"""A vault and calls of tools for tests against other people's stand-ins."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pack_calls import Calls, calling
from vaults import new_keyring, open_vault

from gatelodge.connections.config import ProviderConfig
from gatelodge.connections.registry import PROVIDERS
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.storage.config import DatabaseConfig

__all__ = ["CallsAt"]

CallsAt = Callable[..., AbstractAsyncContextManager[Calls]]


@pytest.fixture
def calls_at(tmp_path: Path) -> CallsAt:
    """Calls with providers' APIs at these addresses: ``calls_at(github="http://127.0.0.1:1")``."""
    # GitHub's file knows its own media type for no answer, and Prism takes that for a refusal.
    plain = {"accept": "application/json"}
    known = {name: replace(one, api_headers={**one.api_headers, **plain}) for name, one in PROVIDERS.items()}

    @asynccontextmanager
    async def opened(**urls: str) -> AsyncIterator[Calls]:
        vault = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'vault' / 'test.db'}"), new_keyring())
        given = Secret("example-client-secret")
        configs = {
            name: ProviderConfig(api_url=url) if name == "coda" else ProviderConfig("gatelodge", given, api_url=url)
            for name, url in urls.items()
        }
        try:
            async with calling(vault, Outbound(timeout=60, max_bytes=4 << 20), configs, known) as calls:
                yield calls
        finally:
            await vault.aclose()

    return opened
