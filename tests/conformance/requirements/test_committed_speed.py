"""The committed figures of ``make bench`` are whole: both eras, both loads, every server in every round, no errors."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

_RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


@pytest.fixture
def newest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(max(_RESULTS.glob("*-resource-server.json")).read_text(encoding="utf-8"))
    return found


def test_the_newest_run_compares_ours_with_plain_fastmcp_everywhere(newest: dict[str, Any]) -> None:
    assert newest["commit"]
    samples = newest["samples"]
    rounds = {sample["round"] for sample in samples}
    measured = {(s["round"], s["era"], s["connections"], s["server"]) for s in samples if s["calls"] > 0}
    assert len(rounds) >= 3
    assert measured >= set(product(rounds, ("2025-11-25", "2026-07-28"), (1, 8), ("fastmcp", "ours")))
    assert [sample for sample in samples if sample["errors"]] == []
