"""A short run against the real stack: what it did, what it left, and the report that is made of it (K9-K11, B7)."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from native_stack import Stack, gatelodge

from gatelodge.cli.main import main
from gatelodge.ops.slo.folder import SAMPLES, Evidence, read_evidence
from gatelodge.ops.slo.pages import without_images
from gatelodge.ops.slo.verify import check_folder

pytestmark = pytest.mark.stack

_KEYS = "org.keycloak.keys.KeyProvider"


def realm_of(stack: Stack) -> dict[str, Any]:
    """What a run changes for a while."""
    keys = stack.admin.keycloak.get_components({"type": _KEYS})
    return {
        "keys": {key["id"]: (key["name"], key["config"].get("active", ["true"])) for key in keys},
        "clients": sorted(client["clientId"] for client in stack.admin.keycloak.get_clients()),
        "life": stack.admin.keycloak.get_realm("mcp")["accessTokenLifespan"],
    }


@pytest.fixture(scope="module")
def realms(stack: Stack) -> list[dict[str, Any]]:
    """The realm before the run; the run's fixture adds the one after it."""
    return [realm_of(stack)]


@pytest.fixture(scope="module")
def folder(stack: Stack, realms: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of some seconds, with a key rotation and a restart in it."""
    output = tmp_path_factory.mktemp("slo") / "run"
    load = ("--seconds", "16", "--clients", "3", "--links", "4")
    ran = gatelodge("slo", "run", "--output", str(output), *load, state=stack.state)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert f"gatelodge slo report {output}" in ran.stdout
    realms.append(realm_of(stack))
    # The server is another process now; tests after this one ask for its id.
    stack.status = json.loads(gatelodge("status", "--json", state=stack.state).stdout)
    return output


@pytest.fixture(scope="module")
def evidence(folder: Path) -> Evidence:
    return read_evidence(folder)


def test_nothing_is_left_of_the_rotation_the_clients_and_their_short_tokens(
    stack: Stack, folder: Path, realms: list[dict[str, Any]]
) -> None:
    before, after = realms
    assert after == before
    assert stack.status["state"] == "ready"


def test_every_kind_of_request_was_made_in_both_revisions_and_answered_rightly(evidence: Evidence) -> None:
    good = {(sample.kind, sample.era) for sample in evidence.samples if sample.lane == "edge" and sample.good}
    kinds = {"search", "fetch", "list", "note", "stream"}
    assert good >= {(kind, era) for kind in kinds for era in ("2026-07-28", "2025-11-25")}
    assert {sample.lane for sample in evidence.samples} == {"edge", "direct", "open"}
    streams = [sample for sample in evidence.samples if sample.kind == "stream" and sample.good]
    # The first byte comes before the end of the tool, which pauses five times.
    assert all(sample.streamed and sample.ttfb is not None and sample.ttfb < sample.total for sample in streams)
    assert evidence.faults == ()


def test_tokens_ended_and_were_refreshed_and_the_new_key_was_taken(evidence: Evidence) -> None:
    refreshes = [sample for sample in evidence.samples if sample.kind == "refresh"]
    assert len(refreshes) > 8
    assert all(sample.good for sample in refreshes)
    rotation, _ = sorted(evidence.record.events, key=lambda event: event.at)
    assert rotation.name == "key-rotation"
    assert rotation.until is not None
    assert rotation.detail["before"] != rotation.detail["after"]
    later = [s for s in evidence.samples if s.at > rotation.until and not s.window and s.lane == "edge"]
    assert later
    expired = [sample for sample in evidence.samples if sample.kind == "expired" and not sample.window]
    assert {sample.status for sample in expired} <= {401}


def test_the_restart_shows_in_its_window_and_nowhere_else(evidence: Evidence) -> None:
    errors = [sample for sample in evidence.samples if sample.lane == "edge" and sample.server_error]
    assert errors, "nobody answers for some seconds, and Traefik says so"
    assert {sample.window for sample in errors} == {"restart"}
    assert {sample.status for sample in errors} <= {502, 503, 504}


def test_the_report_is_sound_and_its_summary_shows_both_figures(folder: Path) -> None:
    assert main(["slo", "report", str(folder)]) == 1, "so short a run misses the figure with the restart in it"
    assert check_folder(folder) == []
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    verdicts = {objective["id"]: objective["verdict"] for objective in summary["objectives"]}
    assert verdicts["server-errors"] == "met"
    assert verdicts["server-errors-with-restart"] == "missed"
    assert verdicts["link-time"] == "not measured"
    assert {overhead["of"] for overhead in summary["overheads"] if overhead["p50_ratio"]} == {"Traefik", "auth"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,iVBOR") == 3
    assert "<script" not in page


def test_no_token_password_or_path_of_the_machine_is_in_the_folder(stack: Stack, folder: Path) -> None:
    texts = [without_images(path.read_bytes().decode("utf-8", "replace")) for path in folder.iterdir()]
    texts.append(gzip.decompress((folder / SAMPLES).read_bytes()).decode())
    secrets = [password for _, password in stack.users] + [str(stack.internal["admin"]["password"])]
    for text in texts:
        # Every JWT begins with these three letters.
        assert not any(hidden in text for hidden in (*secrets, "eyJ", str(stack.state)))
