"""Parts in use against ``infra/floors.toml``: locked and installed packages, binaries, image tags, npm packages.

Invariant: a floor without an advisory's id and the day of its last review is a finding, and so is an image that a
deployment pulls and that has no floor. Not here: the same comparison on a user's machine (``gatelodge doctor``).
"""

import datetime as dt
import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.version import Version

from repo.checkout import ROOT
from repo.scans.outcome import Outcome

__all__ = ["SECTIONS", "Table", "Used", "below", "npm_packages", "read", "scan", "tag_below", "unsourced", "used"]

SECTIONS = ("python", "parts", "images", "node")
Table = Mapping[str, Mapping[str, Mapping[str, Any]]]
# Where it was found and its name, the version used, the floor.
Used = tuple[str, str, str]
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_ID = re.compile(r"CVE-\d{4}-\d{4,}|GHSA(-[a-z0-9]{4}){3}")


def read(path: Path) -> dict[str, Any]:
    """A TOML file below the checkout."""
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))


def unsourced(table: Table, today: dt.date) -> list[str]:
    """Entries that do not say where their floor is from and when somebody last looked."""
    faults = [f"{name}: an unknown section" for name in table if name not in SECTIONS]
    for section, entries in table.items():
        for name, entry in entries.items():
            place = f"{section}.{name}"
            if not isinstance(entry, Mapping) or not isinstance(entry.get("floor"), str):
                faults.append(f"{place}: no floor")
                continue
            ids = entry.get("ids", [])
            if not ids or not all(_ID.fullmatch(each) for each in ids):
                faults.append(f"{place}: needs the ids of advisories (CVE-… or GHSA-…), has {ids}")
            reviewed = entry.get("reviewed")
            if not isinstance(reviewed, dt.date) or reviewed > today:
                faults.append(f"{place}: needs the day of the last review, not in the future")
            if unknown := set(entry) - {"floor", "ids", "reviewed", "why"}:
                faults.append(f"{place}: unknown keys {sorted(unknown)}")
    return faults


def npm_packages() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Lock file's folder, name and entry of every locked npm package of ours."""
    for path in sorted([*(ROOT / "tests").rglob("package-lock.json"), *(ROOT / "deploy").rglob("package-lock.json")]):
        if "node_modules" in path.relative_to(ROOT).parts:
            continue
        for place, entry in json.loads(path.read_text(encoding="utf-8"))["packages"].items():
            if place:
                yield path.parent.relative_to(ROOT).as_posix(), place.rpartition("node_modules/")[2], entry


def used(table: Table) -> Iterator[Used]:
    """Every locked, installed or pinned part that has a floor; images are ``tags``."""
    pinned = dict(_PIN.findall((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    for name, entry in table["python"].items():
        yield f"lock {name}", pinned[name], entry["floor"]
        yield f"installed {name}", importlib.metadata.version(name), entry["floor"]
    parts = read(Path("infra/versions.toml"))
    for name, entry in table["parts"].items():
        yield name, parts[name]["version"], entry["floor"]
    for folder, name, package in npm_packages():
        if name in table["node"]:
            yield f"{folder} {name}", package["version"], table["node"][name]["floor"]


def tags() -> Mapping[str, str]:
    """Part to the tag of its image, as pinned."""
    parts = read(Path("infra/versions.toml"))
    return {name: part["image"].rpartition(":")[2] for name, part in parts.items() if "image" in part}


def below(found: Iterable[Used]) -> list[str]:
    """Those that are older than their floor."""
    return [f"{name} {version} < {floor}" for name, version, floor in found if Version(version) < Version(floor)]


def tag_below(tag: str, floor: str) -> bool:
    """Whether an image's tag names an older release; of ``3.13-slim`` and 3.13.4 the numbers that both have count."""
    numbers = re.match(r"v?(\d+(?:\.\d+)*)", tag)
    if numbers is None:
        return True
    ours, theirs = Version(numbers[1]).release, Version(floor).release
    both = min(len(ours), len(theirs))
    return ours[:both] < theirs[:both]


def scan() -> Outcome:
    """The committed table against the checkout and its environment."""
    table = read(Path("infra/floors.toml"))
    today = dt.datetime.now(dt.UTC).date()
    faults = unsourced(table, today)
    if faults:
        return Outcome("floors", "the table", tuple(faults))
    found = list(used(table))
    images = tags()
    faults += below(found)
    faults += [f"image {name}: no floor" for name in images if name not in table["images"]]
    faults += [
        f"image {name} {images[name]} < {entry['floor']}"
        for name, entry in table["images"].items()
        if tag_below(images.get(name, "none"), entry["floor"])
    ]
    met = {place.rpartition(" ")[2] for place, _, _ in found}
    faults += [
        f"{section}.{name}: nothing here uses it"
        for section in ("python", "parts", "node")
        for name in table[section]
        if name not in met
    ]
    return Outcome("floors", f"{len(found)} versions and {len(images)} image tags", tuple(faults))
