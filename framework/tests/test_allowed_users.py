"""GATELODGE_ALLOWED_USERNAMES: its two names, its two kinds of entries, and what is neither."""

from pathlib import Path

import pytest

from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.users import AllowedUsersSettings


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GATELODGE_ALLOWED_USERNAMES", "ALLOWED_USERNAMES"):
        monkeypatch.delenv(name, raising=False)


def test_nobody_is_allowed_when_it_is_unset() -> None:
    assert load(AllowedUsersSettings).allowed_users == frozenset()


@pytest.mark.parametrize("name", ["GATELODGE_ALLOWED_USERNAMES", "ALLOWED_USERNAMES"])
@pytest.mark.parametrize("source", ["environment", "file"])
def test_a_bare_entry_is_a_github_login(monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> None:
    value = "octocat, github:Hub-Bot  user:ada@example.com"
    if source == "file":
        Path(".env").write_text(f"{name}={value}\n")
    else:
        monkeypatch.setenv(name, value)
    expected = {"github:octocat", "github:Hub-Bot", "user:ada@example.com"}
    assert load(AllowedUsersSettings).allowed_users == expected


def test_the_longer_name_goes_before_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_ALLOWED_USERNAMES", "octocat")
    monkeypatch.setenv("ALLOWED_USERNAMES", "hubot")
    assert load(AllowedUsersSettings).allowed_users == {"github:octocat"}


@pytest.mark.parametrize("value", ["gitlab:ada", "github:", "user:", "ada@example.com", "user:a:b", "github:a/b", "*"])
def test_what_is_neither_is_refused_by_the_variable_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("GATELODGE_ALLOWED_USERNAMES", f"canary,{value}")
    with pytest.raises(SettingsInvalid, match="GATELODGE_ALLOWED_USERNAMES: must hold GitHub logins") as caught:
        load(AllowedUsersSettings)
    assert "canary" not in caught.value.detail
