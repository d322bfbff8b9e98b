"""Fixtures of the sample's tests: an empty folder to write documents into, and two users."""

import sys
from pathlib import Path

import pytest

from sample.notes import owner_key

# pytest's importlib mode puts no folder of tests on the path; the modules here share one of their own.
sys.path.insert(0, str(Path(__file__).parents[1]))

from deep_research.shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty folder."""
    folder = tmp_path / "documents"
    folder.mkdir()
    return Shelf(folder, tmp_path / "state")


@pytest.fixture
def alice() -> str:
    """The key of one user."""
    return owner_key("https://issuer.example/realms/mcp", "alice")


@pytest.fixture
def bob() -> str:
    """The key of another."""
    return owner_key("https://issuer.example/realms/mcp", "bob")
