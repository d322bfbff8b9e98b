"""The proxy, the refresh and the vault in process, every provider's API and token endpoint at WireMock."""

from collections.abc import AsyncIterator

import pytest
from proxy_desk import ProxyDesk, proxy_desk
from vaults import Vault
from wiremock import Answer, WireMock, answered

from gatelodge.core.secret import Secret
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Record

__all__ = ["LIFE", "TOKEN", "dead", "desk", "expired", "granted", "kept"]

TOKEN = "/token"
LIFE = 3600


@pytest.fixture
async def desk(sqlite_vault: Vault, wiremock: WireMock) -> AsyncIterator[ProxyDesk]:
    """All of it, until the test ends."""
    async with proxy_desk(sqlite_vault, at=wiremock.url) as made:
        yield made


async def expired(desk: ProxyDesk, provider: str) -> Owner:
    """A link of alice whose access token ``access-0`` has ended; ``refresh-0`` belongs to it."""
    secrets = {"refresh_token": Secret("refresh-0")}
    return await desk.link(provider, token="access-0", secrets=secrets, expires_at=desk.vault.clock.now())


def granted(number: int, *, life: float = LIFE) -> Answer:
    """The new pair, ``access-1`` and ``refresh-1`` and so on."""
    pair = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}"}
    return answered(200, {**pair, "token_type": "bearer", "expires_in": life})


def dead(error: str = "invalid_grant", status: int = 400, description: str = "") -> Answer:
    """The token endpoint does not know the refresh token any more."""
    return answered(status, {"error": error, "error_description": description})


async def kept(desk: ProxyDesk, owner: Owner) -> Record:
    """The link as it is stored."""
    record = await desk.vault.store.look(owner)
    assert record is not None
    return record
