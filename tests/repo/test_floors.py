"""No part that is used is older than the release that fixed the last known vulnerability that could be reached here."""

import copy
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from results import record

from repo.scans import floors

TABLE = floors.read(Path("infra/floors.toml"))
TODAY = dt.datetime.now(dt.UTC).date()


def test_nothing_that_is_used_is_below_its_floor() -> None:
    found = list(floors.used(TABLE))
    old = floors.below(found)
    record(
        7,
        name="locked, installed and pinned parts",
        tried=len(found),
        passed=len(found) - len(old),
        command=".venv/bin/pytest tests/repo/test_floors.py",
        negative_control="a part one release below its floor is named (test_a_part_below_its_floor_is_named)",
    )
    assert old == []
    outcome = floors.scan()
    assert outcome.findings == ()
    assert outcome.looked_at.startswith(str(len(found)))


def test_every_image_that_a_deployment_pulls_has_a_floor() -> None:
    assert set(floors.tags()) == set(TABLE["images"])


@pytest.mark.parametrize(
    ("version", "floor", "old"),
    [("0.0.30", "0.0.31", True), ("0.0.31", "0.0.31", False), ("2.3.0", "1.28.1", False), ("1.9.9", "1.10.0", True)],
)
def test_a_part_below_its_floor_is_named(version: str, floor: str, old: bool) -> None:
    assert bool(floors.below([("part", version, floor)])) is old


@pytest.mark.parametrize(
    ("tag", "floor", "old"),
    [
        ("26.7.4", "26.7.5", True),
        ("v3.7.12", "3.7.13", True),
        ("v3.7.15", "3.7.13", False),
        ("17.9-trixie", "17.10", True),
        ("17.12-trixie", "17.10", False),
        ("3.13-slim-trixie", "3.13.13", False),
        ("3.12-slim-trixie", "3.13.13", True),
        ("latest", "1.0", True),
    ],
)
def test_an_image_s_tag_is_compared_by_the_numbers_it_has(tag: str, floor: str, old: bool) -> None:
    assert floors.tag_below(tag, floor) is old


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ids": []}, "needs the ids"),
        ({"ids": ["a blog post"]}, "needs the ids"),
        ({"reviewed": None}, "day of the last review"),
        ({"reviewed": TODAY + dt.timedelta(days=1)}, "day of the last review"),
        ({"floor": None}, "no floor"),
        ({"note": "x"}, "unknown keys"),
    ],
)
def test_an_entry_that_does_not_say_where_it_is_from_is_refused(change: dict[str, Any], says: str) -> None:
    table = copy.deepcopy(TABLE)
    assert floors.unsourced(table, TODAY) == []
    table["python"]["h11"] |= change
    (fault,) = floors.unsourced(table, TODAY)
    assert fault.startswith("python.h11: ")
    assert says in fault
