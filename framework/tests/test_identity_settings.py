"""Settings of how callers sign in: what each mode demands, told at once and at the variable that has to change."""

from pathlib import Path
from typing import Any

import pytest

from gatelodge.core.secret import Secret
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.server import ServerSettings

AUD = "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"
ISSUER = "https://mcp.example.com/realms/mcp"
TOKEN = "abcdefghijklmnopqrstuvwx"
PUBLIC: dict[str, Any] = {"public_url": "https://mcp.example.com/mcp", "issuer": ISSUER}
LOCAL: dict[str, Any] = {"public_url": "http://localhost:8000/mcp"}
ACCESS: dict[str, Any] = {"access_team_domain": "example.cloudflareaccess.com", "access_aud": AUD}
BEARER: dict[str, Any] = {"auth_mode": "bearer", "dev_token": TOKEN, "dev_scopes": "notes:read notes:write"}


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def faults(**given: Any) -> list[str]:
    """The names of the faulty variables, each once."""
    with pytest.raises(SettingsInvalid) as caught:
        load(ServerSettings, **given)
    assert TOKEN not in caught.value.detail
    return [fault.partition(":")[0] for fault in caught.value.faults]


def test_keycloak_signs_in_unless_told_otherwise() -> None:
    settings = load(ServerSettings, **PUBLIC)
    assert (settings.auth_mode, settings.keycloak_signs_in, settings.access_signs_in) == ("keycloak", True, False)
    assert settings.resource_server_config().sign_in


def test_mode_cloudflare_needs_a_team_and_a_tag_and_no_keycloak(monkeypatch: pytest.MonkeyPatch) -> None:
    public = {"public_url": PUBLIC["public_url"], "auth_mode": "cloudflare"}
    assert faults(**public) == ["GATELODGE_ACCESS_TEAM_DOMAIN", "GATELODGE_ACCESS_AUD"]
    # One left over from another mode does not count.
    monkeypatch.setenv("GATELODGE_ISSUER", ISSUER)
    settings = load(ServerSettings, **public, **ACCESS)
    assert settings.issuer == "https://example.cloudflareaccess.com"
    assert settings.resource_server_config().issuers == ("https://example.cloudflareaccess.com",)
    assert not settings.resource_server_config().sign_in


def test_mode_both_needs_keycloak_and_access() -> None:
    assert faults(public_url=PUBLIC["public_url"], auth_mode="both") == [
        "GATELODGE_ISSUER",
        "GATELODGE_ACCESS_TEAM_DOMAIN",
        "GATELODGE_ACCESS_AUD",
    ]
    settings = load(ServerSettings, **PUBLIC, **ACCESS, auth_mode="both")
    assert (settings.issuer, settings.keycloak_signs_in, settings.access_signs_in) == (ISSUER, True, True)
    assert settings.access_config(10).foreign


@pytest.mark.parametrize(
    "domain",
    [
        "evil.example",
        "example.cloudflareaccess.com.evil.example",
        "https://example.cloudflareaccess.com/x",
        "http://example.cloudflareaccess.com",
        "EXAMPLE.cloudflareaccess.com",
        "a.b.cloudflareaccess.com",
        "https://user@example.cloudflareaccess.com",
        "http://127.0.0.1:1/x",
    ],
)
def test_a_team_domain_that_is_not_cloudflares_is_refused(domain: str) -> None:
    given = {**PUBLIC, **ACCESS, "auth_mode": "cloudflare", "access_team_domain": domain}
    assert "GATELODGE_ACCESS_TEAM_DOMAIN" in faults(**given)


def test_a_stand_in_for_a_team_is_for_development_only() -> None:
    given = {**PUBLIC, **ACCESS, "auth_mode": "cloudflare", "access_team_domain": "http://127.0.0.1:4000"}
    assert load(ServerSettings, **given).access_config(10).issuer == "http://127.0.0.1:4000"
    assert faults(**given, mode="production") == ["GATELODGE_ACCESS_TEAM_DOMAIN"]


def test_scopes_of_access_are_read_as_they_are_written() -> None:
    written = "*@example.com=notes:read, a=b@example.com=notes:read notes:write;group:The Editors=notes:write\n*@example.com=x"
    rules = load(ServerSettings, **PUBLIC, **ACCESS, access_scopes=written).access_config(10).scopes.rules
    assert rules == {
        "*@example.com": {"notes:read", "x"},
        "a=b@example.com": {"notes:read", "notes:write"},
        "group:The Editors": {"notes:write"},
    }


@pytest.mark.parametrize(
    "written", ["*=notes:read", "*@*=x", "alice=x", "*@example.com", "*@example.com=", "group:=x", "=x", "a@b.c=\u00e9"]
)
def test_a_rule_that_could_mean_anybody_is_refused(written: str) -> None:
    assert faults(**PUBLIC, access_scopes=written) == ["GATELODGE_ACCESS_SCOPES"]


def test_a_tag_that_is_none_is_refused() -> None:
    assert faults(**PUBLIC, access_aud="https://mcp.example.com/mcp") == ["GATELODGE_ACCESS_AUD"]


def test_the_development_token_works_on_one_machine(tmp_path: Path) -> None:
    settings = load(ServerSettings, **LOCAL, **BEARER)
    config = settings.development_config()
    assert (config.token, sorted(config.scopes)) == (Secret(TOKEN), ["notes:read", "notes:write"])
    kept = tmp_path / "token"
    kept.write_text(f"{TOKEN}\n")
    from_file = {**BEARER, "dev_token": None, "dev_token_file": kept}
    assert load(ServerSettings, **LOCAL, **from_file).development_config().token == Secret(TOKEN)


def test_the_development_token_is_refused_for_every_reason_at_once() -> None:
    given = {**BEARER, **PUBLIC, "mode": "production", "bind": "192.0.2.1", "dev_token": "short", "dev_scopes": ""}
    with pytest.raises(SettingsInvalid) as caught:
        load(ServerSettings, **given)
    reasons = ("GATELODGE_MODE is not development", "GATELODGE_BIND is not a loopback address", "24 or more letters")
    assert [reason for reason in reasons if reason not in caught.value.detail] == []
    assert faults(**given) == ["GATELODGE_DEV_TOKEN", "GATELODGE_DEV_SCOPES", "GATELODGE_PUBLIC_URL"]
    assert faults(**{**BEARER, **LOCAL, "dev_token": None}) == ["GATELODGE_DEV_TOKEN"]
    assert faults(**LOCAL, **BEARER, bind="192.0.2.1") == ["GATELODGE_DEV_TOKEN"]
