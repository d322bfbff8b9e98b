"""Folders of strangers: changed, cut, too large, odd. Each fault is named, and none is followed."""

import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slo_run import sample, write_run

from gatelodge.cli.main import main
from gatelodge.ops.slo.faults import EvidenceInvalid
from gatelodge.ops.slo.folder import RUN, SAMPLES, pack_samples, read_evidence
from gatelodge.ops.slo.pages import as_html, as_markdown
from gatelodge.ops.slo.report import HTML, MARKDOWN, SUMMARY, make_report
from gatelodge.ops.slo.sample import parse_sample, write_sample
from gatelodge.ops.slo.summary import summarise
from gatelodge.ops.slo.verify import check_folder


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = write_run(tmp_path_factory.mktemp("run"))
    make_report(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(reported: dict[str, bytes], tmp_path: Path) -> Path:
    for name, data in reported.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def change_sample(folder: Path, change: Callable[[list[str]], None]) -> None:
    lines = gzip.decompress((folder / SAMPLES).read_bytes()).decode().splitlines()
    change(lines)
    (folder / SAMPLES).write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))


def test_an_untouched_report_is_sound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_folder(folder) == []
    assert main(["slo", "verify", str(folder)]) == 0
    assert "every number" in capsys.readouterr().out


def test_making_the_report_again_changes_nothing(folder: Path, reported: dict[str, bytes]) -> None:
    make_report(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == reported


def test_a_changed_digit_of_a_sample_is_named_by_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(lines: list[str]) -> None:
        lines[41] = lines[41].replace('"ttfb":41.0', '"ttfb":40.0')

    change_sample(folder, change)
    assert main(["slo", "verify", str(folder)]) == 1
    out = capsys.readouterr().out
    assert f"{SAMPLES}: sample 42: changed" in out
    assert f"{SAMPLES}: changed: its sha256" in out
    with pytest.raises(EvidenceInvalid, match="sample 42"):
        make_report(folder)


def test_a_sample_that_was_changed_with_its_sum_is_found_by_hash_and_by_the_figures(folder: Path) -> None:
    def change(lines: list[str]) -> None:
        lines[5] = write_sample(sample(0.5, status=500, good=False, why="x"))

    change_sample(folder, change)
    faults = "\n".join(check_folder(folder))
    assert f"{SAMPLES}: changed after the run" in faults
    assert "figures.server_5xx_percent.count: says 0, the samples give 1" in faults


def test_a_sample_that_was_left_out_is_found(folder: Path) -> None:
    change_sample(folder, lambda lines: lines.__delitem__(3))
    assert any("samples, the run made" in fault for fault in check_folder(folder))


def test_a_failure_that_was_moved_into_the_restart_is_found(folder: Path) -> None:
    def change(lines: list[str]) -> None:
        lines[5] = write_sample(sample(0.5, status=500, good=False, why="x", window="restart"))

    change_sample(folder, change)
    assert any("sample 6: its window" in fault for fault in check_folder(folder))


@pytest.mark.parametrize(
    ("name", "old", "new", "named"),
    [
        (SUMMARY, '"value": 100.0', '"value": 99.0', "objectives[3].value: says 99.0, the samples give 100.0"),
        (SUMMARY, '"verdict": "missed"', '"verdict": "met"', "verdict: says 'met'"),
        (MARKDOWN, "| met |", "| missed |", f"{MARKDOWN}: line"),
        (HTML, "Not measured", "Measured", f"{HTML}: line"),
        (RUN, '"cores": "2"', '"cores": "64"', "run.environment.cores: says '2', the samples give '64'"),
        ("SHA256SUMS", "  report.html", "  other.html", "SHA256SUMS: no sum of report.html"),
    ],
)
def test_a_changed_figure_is_named(folder: Path, name: str, old: str, new: str, named: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    faults = check_folder(folder)
    assert any(named in fault for fault in faults), faults


def test_a_changed_plot_is_found_by_its_hash(folder: Path) -> None:
    page = (folder / HTML).read_text(encoding="utf-8")
    (folder / HTML).write_text(page.replace("base64,iVBOR", "base64,iVBOX", 1), encoding="utf-8")
    assert check_folder(folder) == [f"{HTML}: changed: its sha256 is not the one in SHA256SUMS"]


@pytest.mark.parametrize("name", [RUN, SAMPLES, "objectives.toml", SUMMARY, "SHA256SUMS", HTML])
def test_a_missing_file_ends_the_check_with_its_name(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).unlink()
    assert main(["slo", "verify", str(folder)]) == 2
    assert name in capsys.readouterr().err


def test_a_link_in_place_of_a_file_is_not_followed(folder: Path) -> None:
    (folder / "elsewhere").write_bytes((folder / RUN).read_bytes())
    (folder / RUN).unlink()
    (folder / RUN).symlink_to(folder / "elsewhere")
    with pytest.raises(EvidenceInvalid, match=RUN):
        read_evidence(folder)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{}\n")[:-6],
        gzip.compress(b"\xff\xfe\n"),
        gzip.compress(b"x" * 5000),
        gzip.compress(b"\0" * (70 * 1024 * 1024), 1),
        gzip.compress(b"\n" * 100_001),
    ],
    ids=["empty", "no gzip", "cut", "no text", "long line", "bomb", "many lines"],
)
def test_samples_that_cannot_be_read_are_refused_or_named(tmp_path: Path, packed: bytes) -> None:
    write_run(tmp_path)
    (tmp_path / SAMPLES).write_bytes(packed)
    found: tuple[str, ...] = ()
    with suppress(EvidenceInvalid):
        found = read_evidence(tmp_path).faults
        assert found, "read as if nothing had happened"
    assert all(fault.startswith(SAMPLES) for fault in found)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', "[" * 100_000, '{"format": 1, "seconds": 1e999}'], ids=range(6)
)
def test_a_run_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    write_run(tmp_path)
    (tmp_path / RUN).write_text(text)
    with pytest.raises(EvidenceInvalid, match=RUN):
        read_evidence(tmp_path)


@given(
    st.text(max_size=60) | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps)
)
@settings(max_examples=50)
def test_no_line_of_a_stranger_is_read_as_a_sample(line: str) -> None:
    with pytest.raises(EvidenceInvalid):
        parse_sample(line)


def test_a_sample_is_read_back_as_it_was_written() -> None:
    made = sample(3.25, ttfb=None, status=0, good=False, why="no answer")
    assert parse_sample(write_sample(made)) == made
    assert pack_samples([made]) == pack_samples([made])


@pytest.mark.parametrize(
    ("member", "value"), [("at", -1), ("status", True), ("lane", "moon"), ("total", 1e300), ("kind", 5)]
)
def test_a_sample_with_a_wrong_value_is_refused_though_its_sum_fits(member: str, value: Any) -> None:
    with pytest.raises(EvidenceInvalid, match=member):
        parse_sample(write_sample(replace(sample(), **{member: value})))


def test_texts_of_a_server_are_escaped_on_both_pages(tmp_path: Path) -> None:
    bad = sample(1.0, status=500, good=False, why="<script>|[x](javascript:1)")
    summary = summarise(read_evidence(write_run(tmp_path, [bad], events=())))
    images = dict.fromkeys(("latency", "timeline", "errors"), b"")
    page = as_html(summary, images)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "Linux &lt;b&gt;1" in page
    assert r"\<script\>\|\[x\]" in as_markdown(summary)
