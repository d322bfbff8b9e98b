"""``gatelodge config``: exit codes, what is printed, and never a secret."""

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from gatelodge.cli import config
from gatelodge.cli.main import main
from gatelodge.settings.processes import PROCESSES

GOOD = "GATELODGE_PUBLIC_URL=https://mcp.example/mcp\nGATELODGE_ISSUER=https://mcp.example/realms/mcp\n"
OWN = """
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
class Own(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="OWN_")
    size: int = Field(examples=["3"])
"""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(GOOD)
    return tmp_path


def test_good_settings_are_said_to_be_usable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out == "the settings of a server are usable\n"


def test_every_fault_and_every_warning_is_a_line_and_the_exit_code_is_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = folder / "web"
    secret.write_text("canary")
    secret.chmod(0o644)
    (folder / "other.env").write_text(
        f"{GOOD}GATELODGE_MODE=production\nGATELODGE_PROT=8001\nGATELODGE_SESSION_TTL=soon\n"
        f"GATELODGE_WEB_CLIENT_SECRET_FILE={secret}\nGATELODGE_TOKEN_STORE=postgres\nPOSTGRES_HOST=db\n"
    )
    assert main(["config", "check", "--for", "connected", "--env-file", "other.env"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        *("fault",) * 3,
        "3 faults in the settings of a server with linked accounts",
    ]
    assert any("POSTGRES_PASSWORD" in line for line in lines)
    assert any("GATELODGE_SESSION_TTL: Input should be a valid integer" in line for line in lines)
    assert lines[-2] == "fault: GATELODGE_PROT: nothing reads this variable (other.env); did you mean GATELODGE_PORT?"
    assert "canary" not in "".join(lines)


def test_warnings_alone_do_not_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_text(f"{GOOD}GATELODGE_PORT=443\n")
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out.startswith("warning: GATELODGE_PORT: 443 needs the right")


def test_all_processes_are_checked_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--for", "all"]) == 2
    assert "fault: GATELODGE_ISSUER_INTERNAL_URL: is missing" in capsys.readouterr().out


def test_a_servers_own_settings_are_checked_with_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "own_settings_here.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("OWN_SIZE", "large")
    assert main(["config", "check", "--settings", "own_settings_here:Own"]) == 2
    assert "fault: OWN_SIZE: " in capsys.readouterr().out
    monkeypatch.setenv("OWN_SIZE", "3")
    assert main(["config", "show", "--settings", "own_settings_here:Own"]) == 0
    assert "OWN_SIZE=3  (environment)" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--env-file", "nowhere.env"], ["--settings", "nowhere:Settings"]])
def test_what_is_not_there_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", *arguments]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_what_is_in_effect_is_shown_with_its_source_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATELODGE_REDIS_URL", "redis://:canary@redis")
    assert main(["config", "show", "--for", "connected"]) == 0
    text = capsys.readouterr().out
    assert "GATELODGE_PUBLIC_URL=https://mcp.example/mcp  (.env)\n" in text
    assert "GATELODGE_BIND=127.0.0.1  (default)\n" in text
    assert "GATELODGE_REDIS_URL=***  (environment)\n" in text
    assert main(["config", "show", "--for", "connected", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {"variable": "GATELODGE_DRAIN", "value": "0.0", "source": "default", "secret": False} in shown
    assert "canary" not in text + json.dumps(shown)


def test_one_faulty_section_hides_no_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_text("GATELODGE_PUBLIC_URL=ftp://x:canary@mcp.example/mcp\nGATELODGE_SESSION_TTL=600\n")
    assert main(["config", "show", "--for", "connected"]) == 2
    said = capsys.readouterr()
    assert "GATELODGE_SESSION_TTL=600  (.env)" in said.out.splitlines()
    assert "GATELODGE_PUBLIC_URL" not in said.out
    assert "fault: GATELODGE_PUBLIC_URL: " in said.err
    assert "fault: GATELODGE_ISSUER: is missing" in said.err
    assert "canary" not in said.out + said.err


@pytest.mark.parametrize(
    ("process", "given", "faults"),
    [
        ("connected", "GATELODGE_VAULT_KEY=canary", ["GATELODGE_VAULT_KEY holds something that is neither"]),
        ("vault", "GATELODGE_VAULT_KEY_FILE=/does/not/exist", ["the key file cannot be read"]),
        ("connected", "GATELODGE_MODE=production", ["production has no key for the vault"]),
        (
            "server",
            "GATELODGE_AUDIT=on\nGATELODGE_DATABASE_URL=mysql://u:canary@db",
            ["GATELODGE_DATABASE_URL must be"],
        ),
        ("desk", "GATELODGE_AUDIT=on\nPOSTGRES_HOST=db", ["POSTGRES_HOST is set, but neither"]),
        ("audit", "GATELODGE_DATABASE_URL=postgresql://u:p/canary@db/x", ["GATELODGE_DATABASE_URL cannot be read"]),
        ("server", "GATELODGE_METRICS_PORT=8000\nGATELODGE_PORT=8000", ["GATELODGE_METRICS_PORT: must be another"]),
        ("connected", "GATELODGE_DATABASE_URL=mysql://u:canary@db", ["GATELODGE_DATABASE_URL must be of the form"]),
        (
            "connected",
            "GATELODGE_TOKEN_STORE=foo\nGATELODGE_DATABASE_URL=mysql://u:canary@db",
            ["GATELODGE_TOKEN_STORE: ", "GATELODGE_DATABASE_URL must be of the form"],
        ),
    ],
)
def test_what_a_start_would_refuse_is_a_fault_of_the_check_too(
    process: str, given: str, faults: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = "GATELODGE_ISSUER_INTERNAL_URL=http://keycloak:8080/realms/mcp\n" if process == "desk" else ""
    (folder / ".env").write_text(f"{GOOD}{desk}{given}\n")
    assert main(["config", "check", "--for", process]) == 2
    said = capsys.readouterr().out
    lines = [line.removeprefix("fault: ") for line in said.splitlines() if line.startswith("fault: ")]
    assert [line.startswith(fault) for line, fault in zip(lines, faults, strict=True)] == [True] * len(faults), said
    assert "canary" not in said


def test_a_check_makes_no_key_and_no_database(folder: Path) -> None:
    assert main(["config", "check", "--for", "connected"]) == 0
    assert [path.name for path in folder.iterdir()] == [".env"]


@pytest.mark.parametrize("arguments", [[], ["--for", "desk"]])
def test_the_schema_is_one(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema", *arguments]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def test_the_parser_knows_every_process() -> None:
    assert (*(one.name for one in PROCESSES), "all") == config._NAMES
