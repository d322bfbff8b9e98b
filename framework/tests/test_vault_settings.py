"""Settings of the vault: the key from one place only, and a store that fits its database."""

from pathlib import Path

import pytest

from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.vault import VaultSettings
from gatelodge.vault.key_source import new_key


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_STATE_DIR", "state")


def test_development_needs_nothing() -> None:
    settings = load(VaultSettings)
    config = settings.vault_config()
    assert (config.store, config.kept_in, config.production) == ("sqlite", Path("state/vault.key"), False)
    assert settings.database_config().dialect == "sqlite"


@pytest.mark.parametrize("name", ["GATELODGE_VAULT_KEY", "MCP_AUTH_ENCRYPTION_KEY"])
def test_the_key_has_two_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    key = new_key().secret.hex()
    monkeypatch.setenv(name, f" {key} ")
    monkeypatch.setenv("GATELODGE_MODE", "production")
    settings = load(VaultSettings)
    found = settings.vault_config().key
    assert found is not None
    assert found.reveal() == key
    assert key not in repr(settings)


def test_the_key_comes_from_one_place_only(monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key().secret.hex()
    monkeypatch.setenv("GATELODGE_VAULT_KEY", key)
    monkeypatch.setenv("GATELODGE_VAULT_KEY_FILE", "vault.key")
    with pytest.raises(SettingsInvalid, match="one of them only") as caught:
        load(VaultSettings)
    assert key not in caught.value.detail


def test_postgres_is_named_by_its_variables_or_by_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_TOKEN_STORE", "postgres")
    for name, value in {"HOST": "db", "PORT": "5433", "DB": "g", "USER": "u", "PASSWORD": "p/w"}.items():
        monkeypatch.setenv(f"POSTGRES_{name}", value)
    assert load(VaultSettings).database_config().dsn == "postgresql://u:p%2Fw@db:5433/g"
    monkeypatch.setenv("GATELODGE_DATABASE_URL", "postgresql://u:secret@other/g")
    settings = load(VaultSettings)
    assert settings.database_config().dsn == "postgresql://u:secret@other/g"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"GATELODGE_TOKEN_STORE": "postgres"}, "the database is sqlite"),
        ({"GATELODGE_DATABASE_URL": "postgresql://a@b/c"}, "the database is postgres"),
        ({"GATELODGE_DATABASE_URL": "mysql://a"}, "GATELODGE_DATABASE_URL"),
        ({"GATELODGE_TOKEN_STORE": "postgres", "POSTGRES_HOST": "db"}, "POSTGRES_PASSWORD"),
        ({"GATELODGE_TOKEN_STORE": "file"}, "GATELODGE_TOKEN_STORE"),
    ],
)
def test_a_store_that_does_not_fit_its_database_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as caught:
        load(VaultSettings)
    assert said in caught.value.detail


def test_the_environment_as_store_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_TOKEN_STORE", "env")
    monkeypatch.setenv("GATELODGE_DATABASE_URL", " ")
    assert load(VaultSettings).vault_config().store == "env"
