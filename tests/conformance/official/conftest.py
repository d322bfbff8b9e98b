"""Puts ``tests/`` on the import path, and starts the protected fixture server once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = str(Path(__file__).resolve().parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)

from conformance.official.deployment import Deployment, deployed  # noqa: E402 - after the path it needs


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """The fixture server with its issuer and the injecting proxy."""
    with deployed() as running:
        yield running
