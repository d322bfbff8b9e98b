"""The file of objectives: read strictly, faults by name, and the table of the documentation equal to it."""

from pathlib import Path

import pytest
from slo_run import ROOT

from gatelodge.ops.slo.faults import ObjectivesInvalid
from gatelodge.ops.slo.objectives import FIGURES, parse_objectives, read_objectives

FILE = ROOT / "benchmarks" / "slo.toml"
TEXT = FILE.read_text(encoding="utf-8")


def test_the_promises_are_in_the_file() -> None:
    found = {objective.figure: objective for objective in read_objectives(FILE)}
    assert found.keys() == set(FIGURES)
    stream, errors = found["stream_ttfb_p95_ms"], found["server_5xx_percent"]
    assert (stream.target, stream.aim, stream.unit) == (2000, 100, "ms")
    assert (errors.target, errors.aim, errors.unit) == (0.5, 0, "%")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("target = 2000.0", "target = '2000'", "objective.stream-ttfb.target"),
        ("target = 2000.0", "", "objective.stream-ttfb.target"),
        ("target = 2000.0", "target = nan", "objective.stream-ttfb.target"),
        ("target = 2000.0", "target = 50.0", "aim is weaker"),
        ('unit = "s"', 'unit = "h"', "objective.link-time.unit"),
        ('unit = "s"', 'unit = "s"\nextra = 1', "objective.link-time.extra"),
        ('figure = "link_p95_s"', 'figure = "link_p99_s"', "objective.link-time.figure"),
        ('id = "link-time"', 'id = "availability"', "one twice"),
        ('id = "link-time"', "id = 5", "objective.6.id"),
        ("[[objective]]", "[[objektive]]", "objective"),
        ("[[objective]]", "[[objective", "no TOML"),
    ],
)
def test_a_fault_in_the_file_is_named_by_its_key(old: str, new: str, named: str) -> None:
    assert old in TEXT
    with pytest.raises(ObjectivesInvalid) as fault:
        parse_objectives(TEXT.replace(old, new).encode(), "slo.toml")
    assert named in fault.value.detail


def test_a_missing_or_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ObjectivesInvalid):
        read_objectives(tmp_path / "none.toml")
    with pytest.raises(ObjectivesInvalid):
        parse_objectives(b"#" * 100_000, "slo.toml")


def test_the_page_shows_every_objective_as_the_file_has_it() -> None:
    page = (ROOT / "docs" / "slo.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in page.split("## Objectives")[1].split("\n## ")[0].splitlines()
        if line.startswith("| `")
    ]
    wanted = [
        [
            objective.id,
            objective.what,
            f"{'at most' if objective.better == 'lower' else 'at least'} {objective.target:g} {objective.unit}",
            f"{objective.aim:g} {objective.unit}",
            objective.how,
        ]
        for objective in read_objectives(FILE)
    ]
    assert rows == wanted
