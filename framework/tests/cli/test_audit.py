"""``gatelodge audit`` as an operator types it, on both databases."""

import asyncio
import csv
import io
import json
import time
from pathlib import Path

import pytest
from databases import migrated_config, postgres
from tampering import without_triggers

from gatelodge.audit.actor import of_address, of_user
from gatelodge.audit.event import Event
from gatelodge.audit.kinds import KINDS
from gatelodge.audit.trail import Trail
from gatelodge.cli.main import main
from gatelodge.core.clock import SystemClock
from gatelodge.ops.audit.administration import administered
from gatelodge.settings.audit_database import AuditDatabaseSettings
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import Database, open_database
from gatelodge.testing.clock import ManualClock

__all__ = ["migrated_config", "postgres"]

ISSUER = "https://mcp.example.com/realms/mcp"
HER = of_user(ISSUER, "her")
LONG_AGO = 1_600_000_000.0


class _Ago(ManualClock):
    """A clock of the year 2020."""

    def now(self) -> float:
        return LONG_AGO


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def filled(migrated_config: DatabaseConfig, monkeypatch: pytest.MonkeyPatch) -> DatabaseConfig:
    """A trail of four events, the first of 2020."""
    monkeypatch.setenv("GATELODGE_DATABASE_URL", migrated_config.dsn)

    async def fill(database: Database) -> None:
        await Trail(database, _Ago()).record(Event("session.open", HER))
        trail = Trail(database, SystemClock())
        await trail.record(Event("tool.call", HER, {"tool": "search"}, rule="granted", request_id="r-12345678"))
        await trail.record(Event("tool.call", "system", {"tool": "=cmd\nx \u202e"}, "refused", rule="deny:roles"))
        await trail.record(Event("token.refuse", of_address(b"key", "192.0.2.7"), outcome="refused", rule="expired"))

    work(migrated_config, fill)
    return migrated_config


def work(config: DatabaseConfig, what: object) -> None:
    async def run() -> None:
        database = await open_database(config)
        try:
            await what(database)  # type: ignore[operator]
        finally:
            await database.aclose()

    asyncio.run(run())


def output(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[str]:
    """The lines of standard output."""
    assert main(["audit", *arguments]) == code
    return capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("filled")
def test_tail_shows_the_newest_for_people_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(capsys, "tail", "-n", "3")
    assert len(lines) == 3
    assert "tool.call" in lines[0]
    assert f"{HER} by granted tool=search request=r-12345678" in lines[0]
    assert all(line.isascii() and line.isprintable() for line in lines)
    (newest,) = output(capsys, "tail", "-n", "1", "--json")
    assert json.loads(newest)["kind"] == "token.refuse"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((), [1, 2, 3, 4]),
        (("--user", f"{ISSUER} her"), [1, 2]),
        (("--user", HER), [1, 2]),
        (("--user", HER.partition(":")[2]), [1, 2]),
        (("--user", "system"), [3]),
        (("--event", "tool.call"), [2, 3]),
        (("--event", "tool.*", "--event", "*.refuse"), [2, 3, 4]),
        (("--event", "tool", "--outcome", "refused"), [3]),
        (("--since", "2h"), [2, 3, 4]),
        (("--until", "2021-01-01"), [1]),
        (("--since", "2020-01-01", "--until", "2030-01-01T00:00:00+02:00", "--limit", "2"), [1, 2]),
    ],
)
def test_search_finds(capsys: pytest.CaptureFixture[str], asked: tuple[str, ...], found: list[int]) -> None:
    lines = output(capsys, "search", "--json", *asked)
    assert [json.loads(line)["seq"] for line in lines] == found


@pytest.mark.usefixtures("filled")
def test_a_subject_alone_is_of_the_issuer_of_the_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["audit", "search", "--user", "her"]) == 2
    assert "GATELODGE_ISSUER" in capsys.readouterr().err
    monkeypatch.setenv("GATELODGE_ISSUER", ISSUER)
    assert len(output(capsys, "search", "--user", "her")) == 2


