"""The lock files of packages from npm: exact, hashed, and silent about where packages come from."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [
    ROOT / "e2e" / "clients",
    ROOT / "support" / "npm_access",
    ROOT / "support" / "npm_providers",
    ROOT / "support" / "npm_models",
]


def lock(folder: Path) -> str:
    return (folder / "package-lock.json").read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_lock_names_no_download_address(folder: Path) -> None:
    assert '"resolved"' not in lock(folder)
    assert not re.search(r"https?://[^\"]*\.tgz", lock(folder))
    assert "registry" not in lock(folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_locked_package_has_a_version_and_a_hash(folder: Path) -> None:
    packages = {name: entry for name, entry in json.loads(lock(folder))["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_packages_are_pinned_to_exact_versions_that_the_lock_repeats(folder: Path) -> None:
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    locked = json.loads(lock(folder))["packages"]
    assert wanted == {name: locked[f"node_modules/{name}"]["version"] for name in wanted}
