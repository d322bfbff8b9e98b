"""The official MCP suite against a protected server, for both revisions, each scenario on its own."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from npm_install import NpmUnavailable
from results import record

from conformance.official import suite
from conformance.official.deployment import Deployment
from conformance.official.scenarios import BASELINE, HELD, REQUIRED, SECURITY, faults, shortfall
from conformance.official.suite import Finished, Suite

# The server runs in this process, and FastMCP still sends log messages, which the SDK calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")

REVISIONS = list(REQUIRED)
NAMED = [
    (revision, scenario) for revision in REVISIONS for scenario in dict.fromkeys((*HELD[revision], *BASELINE[revision]))
]
COMMAND = ".venv/bin/pytest tests/conformance/official"
CONTROL = "the same suite without the injecting proxy: 401, and the scenario fails"


@pytest.fixture(scope="session")
def official() -> Suite:
    """The installed suite, or a skip with the reason."""
    try:
        return suite.install()
    except NpmUnavailable as reason:
        pytest.skip(f"official MCP suite: {reason}")


@pytest.fixture(scope="session")
def runs(official: Suite, deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Finished]:
    """One run for each revision, side by side."""

    def run(revision: str) -> Finished:
        return official.run(deployment.url, tmp_path_factory.mktemp(revision), "--requirements", revision)

    with ThreadPoolExecutor(max_workers=len(REVISIONS)) as pool:
        return dict(zip(REVISIONS, pool.map(run, REVISIONS), strict=True))


@pytest.mark.parametrize(("revision", "scenario"), NAMED)
def test_the_scenario_passes_or_its_failure_is_known(
    runs: Mapping[str, Finished], revision: str, scenario: str
) -> None:
    checks = runs[revision].checks.get(scenario)
    assert faults(scenario, checks, BASELINE[revision], HELD[revision]) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_required_scenarios_are_those_of_the_package(official: Suite, revision: str) -> None:
    assert sorted(REQUIRED[revision]) == sorted(official.required(revision))


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_suite_comes_to_the_same_verdict(runs: Mapping[str, Finished], revision: str) -> None:
    failed = {
        scenario
        for scenario in REQUIRED[revision]
        if any(check["status"] == "FAILURE" for check in runs[revision].checks[scenario])
    }
    assert failed <= set(BASELINE[revision])
    assert (runs[revision].code == 0) == (not failed), runs[revision].output[-2000:]


def test_no_required_scenario_of_the_newest_revision_is_on_the_baseline() -> None:
    assert set(BASELINE["2026-07-28"]).isdisjoint(REQUIRED["2026-07-28"])


def test_the_keys_were_fetched_over_http(runs: Mapping[str, Finished], deployment: Deployment) -> None:
    assert runs
    assert deployment.issuer.keys_fetches == 1


def test_without_a_token_the_suite_fails(official: Suite, deployment: Deployment, tmp_path: Path) -> None:
    """The negative control: what passes above passes by the injected token, and a refusal is seen as a failure."""
    assert httpx2.post(deployment.bare_url, json={}, timeout=60).status_code == 401
    for revision in REVISIONS:
        work = tmp_path / revision
        work.mkdir()
        bare = official.run(deployment.bare_url, work, "--scenario", "tools-list", "--spec-version", revision)
        assert bare.code != 0
        assert "Sign in to use this server" in (shortfall(bare.checks["tools-list"]) or "")
        assert faults("tools-list", bare.checks["tools-list"], BASELINE[revision], HELD[revision]) != []


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_figures_are_recorded(runs: Mapping[str, Finished], revision: str) -> None:
    """Written only when a folder is named for them; the row of the scoreboard is the newest revision's."""
    counted = dict.fromkeys((*REQUIRED[revision], *(SECURITY if revision == "2026-07-28" else ())))
    short = [scenario for scenario in counted if shortfall(runs[revision].checks.get(scenario)) is not None]
    known = sorted(set(short) & set(BASELINE[revision]))
    assert short == [scenario for scenario in short if scenario in known]
    record(
        8,
        name=f"revision {revision}",
        tried=len(counted),
        passed=len(counted) - len(short),
        figure=f"on the baseline with a reason: {', '.join(known)}" if known else None,
        command=COMMAND,
        negative_control=CONTROL,
    )