@pytest.mark.usefixtures("filled")
def test_state_folder_and_issuer_may_stand_in_the_env_file_as_for_every_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GATELODGE_STATE_DIR")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "audit.key").write_text("key\n")
    (tmp_path / ".env").write_text(f"GATELODGE_STATE_DIR=other\nGATELODGE_ISSUER={ISSUER}\n")
    assert len(output(capsys, "search", "--user", "her")) == 2
    assert len(output(capsys, "search", "--address", "192.0.2.7")) == 1
    # The option goes before the setting, and the environment before the file.
    assert main(["audit", "search", "--address", "192.0.2.7", "--state-dir", "nowhere"]) == 2
    monkeypatch.setenv("GATELODGE_ISSUER", "https://other.example.com")
    assert output(capsys, "search", "--user", "her") == []


@pytest.mark.usefixtures("filled")
def test_an_address_is_found_by_the_servers_key_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["audit", "search", "--address", "192.0.2.7"]) == 2
    assert "audit.key" in capsys.readouterr().err
    (tmp_path / "state").mkdir(exist_ok=True)
    (tmp_path / "state" / "audit.key").write_text("key\n")
    assert len(output(capsys, "search", "--address", "192.0.2.7")) == 1
    assert output(capsys, "search", "--address", "192.0.2.8") == []


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("command", ["tail", "search"])
def test_where_nothing_is_found_that_is_said_beside_the_output(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", command, "--event", "prompt.get"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "no such events" in told.err


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("wrong", [("--event", "nothing.*"), ("--since", "yesterday"), ("--address", "x")])
def test_what_cannot_be_understood_is_refused_with_words(
    capsys: pytest.CaptureFixture[str], wrong: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir(exist_ok=True)
    (tmp_path / "state" / "audit.key").write_text("key\n")
    assert main(["audit", "search", *wrong]) == 2
    assert "next step" in capsys.readouterr().err


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("option", ["--user", "--address", "--event", "--since", "--until"])
@pytest.mark.parametrize("command", ["tail", "search", "export"])
def test_an_empty_filter_is_refused_and_shows_nobody(
    command: str, option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As a script says it whose variable is unset."""
    (tmp_path / "state").mkdir(exist_ok=True)
    (tmp_path / "state" / "audit.key").write_text("key\n")
    assert main(["audit", command, option, ""]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "next step" in told.err


@pytest.mark.parametrize(
    "wrong",
    [
        ("tail", "-n", "0"),
        ("tail", "-n", "-1"),
        ("search", "--limit", "0"),
        ("search", "--limit=-1"),
        ("prune", "--days=-5"),
        ("prune", "--days", "1e3"),
        ("tail", "-n", "9" * 12),
    ],
)
def test_a_number_that_means_nothing_is_refused(capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["audit", *wrong])
    assert ended.value.code == 2
    assert "is no whole number from" in capsys.readouterr().err


def test_a_kind_that_is_none_is_answered_with_the_nearest_and_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "search", "--event", "tool.calls"]) == 2
    told = capsys.readouterr().err
    assert "Did you mean tool.call" in told
    assert all(kind in told for kind in KINDS)


@pytest.mark.usefixtures("filled")
def test_an_anchor_that_cannot_be_written_is_told_in_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    gone = str(tmp_path / "nowhere" / "anchor")
    assert main(["audit", "export", "--output", "trail.jsonl", "--anchor", gone]) == 2
    assert f"{gone} cannot be written: No such file or directory\n  next step: " in capsys.readouterr().err


def test_without_a_trail_nothing_is_made(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["audit", "tail"]) == 2
    assert "there is no audit trail" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("filled")
def test_an_export_is_whole_and_its_anchor_verifies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert output(capsys, "export", "--output", "trail.jsonl", "--anchor", "anchor") == []
    lines = [json.loads(line) for line in (tmp_path / "trail.jsonl").read_text().splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert [line["previous"] for line in lines[1:]] == [line["digest"] for line in lines[:-1]]
    assert (tmp_path / "trail.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "anchor").read_text() == f"4:{lines[-1]['digest']}\n"
    (line,) = output(capsys, "verify", "--anchor", "anchor")
    assert line == f"whole: 4 events; the trail ends at the anchor 4:{lines[-1]['digest']}"


@pytest.mark.usefixtures("filled")
def test_csv_has_one_line_an_event_and_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO("\n".join(output(capsys, "export", "--format", "csv")))))
    assert [row["seq"] for row in rows] == ["1", "2", "3", "4"]
    assert json.loads(rows[2]["subject"]) == {"tool": "=cmd\nx \u202e"}
    assert not any((value or "").startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


def test_a_broken_trail_is_told_with_its_first_broken_row(
    filled: DatabaseConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    async def tamper(database: Database) -> None:
        await without_triggers(database)
        async with database.transaction() as transaction:
            await transaction.execute("UPDATE audit_log SET actor = 'x' WHERE seq = 3")

    work(filled, tamper)
    assert output(capsys, "verify", code=1) == ["BROKEN at row 3: the row was changed; 2 rows before it are good"]
    assert json.loads("\n".join(output(capsys, "verify", "--json", code=1)))["broken"] == 3


@pytest.mark.usefixtures("filled")
def test_an_anchor_of_another_trail_breaks_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "anchor").write_text("9:" + "0" * 64 + "\n")
    (line,) = output(capsys, "verify", "--anchor", "anchor", code=1)
    assert "an old copy was put back" in line
    (tmp_path / "anchor").write_text("nonsense\n")
    assert main(["audit", "verify", "--anchor", "anchor"]) == 2


@pytest.mark.usefixtures("filled")
def test_prune_removes_and_tells_who_did(capsys: pytest.CaptureFixture[str]) -> None:
    # A trail of years' pause: the clock may be wrong, and who says it is right may remove more.
    assert output(capsys, "prune", "--days", "300") == ["removed 0 events older than 300 days"]
    assert output(capsys, "prune", "--days", "30", "--by-clock") == ["removed 1 events older than 30 days"]
    (line,) = output(capsys, "search", "--event", "admin.trail")
    assert "operator:" in line
    assert output(capsys, "verify")[0].startswith("whole: 4 events")


def administrations(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in output(capsys, "search", "--event", "admin.*", "--json")]


@pytest.mark.usefixtures("filled")
def test_administration_is_recorded_before_and_after(capsys: pytest.CaptureFixture[str]) -> None:
    with administered("admin.realm", action="apply") as told:
        assert [one["subject"] for one in administrations(capsys)] == [{"action": "apply", "step": "begun"}]
        told["steps"] = 3
    with pytest.raises(KeyError), administered("admin.realm", action="apply"):
        raise KeyError
    found = administrations(capsys)
    assert [one["outcome"] for one in found] == ["ok", "ok", "ok", "failed"]
    assert found[1]["subject"] == {"action": "apply", "steps": 3, "step": "ended"}
    assert str(found[0]["actor"]).startswith("operator:")


def test_administration_without_a_database_makes_none(tmp_path: Path) -> None:
    with administered("admin.realm", action="apply"):
        pass
    assert AuditDatabaseSettings().state_dir == tmp_path / "state"
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("filled")
def test_administration_that_is_switched_off_is_not_recorded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATELODGE_AUDIT", "off")
    with administered("admin.realm", action="apply"):
        pass
    assert administrations(capsys) == []


def test_keys_of_the_vault_are_administration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vault", "init"]) == 0
    assert main(["vault", "rotate", "--new-key"]) == 0
    capsys.readouterr()
    assert [one["subject"]["action"] for one in administrations(capsys)] == ["init", "new"]  # type: ignore[index]
    assert time.time() - float(str(administrations(capsys)[0]["at"])) < 600
