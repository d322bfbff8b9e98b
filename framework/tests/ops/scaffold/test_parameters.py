"""Which names a server may have, and which choices take effect."""

from pathlib import Path
from typing import get_args

import pytest

from gatelodge.ops.scaffold.parameters import ScaffoldRefused, named
from gatelodge.ops.stack.servers import RESERVED_NAMES
from gatelodge.settings.server import ServerSettings


def test_one_name_makes_folder_package_scopes_and_path() -> None:
    made = named("team-notes")
    assert (made.project, made.package, made.app, made.path) == (
        "team-notes",
        "team_notes",
        "team_notes.main:app",
        "/team-notes/mcp",
    )


@pytest.mark.parametrize(
    "name",
    ["", "Notes", "1notes", "no_tes", "a--b", "-a", "a-", "a/b", "../a", "a b", "é", "x" * 41, "import", "json", "src"],
)
def test_a_name_that_cannot_be_folder_package_and_path_is_refused(name: str) -> None:
    with pytest.raises(ScaffoldRefused) as refused:
        named(name)
    assert "gatelodge new" in refused.value.hint


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_name_whose_paths_are_another_parts_is_refused(name: str) -> None:
    with pytest.raises(ScaffoldRefused, match="taken"):
        named(name)


def test_the_name_of_an_installed_package_is_refused_and_that_of_a_folder_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ScaffoldRefused, match="installed here"):
        named("fastmcp")
    (tmp_path / "demo").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert named("demo").package == "demo"


@pytest.mark.parametrize("mode", ["keycloak", "cloudflare", "bearer", "both"])
def test_every_mode_of_the_settings_can_be_chosen(mode: str) -> None:
    assert mode in get_args(ServerSettings.model_fields["auth_mode"].annotation)
    assert named("notes", auth_mode=mode).values()["auth_mode"] == mode


@pytest.mark.parametrize("choice", [{"auth_mode": "none"}, {"token_store": "redis"}])
def test_an_unknown_choice_is_refused(choice: dict[str, str]) -> None:
    with pytest.raises(ScaffoldRefused, match="is not known"):
        named("notes", **choice)
