"""``gatelodge realm`` where it cannot work, and what it says of a realm that is only rendered."""

from pathlib import Path

import pytest

from gatelodge.cli.main import main

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATELODGE_PUBLIC_URL", raising=False)
    file = tmp_path / "password"
    file.write_text("secret\n")
    return file


@pytest.mark.parametrize("action", ["plan", "apply", "drift"])
def test_what_is_missing_is_named_before_anything_is_done(
    action: str, password: Path, realm_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--keycloak-url", NOBODY, "--admin-password-file", str(password)]
    files = ["--folder", str(realm_files)]
    public = ["--public-url", "https://mcp.example.com"]
    for given, code, text in (
        ([*files, *public], 2, "no stack was started"),
        ([*there, *files], 2, "--public-url"),
        ([*there, *public, "--folder", "nowhere"], 2, "no such folder"),
        ([*there, *files, *public], 1, "no answer"),
    ):
        assert main(["realm", action, *given]) == code
        assert text in capsys.readouterr().err


def test_a_rendered_realm_names_the_variables_that_its_import_needs(
    realm_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["realm", "render", "--public-url", "https://mcp.example.com", "--folder", str(realm_files)]) == 0
    assert "set GATELODGE_DESK_SECRET where Keycloak imports this" in capsys.readouterr().err
