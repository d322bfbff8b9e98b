"""What the guide to identities shows: its settings are accepted, its applications start and refuse whom they should."""

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gatelodge.settings.load import load
from gatelodge.settings.server import ServerSettings
from repo.checkout import ROOT
from repo.markdown import code_blocks

_GUIDE = (ROOT / "docs" / "guides" / "identities.md").read_text(encoding="utf-8")
_URL = "https://localhost:8443"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_PUBLIC_URL", f"{_URL}/api")
    monkeypatch.setenv("GATELODGE_ISSUER", f"{_URL}/realms/mcp")


def dotenv(number: int, folder: Path) -> ServerSettings:
    """The settings that a block gives, read as a file ``.env`` of a server."""
    (folder / ".env").write_text(code_blocks(_GUIDE, "bash")[number])
    return load(ServerSettings)


def applications() -> Iterator[Any]:
    """The two applications, each made with the names that came before it."""
    names: dict[str, Any] = {"__name__": "example"}
    for source in code_blocks(_GUIDE, "python"):
        exec(compile(source, "identities.md", "exec"), names)  # noqa: S102
        yield names["app"]


async def statuses(app: Any, *asked: tuple[str, str]) -> list[int]:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url=_URL) as http:
        return [(await http.request(method, path)).status_code for method, path in asked]


def test_the_settings_of_mode_cloudflare_give_the_scopes_that_the_table_explains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GATELODGE_PUBLIC_URL")
    config = dotenv(0, tmp_path).access_config(10)
    assert config.issuer == "https://example.cloudflareaccess.com"
    assert sorted(config.scopes.of("alice@example.com", [])) == ["notes:read", "notes:write"]
    assert sorted(config.scopes.of("bob@example.com", ["Editors"])) == ["notes:read", "notes:write"]
    assert [config.scopes.of(other, []) for other in ("Alice@sub.example.com", None)] == [frozenset()] * 2


def test_the_settings_of_mode_bearer_are_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GATELODGE_PUBLIC_URL", "GATELODGE_ISSUER"):
        monkeypatch.delenv(name)
    settings = dotenv(1, tmp_path)
    assert (settings.auth_mode, settings.bind, settings.mode) == ("bearer", "127.0.0.1", "development")


async def test_the_applications_let_strangers_see_what_is_public_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATELODGE_VAULT_KEY", base64.b64encode(secrets.token_bytes(32)).decode())
    plain, keeping = applications()
    assert await statuses(plain, ("GET", "/about"), ("GET", "/whoami"), ("POST", "/notes")) == [200, 401, 401]
    assert await statuses(keeping, ("GET", "/account")) == [401]
