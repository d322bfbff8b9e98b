"""The realm's files of this repository, and copies of them with one change."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def realm_files() -> Path:
    return Path(__file__).parents[4] / "infra" / "keycloak"


@pytest.fixture
def copied(realm_files: Path, tmp_path: Path) -> Path:
    """The folder of a copy, free to change."""
    return shutil.copytree(realm_files, tmp_path / "keycloak")


@pytest.fixture
def changed(copied: Path) -> Callable[[str, Callable[[Any], None]], Path]:
    """``changed(file, change)``: the folder of a copy in which ``change`` was applied to the content of ``file``."""

    def apply(file: str, change: Callable[[Any], None]) -> Path:
        content = yaml.safe_load((copied / file).read_text())
        change(content)
        (copied / file).write_text(yaml.safe_dump(content))
        return copied

    return apply
