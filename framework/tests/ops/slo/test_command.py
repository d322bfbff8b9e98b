"""The command line: what it refuses before anything is sent, and what it says when a part is missing."""

import sys
from pathlib import Path

import pytest
from slo_run import write_run

from gatelodge.cli.main import main


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seconds", "5"],
        ["--seconds", "3601"],
        ["--clients", "0"],
        ["--clients", "17"],
        ["--links", "x"],
        ["--seconds", "²"],
    ],
)
def test_a_load_outside_its_bounds_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["slo", "run", *arguments])
    assert stopped.value.code == 2
    assert "no whole number from" in capsys.readouterr().err


def test_a_run_without_a_stack_says_how_to_get_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slo", "run", "--state-dir", str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    assert "gatelodge up" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_url_needs_a_user_and_nothing_is_sent_without(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slo", "run", "https://mcp.example.com/mcp"]) == 1
    assert "--password-file" in capsys.readouterr().err


def test_an_objective_that_cannot_be_read_stops_the_run_with_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slo.toml").write_text('[[objective]]\nid = "a"\n')
    assert main(["slo", "run", "--objectives", str(tmp_path / "slo.toml")]) == 2
    assert "objective.a.target" in capsys.readouterr().err


def test_a_report_says_the_verdicts_and_ends_with_one_when_an_objective_was_missed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["slo", "report", str(write_run(tmp_path))]) == 1
    out = capsys.readouterr().out
    assert "missed        availability-with-restart" in out
    assert "gatelodge slo run --seconds 20" in out


def test_a_missing_matplotlib_is_said_with_the_extra_that_brings_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["slo", "report", str(write_run(tmp_path))]) == 1
    assert "extra report" in capsys.readouterr().err
