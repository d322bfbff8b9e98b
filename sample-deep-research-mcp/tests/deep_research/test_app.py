"""``sample:app`` as it is served: behind ``protect`` with signed tokens, and as a process that refuses to start."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from deep_research.shelf import Shelf

from gatelodge import SettingsInvalid, protect
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory
from sample.server import create_server

PUBLIC_URL = "https://localhost:8443/mcp"
ISSUER = "https://localhost:8443/realms/mcp"
HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}


@dataclass
class Served:
    """A client of the running app, and the realm that signs its tokens."""

    http: httpx2.AsyncClient
    tokens: TokenFactory

    async def call(self, user: str, tool: str, scope: str = "deep-research:read", **arguments: str) -> httpx2.Response:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        token = self.tokens.token(sub=user, scope=scope)
        return await self.http.post("/mcp", json=body, headers={**HEADERS, "authorization": f"Bearer {token}"})

    async def answer(self, user: str, tool: str, scope: str = "deep-research:read", **arguments: str) -> dict[str, Any]:
        text = (await self.call(user, tool, scope, **arguments)).text
        message = json.loads(text.partition("data: ")[2] if "data: " in text else text)
        content: dict[str, Any] = message["result"]["structuredContent"]
        return content


@asynccontextmanager
async def served(shelf: Shelf, page_path: str | None = None) -> AsyncIterator[Served]:
    clock = ManualClock()
    tokens = TokenFactory(ISSUER, PUBLIC_URL, clock)
    app = protect(
        create_server(shelf.open(), page_path),
        ServerSettings(public_url=PUBLIC_URL, issuer=ISSUER),
        outbound=FakeIssuer(tokens).outbound(),
        clock=clock,
    )
    wire = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=wire, base_url="https://localhost:8443") as http,
    ):
        yield Served(http, tokens)


async def test_a_note_needs_the_write_scope_and_is_its_users_alone(shelf: Shelf) -> None:
    async with served(shelf) as server:
        refused = await server.call("alice", "save_note", title="Plan", text="noon")
        assert refused.status_code == 403
        assert "deep-research:write" in refused.headers["www-authenticate"]
        note = await server.answer("alice", "save_note", "deep-research:write", title="Plan", text="noon")
        assert await server.answer("alice", "search", query="noon") == {"results": [note]}
        assert await server.answer("bob", "search", query="noon") == {"results": []}
        assert (await server.answer("alice", "fetch", id=note["id"]))["text"] == "noon"
        assert "no document with this id" in (await server.call("bob", "fetch", id=note["id"])).text


async def test_anyone_may_open_the_page_of_a_public_document_but_never_a_note(shelf: Shelf) -> None:
    shelf.url_of = lambda _, own_id: f"https://localhost:8443/d/{own_id}"
    shelf.write("a.md", "# Tokens\n\n<script>x</script>\n\n**strong**")
    async with served(shelf, "/d/") as server:
        [hit] = (await server.answer("alice", "search", query="tokens"))["results"]
        page = await server.http.get(hit["url"])
        assert page.status_code == 200
        assert "<strong>strong</strong>" in page.text
        assert "<script>" not in page.text
        assert "sandbox" in page.headers["content-security-policy"]
        note = await server.answer("alice", "save_note", "deep-research:write", title="Plan", text="noon")
        assert note["url"] == ""
        for path in (note["id"], "nope", "", "a.md", "%2e%2e%2fnotes.sqlite3", "..%5c..%5cetc", "a/../a"):
            assert (await server.http.get(f"/d/{path}")).status_code == 404


async def test_a_private_library_has_no_pages(shelf: Shelf) -> None:
    shelf.write("a.md", "# Tokens")
    async with served(shelf) as server:
        [hit] = (await server.answer("alice", "search", query="tokens"))["results"]
        assert hit["url"] == ""
        assert (await server.http.get(f"/d/{hit['id']}")).status_code == 404


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> dict[str, str]:
    """The settings that have no default, in the environment; nothing else of ours is there."""
    monkeypatch.chdir(shelf.folder.parent)
    for name in [name for name in os.environ if name.startswith(("SAMPLE_", "GATELODGE_"))]:
        monkeypatch.delenv(name)
    found = {
        "GATELODGE_PUBLIC_URL": PUBLIC_URL,
        "GATELODGE_ISSUER": ISSUER,
        "SAMPLE_CORPUS_DIR": str(shelf.folder),
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def test_the_app_is_made_once_and_its_modules_need_no_settings(shelf: Shelf, settings: dict[str, str]) -> None:
    code = """
import sample.index
try:
    sample.nothing
except AttributeError as error:
    print(error)
import os
os.environ.update(%r)
print(callable(sample.app), sample.app is sample.app)
"""
    bare = {name: value for name, value in os.environ.items() if name not in settings}
    started = subprocess.run(
        [sys.executable, "-c", code % settings], env=bare, capture_output=True, text=True, check=False
    )
    assert started.stdout == "module 'sample' has no attribute 'nothing'\nTrue True\n", started.stderr
    assert Path(".gatelodge/server/notes.sqlite3").is_file()


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        (
            "SAMPLE_CORPUS_DIR",
            "missing",
            "No such file or directory: missing; given: a text of 7 characters (example: /srv/handbook)",
        ),
        ("SAMPLE_CORPUS_DIR", "file.md", "Not a directory"),
        ("GATELODGE_STATE_DIR", "file.md", "cannot keep notes in file.md"),
    ],
)
@pytest.mark.usefixtures("settings")
def test_a_wrong_setting_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    Path("file.md").write_text("x")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid) as stopped:
        runpy.run_module("sample.main")
    assert f"{variable}: " in stopped.value.detail
    assert reason in stopped.value.detail
