"""Settings of linked accounts: a provider is on with both halves of its client, and secrets never show."""

from pathlib import Path

import pytest

from gatelodge.connections.registry import Registry
from gatelodge.core.secret import Secret
from gatelodge.settings.connections import ConnectionSettings
from gatelodge.settings.load import SettingsInvalid, load


def test_nothing_is_on_by_default() -> None:
    assert load(ConnectionSettings).provider_configs() == {}


def test_a_provider_is_on_with_client_id_and_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("canary-jira\n")
    monkeypatch.setenv("GATELODGE_GITHUB_CLIENT_ID", "id")
    monkeypatch.setenv("GATELODGE_GITHUB_CLIENT_SECRET", "canary-github")
    monkeypatch.setenv("GATELODGE_GITHUB_API_URL", "https://github.example.com/api/v3/")
    monkeypatch.setenv("GATELODGE_JIRA_CLIENT_ID", "id")
    monkeypatch.setenv("GATELODGE_JIRA_CLIENT_SECRET_FILE", str(file))
    monkeypatch.setenv("GATELODGE_CODA", "on")
    monkeypatch.setenv("CODA_API_TOKEN", "canary-coda")
    settings = load(ConnectionSettings)
    configs = settings.provider_configs()
    assert list(configs) == ["github", "jira", "coda"]
    assert configs["jira"].client_secret == Secret("canary-jira")
    assert settings.coda_api_token == Secret("canary-coda")
    assert Registry(configs).get("github").provider.api_base == "https://github.example.com/api/v3"
    assert "canary" not in repr(settings) + repr(configs)


def test_scopes_are_asked_for_in_the_order_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB", "NOTION"):
        monkeypatch.setenv(f"GATELODGE_{name}_CLIENT_ID", "id")
        monkeypatch.setenv(f"GATELODGE_{name}_CLIENT_SECRET", "canary")
    assert load(ConnectionSettings).provider_configs()["github"].scopes == ()
    monkeypatch.setenv("GATELODGE_GITHUB_SCOPES", "read:user, public_repo")
    configs = load(ConnectionSettings).provider_configs()
    assert configs["github"].scopes == ("read:user", "public_repo")
    assert configs["notion"].scopes == ()
    assert Registry(configs).get("github").provider.scopes == ("read:user", "public_repo")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SLACK_CLIENT_ID": "id"}, r"GATELODGE_SLACK_CLIENT_SECRET: is missing.*api\.slack\.com/apps"),
        ({"NOTION_CLIENT_SECRET": "canary"}, r"GATELODGE_NOTION_CLIENT_SECRET: is set, and .*NOTION_CLIENT_ID is not"),
        ({"JIRA_CLIENT_ID": "id", "JIRA_CLIENT_SECRET_FILE": "/none"}, "JIRA_CLIENT_SECRET_FILE: cannot read"),
        ({"GITHUB_TOKEN_URL": "http://example.com/token"}, "GATELODGE_GITHUB_TOKEN_URL: must be https"),
        ({"MODE": "production", "GITHUB_TOKEN_URL": "http://127.0.0.1/token"}, "loopback in development only"),
        ({"CODA_API_URL": "https://user:canary@coda.io"}, "must have no user name"),
    ],
)
def test_half_a_client_and_an_address_of_another_form_refuse_to_start(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"GATELODGE_{name}", value)
    with pytest.raises(SettingsInvalid, match=message) as refused:
        load(ConnectionSettings)
    assert "canary" not in refused.value.detail


def test_an_empty_file_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    monkeypatch.setenv("CODA_API_TOKEN_FILE", str(tmp_path / "empty"))
    with pytest.raises(SettingsInvalid, match="CODA_API_TOKEN_FILE: this file is empty"):
        load(ConnectionSettings)
