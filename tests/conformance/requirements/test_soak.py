"""The soak works in its smallest form, and each of its promises, when broken, fails it."""

import copy
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from native_stack import CHECKOUT

_BENCHMARKS = CHECKOUT / "benchmarks"
_RESULTS = _BENCHMARKS / "results" / "soak.json"
_SMALLEST = "--seconds 6 --rate 15 --users 30 --streams 2"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any]]:
    output = tmp_path_factory.mktemp("soak") / "soak.json"
    command = [sys.executable, str(_BENCHMARKS / "soak.py"), *_SMALLEST.split(), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert output.exists(), done.stderr
    return done.returncode, json.loads(output.read_text(encoding="utf-8"))


def judged(found: dict[str, Any]) -> dict[str, Any]:
    """The verdict that the program itself gives."""
    spec = importlib.util.spec_from_file_location("soak_verdict", _BENCHMARKS / "soak_verdict.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    said: dict[str, Any] = module.verdict(found)
    return said


def test_every_call_of_a_small_run_is_answered_rightly_and_in_the_trail(run: tuple[int, dict[str, Any]]) -> None:
    _, found = run
    calls = found["calls"]
    assert calls["wrong"] == 0
    assert set(calls["tools"]) == {"add", "keep", "count"}
    assert found["audit"]["whole"]
    assert found["verdict"]["audit_is_the_calls"]
    assert found["audit"]["events"]["tool.call ok"] >= calls["statuses"]["200"] > 0
    assert found["verdict"]["ended_when_told"]
    assert "no JSON" not in found["log"]["lines"]


def test_a_small_run_has_every_figure_and_ends_as_its_verdict_says(run: tuple[int, dict[str, Any]]) -> None:
    code, found = run
    assert code == (0 if found["verdict"]["passed"] else 1)
    (only,) = found["slices"]
    wanted = {"requests", "statuses", "short_ms", "rss_mb", "files", "audit_queue_length", "log_mb"}
    assert wanted <= set(only)
    assert set(only["short_ms"]) == {"p50", "p95", "p99"}
    assert found["commit"]
    assert found["verdict"]["memory"] is None, "too short to say"


def _server_error(found: dict[str, Any]) -> None:
    found["calls"]["with_capacity"]["statuses"]["503"] = 1


def _silence(found: dict[str, Any]) -> None:
    found["calls"]["with_capacity"]["statuses"]["0"] = 1


def _limit(found: dict[str, Any]) -> None:
    found["calls"]["with_capacity"]["statuses"]["429"] = 1


def _growth(found: dict[str, Any]) -> None:
    found["memory"] = {"judged": True, "ratio": 1.051}


def _lost_event(found: dict[str, Any]) -> None:
    found["audit"]["events"]["tool.call ok"] = found["calls"]["with_capacity"]["statuses"]["200"] - 1


def _made_up_event(found: dict[str, Any]) -> None:
    statuses = found["calls"]["with_capacity"]["statuses"]
    found["audit"]["events"]["tool.call ok"] = statuses["200"] + statuses.get("0", 0) + 1


def _broken_chain(found: dict[str, Any]) -> None:
    found["audit"]["whole"] = False


def _crash(found: dict[str, Any]) -> None:
    found["exit_code"] = 9


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (_server_error, "no_5xx"),
        (_silence, "all_answered"),
        (_limit, "nobody_limited"),
        (_growth, "memory"),
        (_lost_event, "audit_is_the_calls"),
        (_made_up_event, "audit_is_the_calls"),
        (_broken_chain, "audit_is_the_calls"),
        (_crash, "ended_when_told"),
    ],
)
def test_a_promise_that_is_broken_fails_the_run(
    broken: Callable[[dict[str, Any]], None], promise: str, run: tuple[int, dict[str, Any]]
) -> None:
    found = copy.deepcopy(run[1])
    broken(found)
    said = judged(found)
    assert said[promise] is False
    assert said["passed"] is False


@pytest.mark.skipif(not _RESULTS.exists(), reason="no run is committed yet")
def test_the_committed_run_lasted_ten_minutes_and_held_its_promises() -> None:
    found = json.loads(_RESULTS.read_text(encoding="utf-8"))
    assert found["slices"][-1]["s"] >= 590
    assert found["memory"]["judged"]
    kept = {name for name, held in found["verdict"].items() if held}
    assert {"no_5xx", "nobody_limited", "memory", "audit_is_the_calls", "ended_when_told"} <= kept
    # One call in 195,989 had no answer and was not recorded: benchmarks/README.md.
    assert found["calls"]["statuses"].get("0", 0) <= 1
