"""The judge of a run can say no: a failure, a warning, an empty scenario, a stale or unknown entry of the baseline."""

import json
import re
from pathlib import Path

from conformance.official.scenarios import faults, shortfall

GOOD = [{"id": "a", "status": "SUCCESS"}, {"id": "b", "status": "INFO"}]
BAD = [*GOOD, {"id": "c", "status": "FAILURE", "errorMessage": "HTTP 401"}]
HERE = Path(__file__).parent
LOCK = (HERE / "package-lock.json").read_text()


def test_a_scenario_that_succeeds_is_passed() -> None:
    assert shortfall(GOOD) is None
    assert faults("s", GOOD, {}, ["s"]) == []


def test_a_failure_a_warning_and_an_empty_scenario_are_not_passed() -> None:
    assert shortfall(BAD) == "FAILURE c: HTTP 401"
    assert shortfall([*GOOD, {"id": "w", "status": "WARNING"}]) is not None
    assert shortfall([{"id": "b", "status": "SKIPPED"}]) == "checked nothing"
    assert shortfall([]) == "checked nothing"


def test_a_failure_without_a_reason_on_the_baseline_is_a_fault() -> None:
    assert faults("s", BAD, {}, ["s"]) == ["s: FAILURE c: HTTP 401"]
    assert faults("s", None, {}, ["s"]) == ["s: did not run"]
    assert faults("s", BAD, {"s": "known"}, ["s"]) == []


def test_an_entry_of_the_baseline_that_no_longer_fails_is_a_fault() -> None:
    assert "passes now" in faults("s", GOOD, {"s": "known"}, ["s"])[0]


def test_an_entry_of_the_baseline_without_a_scenario_a_run_or_a_reason_is_a_fault() -> None:
    assert "not held here" in faults("gone", None, {"gone": "known"}, ["s"])[0]
    assert "did not run" in faults("s", None, {"s": "known"}, ["s"])[0]
    assert "no reason" in faults("s", BAD, {"s": " "}, ["s"])[0]


def test_the_lock_is_exact_and_names_no_download_address() -> None:
    packages = {name: entry for name, entry in json.loads(LOCK)["packages"].items() if name}
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert wanted == {name: packages[f"node_modules/{name}"]["version"] for name in wanted}
    assert [name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")] == []
    assert '"resolved"' not in LOCK
    assert not re.search(r"https?://[^\"]*\.tgz|registry", LOCK)
