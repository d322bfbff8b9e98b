"""A wheel of ours, built once, and a server made with it."""

from pathlib import Path

import pytest

from gatelodge.ops.scaffold.create import create
from gatelodge.ops.scaffold.parameters import named
from gatelodge.ops.scaffold.wheel import find_wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout as a file."""
    folder = tmp_path_factory.mktemp("wheel")
    return folder / find_wheel(None, folder).name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The folder of a new server, for reading."""
    folder = tmp_path_factory.mktemp("new") / "team-notes"
    create(named("team-notes", token_store="sqlite"), folder, wheel=wheel)
    return folder
