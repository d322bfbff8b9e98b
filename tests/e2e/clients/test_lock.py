"""The lock file of the npm clients: exact, hashed, and silent about where packages come from."""

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
LOCK = (HERE / "package-lock.json").read_text()


def test_the_lock_names_no_download_address() -> None:
    assert '"resolved"' not in LOCK
    assert not re.search(r"https?://[^\"]*\.tgz", LOCK)
    assert "registry" not in LOCK


def test_every_locked_package_has_a_version_and_a_hash() -> None:
    packages = {name: entry for name, entry in json.loads(LOCK)["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")] == []


def test_the_clients_are_pinned_to_exact_versions_that_the_lock_repeats() -> None:
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    locked = json.loads(LOCK)["packages"]
    assert wanted == {name: locked[f"node_modules/{name}"]["version"] for name in wanted}
