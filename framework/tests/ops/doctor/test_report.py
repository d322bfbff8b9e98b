"""The report as text, as JSON and as a bundle; where a run looks; the command."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from doctor_edge import MCP, Edge

from gatelodge.cli.main import main
from gatelodge.core.secret import Secret
from gatelodge.ops.doctor.bundle import BundleRefused, write_bundle
from gatelodge.ops.doctor.examine import CHECKS, Report, examine
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Severity, healthy, problem
from gatelodge.ops.doctor.surroundings import DoctorInput, surroundings
from gatelodge.ops.doctor.table import render
from gatelodge.ops.stack.internal import Administrator
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.record import Record, RunState, write_record

Make = Callable[..., Facts]
SECRET = "correct-horse-battery-staple"


async def test_every_check_is_in_the_report_and_names_are_unique(facts: Make) -> None:
    report = await examine(facts())
    assert [check for check, _ in report.findings] == list(CHECKS)
    assert len({check.name for check in CHECKS}) == len(CHECKS)


async def test_a_stack_that_does_not_run_keeps_only_live_checks_from_being_made(
    facts: Make, edge: Edge, layout: Layout
) -> None:
    report = await examine(facts(layout=layout, record=Record(RunState.STOPPED)))
    skipped = {check.name for check, finding in report.findings if finding.cause == "the stack does not run"}
    assert skipped == {check.name for check in CHECKS if check.live}
    assert edge.asked == ["GET /health/live"], "of ports, which is no live check"


def test_the_table_shows_fix_and_command_below_what_is_wrong() -> None:
    first, second, *_ = CHECKS
    bad = problem("it is broken", fix="Mend it.", command="mend it")
    text = render(Report(MCP, [(first, healthy("all is well")), (second, bad)]))
    assert text.splitlines()[2:6] == [
        f"  ok    {first.title}: all is well",
        f"  FAIL  {second.title}: it is broken",
        "        fix: Mend it.",
        "        run: mend it",
    ]
    assert text.endswith("1 to mend, 0 to watch, 1 fine, 0 not checked")


def test_the_document_says_whether_anything_has_to_be_mended() -> None:
    report = Report(MCP, [(CHECKS[0], problem("broken", fix="Mend it."))])
    assert report.document()["healthy"] is False
    assert json.loads(json.dumps(report.document()))["findings"][0]["severity"] == Severity.PROBLEM.value


async def test_a_bundle_holds_logs_and_findings_and_no_secret(facts: Make, layout: Layout, tmp_path: Path) -> None:
    layout.checkout.mkdir()
    layout.create()
    (layout.secrets / "admin").write_text(SECRET + "\n")
    layout.log("desk").write_text(
        f"start\nsomething said {SECRET}\nand a token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl\n"
    )
    write_record(layout.record, Record(RunState.READY, f"told {SECRET}"))
    given = facts(
        layout=layout,
        environment={"GATELODGE_PORT": "8000", "GATELODGE_DESK_SECRET": "another-canary"},
        administrator=Administrator("http://127.0.0.1:1", "admin", Secret("third-canary-value")),
    )
    report = Report(MCP, [(CHECKS[0], problem("third-canary-value was refused", fix="Mend it."))])
    target = tmp_path / "report.tar.gz"
    names = write_bundle(target, report, given)
    assert {"findings.json", "versions.json", "settings.json", "state.json", "logs/desk.log"} <= set(names)
    assert target.stat().st_mode & 0o077 == 0
    with tarfile.open(target) as archive:
        files = {name: archive.extractfile(f"gatelodge-doctor/{name}") for name in names}
        texts = {name: file.read().decode() for name, file in files.items() if file}
    everything = "\n".join(texts.values())
    for canary in (SECRET, "another-canary", "third-canary-value", "eyJhbGciOiJSUzI1NiJ9"):
        assert canary not in everything
    assert "something said" in texts["logs/desk.log"]
    assert '"GATELODGE_PORT": "8000"' in texts["settings.json"]


async def test_a_bundle_replaces_no_file(facts: Make, tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_text("mine")
    with pytest.raises(BundleRefused):
        write_bundle(target, Report(MCP, []), facts())
    assert target.read_text() == "mine"


def look(url: str | None = None, **changed: object) -> object:
    given: dict[str, object] = {
        "state": None,
        "ca_file": None,
        "keycloak_url": None,
        "admin": "admin",
        "password_file": None,
        "environment": {},
    }
    return surroundings(url, **{**given, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "ftp://mcp.example.com"}, "no MCP URL"),
        ({"ca_file": Path("nowhere.pem")}, "--ca-file"),
        ({"keycloak_url": "http://127.0.0.1:8080"}, "--admin-password-file"),
        ({"keycloak_url": "http://127.0.0.1:8080", "password_file": Path("nowhere")}, "nowhere"),
    ],
)
def test_input_that_cannot_be_used_is_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(DoctorInput, match=said):
        look(**given)  # type: ignore[arg-type]


def test_the_command_ends_with_one_when_something_has_to_be_mended(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["doctor", "https://nowhere.invalid/mcp", "--json", "--state-dir", str(tmp_path)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is False
    assert {"dns", "issuer"} <= {f["check"] for f in document["findings"] if f["severity"] == "problem"}


def test_a_faulty_address_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "nonsense"]) == 2
    assert "no MCP URL" in capsys.readouterr().err
