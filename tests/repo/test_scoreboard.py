"""The security scoreboard is what the committed results say, and what is written can be read back."""

import json
from pathlib import Path

import pytest
from results import record

from conformance.scoreboard import COMMAND, RESULTS, ROWS, ResultUnusable, read_results, render
from repo.checkout import ROOT
from repo.markdown import tables

_PAGE = ROOT / "docs" / "reference" / "security-scoreboard.md"


def cells(page: str) -> list[list[str]]:
    """The rows of the page's table."""
    (table,) = tables(page)
    return table[1:]


def recorded(row: int, name: str) -> Path:
    path = record(
        row, name=name, tried=1234, passed=1233, figure="12 ms | p99", command="pytest x", negative_control="typ off"
    )
    assert path is not None
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATELODGE_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


def test_the_scoreboard_is_the_generated_one() -> None:
    assert _PAGE.read_text(encoding="utf-8") == render(read_results(RESULTS)), f"run: {COMMAND}"


def test_every_row_stands_on_the_page_and_says_so_when_nothing_was_measured(tmp_path: Path) -> None:
    found = cells(render(read_results(tmp_path)))
    assert [row[0] for row in found] == [str(number) for number in range(1, 31)] == [str(number) for number in ROWS]
    assert {row[3] for row in found} == {"not yet"}


def test_what_is_recorded_comes_back_on_the_page(folder: Path) -> None:
    recorded(3, "in process")
    recorded(3, "through Traefik")
    found = [row for row in cells(render(read_results(folder))) if row[0] == "3"]
    assert [row[1].rpartition("(")[2] for row in found] == ["in process)", "through Traefik)"]
    for row in found:
        assert row[2:8] == [ROWS[3][1], "1,234", "1,233", "`pytest x`", "typ off", "12 ms | p99"]
        assert row[8].count("-") == 2


def test_a_figure_recorded_again_takes_the_place_of_the_first(folder: Path) -> None:
    assert recorded(14, "Ten addresses!") == recorded(14, "ten addresses")
    assert [path.name for path in folder.iterdir()] == ["14-ten-addresses.json"]


def test_without_a_folder_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATELODGE_RESULTS", raising=False)
    assert record(1, name="x", tried=1, passed=1, command="c", negative_control="n") is None


def test_a_result_of_another_hand_may_lack_members_and_have_more(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"row": 17, "figure": 300, "host": {"cores": 2}}))
    (row,) = [row for row in cells(render(read_results(tmp_path))) if row[0] == "17"]
    assert (row[3], row[7]) == ("", "300")
    (tmp_path / "x.json").write_text(json.dumps({"row": 17, "slowest_ms": 4.5, "rounds": 3, "host": {"cores": 2}}))
    (row,) = [row for row in cells(render(read_results(tmp_path))) if row[0] == "17"]
    assert row[7] == "slowest ms 4.5; rounds 3"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"row": 0}', '{"row": 31}', '{"row": "one"}', '{"row": null}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(ResultUnusable, match=r"broken\.json"):
        read_results(tmp_path)
