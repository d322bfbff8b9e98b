"""Settings: every fault at once, with the variable's name and an example, and nothing secret in the text."""

from pathlib import Path

import pytest

from gatelodge.settings.desk import DeskSettings
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.server import ServerSettings

GOOD = {"GATELODGE_PUBLIC_URL": "https://localhost:8443/mcp", "GATELODGE_ISSUER": "https://localhost:8443/realms/mcp"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PUBLIC_URL", "ISSUER", "PORT", "BIND", "STATE_DIR", "SCOPES", "ALLOWED_ORIGINS"):
        monkeypatch.delenv(f"GATELODGE_{name}", raising=False)


def give(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in {**GOOD, **values}.items():
        monkeypatch.setenv(name, value)


def test_good_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, GATELODGE_ALLOWED_ORIGINS="https://a.example, http://b.example:1")
    settings = load(ServerSettings)
    assert settings.bind == "127.0.0.1"
    assert settings.allowed_origins == {"https://a.example", "http://b.example:1"}
    assert settings.resource_server_config().public_url == GOOD["GATELODGE_PUBLIC_URL"]
    assert settings.issuer_config().base_url == GOOD["GATELODGE_ISSUER"]


def test_settings_are_read_from_an_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\n".join(f"{name}={value}" for name, value in GOOD.items()))
    assert load(ServerSettings).issuer == GOOD["GATELODGE_ISSUER"]


def test_all_faults_are_reported_at_once_with_names_and_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, GATELODGE_PUBLIC_URL="http://example.com/mcp", GATELODGE_PORT="0", GATELODGE_BIND="here")
    monkeypatch.delenv("GATELODGE_ISSUER")
    with pytest.raises(SettingsInvalid) as caught:
        load(ServerSettings)
    text = caught.value.detail
    for name in ("GATELODGE_PUBLIC_URL", "GATELODGE_PORT", "GATELODGE_BIND", "GATELODGE_ISSUER"):
        assert f"  {name}: " in text
    assert text.count("(example: ") == 4
    assert "is missing (example: https://mcp.example.com/realms/mcp)" in text


@pytest.mark.requirement("RFC9728-2-resource-url", "RFC9728-2-no-fragment", "MCP26-AUTH-16a")
@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:8443/mcp/",
        "https://localhost:8443",
        "https://Localhost:8443/mcp",
        "https://user@localhost/mcp",
        "https://localhost/mcp?x=1",
        "https://localhost/mcp#x",
        "http://example.com/mcp",
        "localhost/mcp",
        "ftp://localhost/mcp",
    ],
)
def test_a_public_url_that_clients_could_not_match_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    give(monkeypatch, GATELODGE_PUBLIC_URL=url)
    with pytest.raises(SettingsInvalid, match="GATELODGE_PUBLIC_URL"):
        load(ServerSettings)


@pytest.mark.parametrize("origin", ["https://a.example/", "a.example", "https://"])
def test_an_allowed_origin_must_be_an_origin(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    give(monkeypatch, GATELODGE_ALLOWED_ORIGINS=origin)
    with pytest.raises(SettingsInvalid, match="GATELODGE_ALLOWED_ORIGINS"):
        load(ServerSettings)


def test_a_ca_file_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, GATELODGE_CA_FILE="nowhere.pem")
    with pytest.raises(SettingsInvalid, match=r"GATELODGE_CA_FILE: no such file: nowhere\.pem"):
        load(ServerSettings)


def test_the_desk_needs_the_issuer_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_ISSUER", GOOD["GATELODGE_ISSUER"])
    monkeypatch.setenv("GATELODGE_ISSUER_INTERNAL_URL", "http://127.0.0.1:8080/realms/mcp/")
    monkeypatch.setenv("GATELODGE_SCOPES", "b:read, a:read")
    monkeypatch.setenv("GATELODGE_REGISTRATION_HOSTS", "chatgpt.com")
    settings = load(DeskSettings)
    assert settings.issuer_config().base_url == "http://127.0.0.1:8080/realms/mcp"
    assert settings.issuer_config().scopes == ("a:read", "b:read")
    assert settings.registration_policy().allowed_hosts == {"chatgpt.com"}
