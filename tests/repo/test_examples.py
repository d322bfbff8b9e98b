"""The Python examples of the documentation run: what a reader copies starts, and refuses whom it should."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from repo.checkout import ROOT
from repo.markdown import code_blocks

_URL = "https://localhost:8443"
_GUIDE = ROOT / "docs" / "guides" / "protect-your-server.md"


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_PUBLIC_URL", f"{_URL}/mcp")
    monkeypatch.setenv("GATELODGE_ISSUER", f"{_URL}/realms/mcp")


def example(path: Path, number: int) -> dict[str, Any]:
    """Names that an example defines."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code_blocks(path.read_text(encoding="utf-8"), "python")[number], str(path), "exec"), names)  # noqa: S102
    return names


async def started(app: Any, path: str) -> httpx2.Response:
    """The answer of an application that was started, to a request without a token."""
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=_URL) as client,
    ):
        return await client.get(path)


async def test_the_example_of_the_readme_starts_and_asks_strangers_to_sign_in() -> None:
    answer = await started(example(ROOT / "README.md", 0)["app"], "/mcp")
    assert answer.status_code == 401
    assert 'scope="deep-research:read"' in answer.headers["www-authenticate"]


async def test_the_example_of_the_guide_starts_and_offers_its_scopes() -> None:
    answer = await started(example(_GUIDE, 0)["app"], "/.well-known/oauth-protected-resource")
    assert answer.json()["scopes_supported"] == ["notes:read"]


def test_the_settings_that_the_guide_shows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTES_FOLDER", "elsewhere")
    assert example(_GUIDE, 1)["settings"].folder == "elsewhere"


async def test_the_test_that_the_guide_shows_passes() -> None:
    await example(_GUIDE, 2)["test_the_note_needs_a_token"]()
