"""The desk's settings: where its secret comes from, and what is refused before anything starts."""

from pathlib import Path

import pytest

from gatelodge.core.secret import Secret
from gatelodge.settings.desk import DeskSettings
from gatelodge.settings.load import SettingsInvalid, load


@pytest.fixture(autouse=True)
def _good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_ISSUER", "https://mcp.example.com/realms/mcp")
    monkeypatch.setenv("GATELODGE_ISSUER_INTERNAL_URL", "http://keycloak:8080/realms/mcp")


def test_the_secret_comes_from_its_file_or_its_variable_and_never_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load(DeskSettings).desk_secret is None
    file = tmp_path / "secret"
    file.write_text("kept-in-a-file\n")
    monkeypatch.setenv("GATELODGE_DESK_SECRET_FILE", str(file))
    assert load(DeskSettings).desk_secret == Secret("kept-in-a-file")
    monkeypatch.setenv("GATELODGE_DESK_SECRET", "given-itself")
    settings = load(DeskSettings)
    assert settings.desk_secret == Secret("given-itself")
    assert "given-itself" not in repr(settings)


@pytest.mark.parametrize(("bind", "url"), [("127.0.0.1", "http://127.0.0.1:8001"), ("::1", "http://[::1]:8001")])
def test_keycloak_asks_the_desk_where_it_listens_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, bind: str, url: str
) -> None:
    monkeypatch.setenv("GATELODGE_BIND", bind)
    assert load(DeskSettings).desk_internal_url == url
    monkeypatch.setenv("GATELODGE_DESK_INTERNAL_URL", "http://desk:8001/")
    assert load(DeskSettings).desk_internal_url == "http://desk:8001"


def test_local_hosts_of_documents_are_read_and_refused_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_CLIENT_DOCUMENT_LOCAL_HOSTS", "a.example=127.0.0.1:8444, b.example=[::1]:1")
    hosts = {"a.example": ("127.0.0.1", 8444), "b.example": ("::1", 1)}
    assert load(DeskSettings).client_document_local_hosts == hosts
    monkeypatch.setenv("GATELODGE_MODE", "production")
    with pytest.raises(SettingsInvalid, match="development only"):
        load(DeskSettings)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GATELODGE_DESK_SECRET_FILE", "/nowhere/at/all"),
        ("GATELODGE_CLIENT_DOCUMENTS", "maybe"),
        ("GATELODGE_CLIENT_DOCUMENTS_FOLDER", "/nowhere/at/all"),
        ("GATELODGE_CLIENT_DOCUMENT_LOCAL_HOSTS", "a.example=8444"),
        ("GATELODGE_TRUSTED_PROXIES", "proxy.example"),
        ("GATELODGE_REGISTRATIONS_PER_ADDRESS", "0"),
        ("GATELODGE_MAX_CLIENTS", "none"),
    ],
)
def test_a_faulty_setting_of_the_desk_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid, match=variable):
        load(DeskSettings)


def test_a_desk_on_all_addresses_must_say_where_keycloak_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_BIND", "0.0.0.0")  # noqa: S104 - the case itself
    monkeypatch.setenv("GATELODGE_DESK_SECRET", "given-itself")
    with pytest.raises(SettingsInvalid, match="GATELODGE_DESK_INTERNAL_URL") as caught:
        load(DeskSettings)
    assert "given-itself" not in caught.value.detail
