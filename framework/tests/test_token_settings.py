"""Settings of the token check: algorithms, leeway, maximum life and further issuers."""

from pathlib import Path

import pytest

from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.server import ServerSettings

ISSUER = "https://localhost:8443/realms/mcp"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATELODGE_PUBLIC_URL", "https://localhost:8443/mcp")
    monkeypatch.setenv("GATELODGE_ISSUER", ISSUER)


def test_without_them_the_defaults_of_the_resource_server_hold() -> None:
    config = load(ServerSettings).resource_server_config()
    assert config.issuers == (ISSUER,)
    assert set(config.algorithms) == {"RS256", "PS256", "ES256", "EdDSA", "Ed25519"}
    assert set(config.token_types) == {"jwt", "at+jwt"}
    assert (config.leeway, config.max_life) == (10.0, 3600.0)


def test_each_reaches_the_resource_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_TOKEN_ALGORITHMS", "RS256, ES256")
    monkeypatch.setenv("GATELODGE_TOKEN_TYPES", "AT+JWT")
    monkeypatch.setenv("GATELODGE_TOKEN_LEEWAY", "30")
    monkeypatch.setenv("GATELODGE_TOKEN_MAX_LIFE", "900")
    monkeypatch.setenv("GATELODGE_TRUSTED_ISSUERS", "https://b.example/realms/x,https://a.example")
    settings = load(ServerSettings)
    config = settings.resource_server_config()
    assert config.algorithms == ("ES256", "RS256")
    assert config.token_types == ("at+jwt",)
    assert (config.leeway, config.max_life) == (30.0, 900.0)
    assert config.issuers == (ISSUER, "https://a.example", "https://b.example/realms/x")
    assert [section.issuer for section in settings.trusted_issuer_configs()] == list(config.issuers[1:])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_ALGORITHMS", "none"),
        ("TOKEN_ALGORITHMS", "RS256,HS256"),
        ("TOKEN_ALGORITHMS", ","),
        ("TOKEN_TYPES", ","),
        ("TOKEN_TYPES", "at+jwt,id+jwt"),
        ("TOKEN_TYPES", "*"),
        ("TOKEN_LEEWAY", "-1"),
        ("TOKEN_LEEWAY", "301"),
        ("TOKEN_LEEWAY", "nan"),
        ("TOKEN_MAX_LIFE", "0"),
        ("TOKEN_MAX_LIFE", "86401"),
        ("TOKEN_MAX_LIFE", "inf"),
        ("TRUSTED_ISSUERS", "http://a.example"),
        ("TRUSTED_ISSUERS", "https://a.example/"),
        ("TRUSTED_ISSUERS", ISSUER),
    ],
)
def test_a_value_that_would_weaken_the_check_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"GATELODGE_{name}", value)
    with pytest.raises(SettingsInvalid, match=f"GATELODGE_{name}: ") as caught:
        load(ServerSettings)
    assert "example: " in caught.value.detail
