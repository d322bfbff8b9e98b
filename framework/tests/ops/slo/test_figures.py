"""Figures worked out by hand from samples made by rule."""

from pathlib import Path

import pytest
from slo_run import RESTARTED, sample, some_samples, write_run

from gatelodge.ops.slo.folder import read_evidence
from gatelodge.ops.slo.journal import Event, window_of
from gatelodge.ops.slo.summary import summarise


def test_every_figure_is_what_the_samples_give(tmp_path: Path) -> None:
    summary = summarise(read_evidence(write_run(tmp_path)))
    figures = summary["figures"]
    samples = some_samples()
    inside = [s for s in samples if s.window]
    assert 20 <= len(inside) <= 23
    streams = sorted(s.ttfb for s in samples if s.streamed and s.good and s.ttfb is not None)
    assert figures["stream_ttfb_p95_ms"]["value"] == streams[-(-95 * len(streams) // 100) - 1]
    edge = 200 + 10
    assert figures["server_5xx_percent"] == {"count": 0, "of": edge - len(inside), "value": 0.0, "why": ""}
    assert figures["server_5xx_percent_with_restart"]["value"] == round(100 * len(inside) / edge, 4)
    assert figures["availability_percent"]["value"] == 100
    assert figures["availability_percent_with_restart"]["count"] == edge - len(inside)
    # 20 links from 1.0 to 2.9 s: the 19th.
    assert figures["link_p95_s"]["value"] == pytest.approx(2.8)
    verdicts = {
        objective["id"]: (objective["verdict"], objective["aim_verdict"]) for objective in summary["objectives"]
    }
    assert verdicts["server-errors"] == ("met", "met")
    assert verdicts["stream-ttfb"] == ("met", "missed")
    assert verdicts["availability-with-restart"] == ("missed", "missed")
    assert verdicts["link-time"] == ("met", "missed")


def test_overheads_are_ratios_of_whole_pairs_of_the_same_run(tmp_path: Path) -> None:
    half = sample(1.0, pair=99, total=9000.0)
    failed = [sample(1.0, pair=98, good=False, why="x"), sample(1.0, pair=98, lane="direct", total=1.0)]
    traefik, auth = summarise(read_evidence(write_run(tmp_path, [*some_samples(), half, *failed])))["overheads"]
    assert (traefik["of"], traefik["pairs"], traefik["p50_ms"], traefik["p50_ratio"]) == ("Traefik", 10, [30, 20], 1.5)
    assert (auth["of"], auth["pairs"], auth["p50_ms"], auth["p50_ratio"]) == ("auth", 10, [21, 14], 1.5)
    assert traefik["p95_ratio"] is None, "ten pairs show no p95"


def test_what_was_not_sampled_is_not_measured_and_says_why(tmp_path: Path) -> None:
    calm = [sample(number / 10) for number in range(10)]
    summary = summarise(read_evidence(write_run(tmp_path, calm, events=(), links=[])))
    for name in ("stream_ttfb_p95_ms", "server_5xx_percent_with_restart", "link_p95_s"):
        assert summary["figures"][name]["value"] is None
        assert summary["figures"][name]["why"]
    judged = {objective["id"]: objective["verdict"] for objective in summary["objectives"]}
    assert judged["link-time"] == judged["stream-ttfb"] == judged["availability-with-restart"] == "not measured"
    assert judged["availability"] == "met"
    assert {"objective link-time", "a call with an expired token"} <= summary["not_measured"].keys()
    assert all(row["total_ms"]["p99"] is None for row in summary["latencies"])


def test_a_failed_link_does_not_make_the_link_time_better(tmp_path: Path) -> None:
    links = [{"user": 1, "seconds": 1.0, "good": True, "why": ""}] * 18
    links += [{"user": 1, "seconds": 0.1, "good": False, "why": "token: status 401"}] * 2
    summary = summarise(read_evidence(write_run(tmp_path, links=links)))
    assert (summary["figures"]["link_p95_s"]["value"], summary["figures"]["link_p95_s"]["failed"]) == (30.0, 2)
    assert next(o["verdict"] for o in summary["objectives"] if o["id"] == "link-time") == "missed"


def test_a_run_without_any_request_has_a_report_of_nothing(tmp_path: Path) -> None:
    summary = summarise(read_evidence(write_run(tmp_path, [], events=(), links=[])))
    assert {objective["verdict"] for objective in summary["objectives"]} == {"not measured"}


def test_a_refusal_of_an_expired_token_is_no_failure_and_an_error_of_the_issuer_is_none_of_the_server(
    tmp_path: Path,
) -> None:
    odd = [
        sample(1.0, kind="expired", status=401, valid=False),
        sample(1.1, server="issuer", kind="refresh", status=503, good=False, why="no usable answer"),
    ]
    figures = summarise(read_evidence(write_run(tmp_path, odd, events=())))["figures"]
    assert (figures["server_5xx_percent"]["count"], figures["server_5xx_percent"]["of"]) == (0, 1)
    assert (figures["availability_percent"]["count"], figures["availability_percent"]["of"]) == (0, 1)


@pytest.mark.parametrize(
    ("at", "ended", "inside"),
    [(1, 9.9, ""), (1, 10.0, "restart"), (11, 11.5, "restart"), (12.0, 13, "restart"), (12.1, 13, "")],
)
def test_a_request_belongs_to_the_restart_when_it_touches_it(at: float, ended: float, inside: str) -> None:
    assert window_of(at, ended, [RESTARTED]) == inside
    assert window_of(at, ended, [Event("key-rotation", 0, 100)]) == ""


def test_a_restart_that_never_ended_holds_everything_after_it() -> None:
    assert window_of(500, 501, [Event("restart", 10.0)]) == "restart"
