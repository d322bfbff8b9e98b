"""No part that is used is older than the release that fixed the last known vulnerability that could be reached here."""

import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from packaging.version import Version
from results import record

from repo.checkout import ROOT

FLOORS: Mapping[str, Mapping[str, str]] = tomllib.loads((ROOT / "infra" / "floors.toml").read_text(encoding="utf-8"))
PYTHON, PARTS, NODE = FLOORS["python"], FLOORS["parts"], FLOORS["node"]
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


@cache
def parts() -> Mapping[str, Any]:
    """The pins of the real parts."""
    return tomllib.loads((ROOT / "infra" / "versions.toml").read_text(encoding="utf-8"))


def used() -> Iterator[tuple[str, str, str]]:
    """Every part that has a floor: where it was looked up and its name, the version used, the floor."""
    pinned = dict(_PIN.findall((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    for name, floor in PYTHON.items():
        yield f"lock {name}", pinned[name], floor
        yield f"installed {name}", importlib.metadata.version(name), floor
    for name, floor in PARTS.items():
        yield name, parts()[name]["version"], floor
    for path in sorted((ROOT / "tests").rglob("package-lock.json")):
        if "node_modules" in path.relative_to(ROOT).parts:
            continue
        for place, package in json.loads(path.read_text(encoding="utf-8"))["packages"].items():
            name = place.rpartition("node_modules/")[2]
            if name in NODE:
                yield f"{path.parent.name} {name}", package["version"], NODE[name]


def below(found: list[tuple[str, str, str]]) -> list[str]:
    """Those that are older than their floor."""
    return [f"{name} {version} < {floor}" for name, version, floor in found if Version(version) < Version(floor)]


def test_nothing_that_is_used_is_below_its_floor() -> None:
    found = list(used())
    old = below(found)
    record(
        7,
        name="locked, installed and pinned parts",
        tried=len(found),
        passed=len(found) - len(old),
        command=".venv/bin/pytest tests/repo/test_floors.py",
        negative_control="a part one release below its floor is named (test_a_part_below_its_floor_is_named)",
    )
    assert old == []
    assert {name.rpartition(" ")[2] for name, _, _ in found} == {*PYTHON, *PARTS, *NODE}


def test_the_image_of_keycloak_for_deployments_is_not_below_its_floor() -> None:
    tag = parts()["keycloak"]["image"].rpartition(":")[2]
    assert below([("keycloak image", tag, FLOORS["images"]["keycloak"])]) == []


@pytest.mark.parametrize(
    ("version", "floor", "old"),
    [("0.0.30", "0.0.31", True), ("0.0.31", "0.0.31", False), ("2.3.0", "1.28.1", False), ("1.9.9", "1.10.0", True)],
)
def test_a_part_below_its_floor_is_named(version: str, floor: str, old: bool) -> None:
    assert bool(below([("part", version, floor)])) is old
