"""Puts ``tests/`` on the import path; one clock and one issuer for each test."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

_TESTS = str(Path(__file__).resolve().parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

from protected import ISSUER, PUBLIC_URL  # noqa: E402 - after the path it needs

from conformance.keys.processes import Processes  # noqa: E402


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tokens(clock: ManualClock) -> TokenFactory:
    return TokenFactory(ISSUER, PUBLIC_URL, clock)


@pytest.fixture
def issuer(tokens: TokenFactory) -> FakeIssuer:
    return FakeIssuer(tokens, scopes=("notes:read", "notes:write"))


@pytest.fixture
async def processes(issuer: FakeIssuer, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Processes]:
    """Server processes of one state folder, one after the other."""
    async with AsyncExitStack() as stack:
        yield Processes(issuer, clock, tmp_path, stack)
