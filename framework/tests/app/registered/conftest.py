"""A desk in process with a realm behind it that keeps the clients it registers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from administered_realm import SECRET
from managed_realm import ManagedRealm
from registering_realm import INTERNAL, ISSUER

from gatelodge.app.desk.create import create_desk
from gatelodge.core.secret import Secret
from gatelodge.settings.desk import DeskSettings
from gatelodge.testing.clock import ManualClock


@pytest.fixture
def realm() -> ManagedRealm:
    """A realm without a client."""
    return ManagedRealm()


@pytest.fixture
def clock() -> ManualClock:
    """The desk's clock."""
    return ManualClock()


@pytest.fixture
def limits() -> dict[str, Any]:
    """Settings of the limits: none to speak of, unless a test sets its own."""
    return {"registrations_per_address": 100_000, "registrations_per_host": 100_000}


@pytest.fixture
async def http(
    realm: ManagedRealm, clock: ManualClock, limits: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx2.AsyncClient]:
    """Requests to the desk in process."""
    monkeypatch.chdir(tmp_path)
    settings = DeskSettings(
        issuer=ISSUER, issuer_internal_url=INTERNAL, desk_secret=Secret(SECRET), state_dir=tmp_path, **limits
    )
    desk = create_desk(settings, outbound=realm.outbound(), clock=clock)
    transport = httpx2.ASGITransport(app=desk, client=("127.0.0.1", 40_000))
    async with (
        desk.router.lifespan_context(desk),
        httpx2.AsyncClient(transport=transport, base_url="https://localhost:8443") as client,
    ):
        yield client
