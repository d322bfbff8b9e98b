"""What a process says about its settings when it starts."""

import logging
from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP
from lifespan import alive

from gatelodge import protect, requires
from gatelodge.app.configuration import log_configuration
from gatelodge.app.desk.create import create_desk
from gatelodge.settings.desk import DeskSettings
from gatelodge.settings.load import load, load_each
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.vault import VaultSettings

GOOD = {
    "GATELODGE_PUBLIC_URL": "https://mcp.example/mcp",
    "GATELODGE_ISSUER": "https://mcp.example/realms/mcp",
    "GATELODGE_ISSUER_INTERNAL_URL": "http://127.0.0.1:9/realms/mcp",
}
CANARY = "canary5ecret"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GATELODGE_PUBLIC_ULR", CANARY)


def small() -> FastMCP[Any]:
    """A server of one tool."""
    mcp: FastMCP[Any] = FastMCP("small")

    @mcp.tool
    @requires("small:read")
    async def read() -> str:
        return "read"

    return mcp


def test_the_start_says_what_is_in_use_and_what_is_mistyped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GATELODGE_PUBLIC_ULR", CANARY)
    monkeypatch.setenv("GATELODGE_DATABASE_URL", f"postgresql://user:{CANARY}@db/g")
    monkeypatch.setenv("GATELODGE_TOKEN_STORE", "postgres")
    sections = load_each(ServerSettings, VaultSettings)
    with caplog.at_level(logging.INFO):
        log_configuration(sections)
    text = "\n".join(caplog.messages)
    assert "mode=development public_url=https://mcp.example/mcp issuer=https://mcp.example/realms/mcp" in text
    assert "bind=127.0.0.1 port=8000" in text
    assert "token_store=postgres" in text
    assert "did you mean GATELODGE_PUBLIC_URL?" in text
    assert CANARY not in text
    caplog.clear()
    log_configuration(sections, from_environment=False)
    assert "GATELODGE_PUBLIC_ULR" not in caplog.text


async def test_a_server_says_its_settings_once_when_it_starts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with alive(protect(small())):
            pass
    said = [line for line in caplog.messages if line.startswith("configuration: ")]
    assert said[0].startswith("configuration: mode=development public_url=https://mcp.example/mcp issuer=")
    assert [line for line in said if "did you mean GATELODGE_PUBLIC_URL?" in line] == said[1:]


async def test_settings_that_a_program_gave_are_not_compared_with_the_environment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        async with alive(protect(small(), load(ServerSettings))):
            pass
    assert len([line for line in caplog.messages if line.startswith("configuration: ")]) == 1


async def test_the_desk_says_its_settings_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with alive(create_desk(load(DeskSettings))):
            pass
    assert "configuration: mode=development issuer=https://mcp.example/realms/mcp issuer_internal_url=" in caplog.text
    assert "did you mean GATELODGE_PUBLIC_URL?" in caplog.text
