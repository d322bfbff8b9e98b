"""Puts ``tests/`` on the import path, makes the keys once, and hands out a running matrix of servers."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

_TESTS = str(Path(__file__).resolve().parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

from conformance.attacks.in_process import Matrix, running  # noqa: E402 - after the path it needs
from conformance.attacks.world import World, local_world  # noqa: E402


@pytest.fixture(scope="session")
def world() -> World:
    """Keys are slow to make, so one world serves all tests; its clock is never moved."""
    return local_world()


@pytest.fixture
async def matrix(world: World) -> AsyncIterator[Matrix]:
    """The servers of this world, started for one test."""
    async with running(world) as found:
        yield found
