"""The commands of the audit guide do what it says, on a trail that was made here."""

import asyncio
import shlex
from pathlib import Path

import pytest

from gatelodge.audit.event import Event
from gatelodge.audit.kinds import KINDS
from gatelodge.audit.trail import WINDOW, Trail
from gatelodge.cli.main import main
from gatelodge.core.clock import SystemClock
from gatelodge.settings.audit import AuditSettings
from gatelodge.storage.config import DatabaseConfig, default_url
from gatelodge.storage.database import open_database
from gatelodge.storage.migrations import migrate
from repo.checkout import ROOT
from repo.markdown import code_blocks

_GUIDE = (ROOT / "docs" / "guides" / "audit.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trail of three events in the state folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_STATE_DIR", str(tmp_path / "state"))

    async def fill() -> None:
        database = await open_database(DatabaseConfig(default_url(tmp_path / "state")))
        await migrate(database)
        kept = Trail(database, SystemClock())
        for kind in ("token.use", "tool.call", "token.refuse"):
            await kept.record(Event(kind, "system", {"client": "c"}, rule="granted"))
        await kept.aclose()
        await database.aclose()

    asyncio.run(fill())


def test_every_command_of_the_guide_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for block in code_blocks(_GUIDE, "bash") for line in block.splitlines()]
    assert len(lines) >= 8
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "gatelodge"
        assert main(arguments) == 0, line
    assert "whole: 3 events" in capsys.readouterr().out
    assert len((tmp_path / "trail.jsonl").read_text().splitlines()) == 3
    assert len((tmp_path / "calls.csv").read_text().splitlines()) == 2


def test_the_guide_names_every_thing_that_is_recorded() -> None:
    table = _GUIDE.partition("## What is recorded")[2].partition("## When it is durable")[0]
    missing = {
        kind
        for kind in KINDS
        if f"`{kind}`" not in table
        and f"`{kind.partition('.')[0]}.*`" not in table
        and f"`.{kind.partition('.')[2]}`" not in table
    }
    assert missing == set()


def test_every_kind_is_recorded_somewhere() -> None:
    source = ROOT / "framework" / "src" / "gatelodge"
    texts = [file.read_text(encoding="utf-8") for file in source.rglob("*.py") if file.name != "kinds.py"]
    assert {kind for kind in KINDS if not any(f'"{kind}"' in text for text in texts)} == set()


def test_the_figures_of_the_guide_are_the_programs() -> None:
    assert WINDOW == 1.0
    assert "within one second of the call" in _GUIDE
    assert f"`GATELODGE_AUDIT_RETENTION_DAYS`, {AuditSettings().audit_retention_days} by default" in _GUIDE
