"""``gatelodge vault`` as an operator types it: what it prints, what it keeps, and that no value is ever shown."""

import asyncio
import io
import json
import os
import secrets
import sys
from pathlib import Path

import pytest

from gatelodge.cli.main import main
from gatelodge.core.secret import Secret
from gatelodge.ops.vault.place import new_primary, opened, retire
from gatelodge.settings.load import load
from gatelodge.settings.vault import VaultSettings
from gatelodge.vault.key_source import new_key, read_key_file
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Status


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_STATE_DIR", str(tmp_path / "state"))


def key_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "vault.key"


def typed(value: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(value))
    return main(["vault", *arguments])


def output(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """What a command prints, both streams."""
    assert main(["vault", *arguments]) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_init_makes_the_key_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = output(capsys, 0, "init")
    assert first.startswith("made a key")
    assert "keep a copy of the key" in first
    assert key_file(tmp_path).stat().st_mode & 0o777 == 0o600
    assert output(capsys, 0, "init").startswith("the key is there")
    for line in key_file(tmp_path).read_text().split():
        assert line not in first


@pytest.mark.parametrize("action", [("status",), ("list",), ("delete", "coda")])
def test_who_looks_where_no_vault_is_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: tuple[str, ...]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    said = output(capsys, 1, *action)
    assert "there is no vault here" in said
    assert "gatelodge vault init" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_production_without_a_key_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATELODGE_MODE", "production")
    for action in ("init", "list"):
        assert "GATELODGE_VAULT_KEY" in output(capsys, 1, action)
    monkeypatch.setenv("GATELODGE_VAULT_KEY_FILE", str(tmp_path / "named.key"))
    assert "cannot be read" in output(capsys, 1, "list")
    # An operator's own command may make it where it is named.
    assert output(capsys, 0, "init").startswith("made a key")


def test_a_credential_is_set_listed_and_deleted_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    value = f"canary-{secrets.token_hex(16)}"
    assert typed(value + "\n", monkeypatch, "set", "coda") == 0
    assert typed(value, monkeypatch, "set", "github", "--tenant", "https://as.example", "--user", "alice") == 0
    printed = output(capsys, 0, "list") + output(capsys, 0, "list", "--json") + output(capsys, 0, "status")
    assert "2 credentials" in printed
    assert "alice" in printed
    assert "1 data keys" not in printed
    assert json.loads(output(capsys, 0, "status", "--json"))["credentials"] == 2
    assert "deleted coda (service)" in output(capsys, 0, "delete", "coda")
    assert "there is no coda" in output(capsys, 1, "delete", "coda")
    for path in (tmp_path / "state").rglob("*"):
        assert path.is_dir() or value.encode() not in path.read_bytes()
    assert value not in printed


async def test_a_list_says_why_a_link_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    alice = Owner("https://as.example", "alice", "github")
    async with opened(load(VaultSettings)) as place:
        record = await place.store.put(alice, {"access_token": Secret("t")}, actor="test")
        lease = await place.store.begin_refresh(alice, record.version, holder="h", lease_seconds=30)
        assert lease is not None
        await place.store.abandon_refresh(lease, status=Status.NEEDS_REAUTH, reason="interrupted")
    listed = await asyncio.to_thread(output, capsys, 0, "list")
    assert "needs_reauth (interrupted) version 1" in listed


def test_a_terminal_is_asked_without_echo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _: "typed")
    assert main(["vault", "set", "coda"]) == 0
    assert "typed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set", "coda"], "no value"),
        (["delete", "Coda"], "is no name"),
        (["delete", "coda", "--user", "alice"], "--tenant and --user"),
        (["migrate", "--env-file", "gone"], "no such file"),
        (["migrate", "--compose", "gone"], "no compose file"),
        (["migrate", "--map", "X=Y Z"], "is no name"),
    ],
)
def test_what_cannot_be_used_is_said(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(" \n", monkeypatch, *arguments) == 2
    assert said in capsys.readouterr().err


def test_a_rotation_with_a_new_key_and_the_retirement_of_the_old(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    typed("one", monkeypatch, "set", "coda")
    [old] = json.loads((capsys.readouterr(), output(capsys, 0, "status", "--json"))[1])["keys"]
    assert "is the primary key" in output(capsys, 1, "rotate", "--retire", old["id"])
    printed = output(capsys, 0, "rotate", "--new-key", "--retire", old["id"])
    assert "1 data keys re-wrapped" in printed
    assert f"retired key {old['id']}" in printed
    assert "1 data keys renewed" in output(capsys, 0, "rotate", "--renew")
    status = output(capsys, 0, "status")
    assert old["id"] not in status
    assert "(primary): 1 data keys" in status
    assert len(key_file(tmp_path).read_text().split()) == 1


async def test_a_key_that_came_while_another_was_retired_stays_in_the_file(tmp_path: Path) -> None:
    settings = load(VaultSettings)
    async with opened(settings) as place:
        old = place.keyring.primary_id
    new_primary(settings)
    async with opened(settings) as place:
        await place.store.rotate_key(actor=place.actor)
        new_primary(settings)  # by another command, at the same time
        newest = read_key_file(key_file(tmp_path)).primary_id
        await retire(place, old)
    assert read_key_file(key_file(tmp_path)).ids == (newest, place.keyring.primary_id)


def test_keys_of_the_environment_are_not_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCP_AUTH_ENCRYPTION_KEY", new_key().secret.hex())
    assert "the environment" in output(capsys, 0, "init")
    assert "in front of GATELODGE_VAULT_KEY" in output(capsys, 1, "rotate", "--new-key")


def test_a_changed_row_shows_in_list_and_status_and_fails_a_rotation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import sqlite3

    typed("one", monkeypatch, "set", "coda")
    with sqlite3.connect(tmp_path / "state" / "database" / "gatelodge.db") as db:
        db.execute("UPDATE data_keys SET wrapped = x'01'")
        db.execute("INSERT INTO key_rotations (id, kek_id, renews, started_at) VALUES ('r', 'old', 0, 1)")
    db.close()
    capsys.readouterr()
    assert "1 credentials could not be read" in output(capsys, 1, "rotate", "--new-key")
    assert "quarantined (not_authentic)" in output(capsys, 0, "list")
    status = output(capsys, 0, "status")
    assert "coda (not_authentic)" in status
    assert "a rotation was interrupted" in status


def test_the_environment_as_store_has_no_vault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATELODGE_TOKEN_STORE", "env")
    assert "GATELODGE_TOKEN_STORE is env" in output(capsys, 1, "list")


COMPOSE = """
services:
  one:
    image: one
    environment:
      CODA_API_TOKEN: ${CODA:-coda-default}
      PRICE: "$$5"
  two:
    environment: [GITHUB_TOKEN, "SLACK_BOT_TOKEN=$SLACK", "NOTION_TOKEN=a$$b"]
  three: {}
"""


def test_credentials_are_moved_from_everywhere_with_count_hash_and_proof(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "tokens.env").write_text('JIRA_API_TOKEN="jira value"\nEMPTY=\nMINE=mine-value\nNOTION_TOKEN=a$b\n')
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    monkeypatch.setenv("GITHUB_TOKEN", "from-environment")
    monkeypatch.setenv("SLACK", "slack-value")
    given = ["migrate", "--env-file", "tokens.env", "--compose", "compose.yaml", "--map", "MINE=my-service"]
    dry = output(capsys, 0, *given, "--dry-run")
    assert not (tmp_path / "state").exists(), "a dry run writes nothing"
    assert "would store 6 credentials" in dry
    done = output(capsys, 0, *given)
    assert "stored 6 credentials and read them back" in done
    assert done.split()[-1] == dry.split()[-1]
    assert "NOTION_TOKEN of tokens.env, NOTION_TOKEN of compose.yaml: two" in done
    for value in ("jira value", "mine-value", "a$b", "from-environment", "slack-value", "coda-default"):
        assert value not in done + dry
    assert len(json.loads(output(capsys, 0, "list", "--json"))) == 6


def test_without_files_the_environment_is_moved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.endswith("_TOKEN")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CODA_API_TOKEN", "value")
    assert "stored 1 credentials" in output(capsys, 0, "migrate")


def test_two_values_for_one_credential_are_refused_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("GITHUB_TOKEN=one-value\nGH_TOKEN=other-value\n")
    said = output(capsys, 2, "migrate", "--env-file", "a.env", "--dry-run")
    assert "GH_TOKEN of a.env and GITHUB_TOKEN of a.env differ" in said
    assert "-value" not in said


def test_a_value_that_does_not_come_back_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def nothing(*_: object, **__: object) -> None:
        return None

    (tmp_path / "a.env").write_text("CODA_API_TOKEN=value\n")
    monkeypatch.setattr("gatelodge.vault.sql_store.SqlTokenStore.open", nothing)
    assert "is not what was read" in output(capsys, 2, "migrate", "--env-file", "a.env")


def test_without_the_extra_the_vault_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gatelodge.ops.vault

    monkeypatch.delattr(gatelodge.ops.vault, "place", raising=False)
    monkeypatch.setitem(sys.modules, "gatelodge.ops.vault.place", None)
    assert "gatelodge[connections]" in output(capsys, 2, "list")
