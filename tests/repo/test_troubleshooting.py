"""The page for when it does not work: its commands print what it shows, and it names checks and codes that exist."""

import re
import secrets
import shlex
from base64 import b64encode
from pathlib import Path

import httpx2
import pytest
from fastmcp import FastMCP
from native_stack import free_port

from gatelodge import protect, requires
from gatelodge.cli.main import main
from gatelodge.core.codes import Code
from gatelodge.ops.verify.catalogue import CHECKS
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory
from repo.checkout import ROOT
from repo.markdown import code_blocks, inline_code, sections, tables

_PAGE = (ROOT / "docs" / "guides" / "troubleshooting.md").read_text(encoding="utf-8")
_SHOWN = [block.partition("\n") for block in code_blocks(_PAGE, "console")]
_CHECK = re.compile(r"[A-H]\d+-[a-z0-9-]+")
_KEY_ID = re.compile(r"\b[0-9a-f]{8}\b")


@pytest.mark.parametrize(("command", "shown"), [(line, text) for line, _, text in _SHOWN], ids=lambda text: text[-30:])
def test_a_command_of_the_page_prints_what_the_page_shows(
    command: str, shown: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_STATE_DIR", str(tmp_path / "state"))
    if " vault " in command:
        monkeypatch.setattr("getpass.getpass", lambda *_: "value")
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setenv("GATELODGE_VAULT_KEY", b64encode(secrets.token_bytes(32)).decode())
        assert main(["vault", "set", "coda"]) == 0
        monkeypatch.setenv("GATELODGE_VAULT_KEY", b64encode(secrets.token_bytes(32)).decode())
        capsys.readouterr()
    port = str(free_port())
    words = shlex.split(command.removeprefix("$ "))
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        monkeypatch.setenv(name, value)
    assert words.pop(0) == "gatelodge"
    assert main([word.replace("8443", port) for word in words]) != 0
    told = capsys.readouterr()
    printed = (told.out + told.err).replace(port, "8443")
    assert _KEY_ID.sub("KEY", printed) == _KEY_ID.sub("KEY", shown)


def test_every_check_that_the_page_names_exists() -> None:
    named = {code for code in inline_code(_PAGE) if _CHECK.fullmatch(code)}
    assert len(named) > 20
    assert named <= {check.id for check in CHECKS}


def test_the_codes_of_calls_have_the_status_of_the_page() -> None:
    (rows,) = tables(sections(_PAGE)["A call fails"])
    assert len(rows) > 10
    for code, status, _ in rows[1:]:
        assert Code(code.strip("`")).meaning.status == int(status), code


async def test_the_line_of_a_refused_token_is_the_one_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    url, issuer = "https://localhost:8443/mcp", "https://localhost:8443/realms/mcp"
    mcp = FastMCP("notes")

    @mcp.tool
    @requires("notes:read")
    def read() -> str:
        """Read the note."""
        return "note"

    clock = ManualClock()
    elsewhere = TokenFactory(issuer, "https://localhost:8443/other/mcp", clock)
    known = FakeIssuer(elsewhere, scopes=("notes:read",))
    app = protect(mcp, ServerSettings(public_url=url, issuer=issuer), outbound=known.outbound(), clock=clock)
    caplog.set_level("INFO")
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://localhost:8443") as client,
    ):
        answer = await client.post("/mcp", headers={"authorization": f"Bearer {elsewhere.token(scope='notes:read')}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_rejected")
    (shown,) = code_blocks(sections(_PAGE)["A token is refused"], "text")
    assert shown.strip() in {f"{each.levelname} {each.name}: {each.getMessage()}" for each in caplog.records}
