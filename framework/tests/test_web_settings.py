"""Settings of the pages of linked accounts: secrets from one place, and addresses that are whole."""

from pathlib import Path

import pytest

from gatelodge.core.secret import Secret
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.web import WebSettings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_is_needed() -> None:
    settings = load(WebSettings)
    assert settings.web_client_secret is None
    assert (settings.session_store, settings.session_ttl, settings.return_to) == ("database", 28_800, frozenset())


@pytest.mark.parametrize("name", ["web_client_secret", "redis_url"])
def test_a_secret_comes_from_its_variable_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("redis://canary\n")
    monkeypatch.setenv(f"GATELODGE_{name.upper()}_FILE", "secret")
    assert getattr(load(WebSettings), name) == Secret("redis://canary")
    monkeypatch.setenv(f"GATELODGE_{name.upper()}", "redis://direct")
    settings = load(WebSettings)
    assert getattr(settings, name) == Secret("redis://direct")
    assert "direct" not in repr(settings)
    assert load(WebSettings, **{name: Secret("redis://given")}).model_dump()[name] == Secret("redis://given")


@pytest.mark.parametrize(("content", "text"), [(None, "cannot read this file"), (" \n", "is empty")])
def test_a_file_that_gives_no_secret_refuses_to_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, text: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    monkeypatch.setenv("GATELODGE_WEB_CLIENT_SECRET_FILE", "secret")
    with pytest.raises(SettingsInvalid, match=text):
        load(WebSettings)


def test_sessions_in_redis_need_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_SESSION_STORE", "redis")
    with pytest.raises(SettingsInvalid, match="GATELODGE_REDIS_URL is not set"):
        load(WebSettings)
    monkeypatch.setenv("GATELODGE_REDIS_URL", "http://canary")
    with pytest.raises(SettingsInvalid, match="must begin with redis://") as raised:
        load(WebSettings)
    assert "canary" not in raised.value.detail
    monkeypatch.setenv("GATELODGE_REDIS_URL", "rediss://redis:6379/1")
    assert load(WebSettings).session_store == "redis"


@pytest.mark.parametrize(
    "wrong",
    [
        "http://app.example/",
        "//app.example/",
        "/settings",
        "https://",
        "https://user@app.example/",
        "https://app.example/#x",
        "javascript:alert(1)",
        "https://äpp.example/",
    ],
)
def test_an_address_to_return_to_is_a_whole_https_one(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("GATELODGE_RETURN_TO", f"https://app.example/settings {wrong}")
    with pytest.raises(SettingsInvalid, match="GATELODGE_RETURN_TO: must hold whole https URLs"):
        load(WebSettings)


def test_addresses_to_return_to_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_RETURN_TO", "https://app.example/a?b=c, http://localhost:3000/")
    assert load(WebSettings).return_to == {"https://app.example/a?b=c", "http://localhost:3000/"}
