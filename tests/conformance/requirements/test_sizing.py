"""The sizing guide says what the committed run measured, and the run itself works in its smallest form."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from native_stack import CHECKOUT

_BENCHMARKS = CHECKOUT / "benchmarks"
_RESULTS, _GUIDE = _BENCHMARKS / "results" / "sizing.json", CHECKOUT / "docs" / "guides" / "sizing.md"
_SMALLEST = (
    "--users 1 4 --streams 0 3 --callers 1 2 --documents 2 6 --rounds 1 --seconds 0.05 --again 1 --warm-up 5 --idle 0.2"
)


def program(name: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_BENCHMARKS / name), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def compared(results: Path, guide: Path) -> int:
    return program("sizing_page.py", "--check", "--results", results, "--guide", guide).returncode


def test_the_guide_has_the_figures_of_the_committed_run() -> None:
    assert compared(_RESULTS, _GUIDE) == 0


def test_the_committed_run_has_the_sizes_that_were_asked_for() -> None:
    found = json.loads(_RESULTS.read_text(encoding="utf-8"))
    assert [row["users"] for row in found["users"]] == [1, 100, 1_000, 10_000]
    assert {row["streams"] for row in found["streams"]} >= {0, 100, 500, 1_000}
    assert {row["callers"] for row in found["callers"]} >= {1, 8, 32, 128}


@pytest.mark.parametrize("part", ["users", "streams", "callers", "documents"])
def test_a_figure_that_differs_is_noticed(part: str, tmp_path: Path) -> None:
    found, changed = json.loads(_RESULTS.read_text(encoding="utf-8")), tmp_path / "changed.json"
    latency = {"users": "first", "streams": "one_caller"}.get(part)
    row = found[part][-1]
    (row[latency] if latency else row)["p50_ms"] += 1
    changed.write_text(json.dumps(found))
    assert compared(changed, _GUIDE) == 1


def test_the_smallest_run_measures_every_part_and_makes_a_page(tmp_path: Path) -> None:
    results, guide = tmp_path / "sizing.json", tmp_path / "sizing.md"
    done = program("sizing.py", *_SMALLEST.split(), "--output", results)
    assert done.returncode == 0, done.stderr
    shutil.copy(_GUIDE, guide)
    assert program("sizing_page.py", "--results", results, "--guide", guide).returncode == 0
    assert compared(results, guide) == 0
    found = json.loads(results.read_text(encoding="utf-8"))
    alone, beside, older = found["streams"]
    for row in (beside, older):
        assert row["open"]["files"] >= alone["open"]["files"] + 3 - 1, "each stream is a descriptor"
    for row in [*found["callers"], *found["documents"]]:
        assert row["calls"] > 0


def test_a_limit_of_open_files_that_is_too_low_is_said_and_nothing_is_measured(tmp_path: Path) -> None:
    command = f"ulimit -n 200 && exec {sys.executable} {_BENCHMARKS / 'sizing.py'} --output {tmp_path / 'sizing.json'}"
    done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, list(tmp_path.iterdir())) == (77, [])
    assert "1256 open files are needed" in done.stdout
