"""A desk for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desks import Desk, Desks


@pytest.fixture
def desks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desks:
    monkeypatch.chdir(tmp_path)
    return Desks(tmp_path / "state")


@pytest.fixture
async def desk(desks: Desks) -> AsyncIterator[Desk]:
    async with desks.running() as running:
        yield running
