"""Settings of limits: every figure has a form that is checked, and a way to switch it off."""

from pathlib import Path

import pytest

from gatelodge.core.secret import Secret
from gatelodge.ratelimit.rate import Rate
from gatelodge.settings.limits import LimitSettings
from gatelodge.settings.load import SettingsInvalid, load


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_is_needed_and_a_user_has_a_hundred_calls_a_minute() -> None:
    config = load(LimitSettings).limits_config()
    assert (config.calls, config.links, config.token_failures) == (Rate(100), Rate(10), Rate(600))
    assert config.tools == {}


def test_tools_have_rates_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_LIMIT_TOOLS", "search=30/minute, fetch = 300/5 minutes,add=off")
    assert load(LimitSettings).limits_config().tools == {"search": Rate(30), "fetch": Rate(300, 300), "add": None}


@pytest.mark.parametrize(
    "name", ["CALLS", "ANONYMOUS_CALLS", "TOKEN_FAILURES", "LINKS", "LINKS_BY_ADDRESS", "TOOLS", "STREAMS", "REQUESTS"]
)
def test_a_faulty_figure_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"GATELODGE_LIMIT_{name}", "search=a lot")
    with pytest.raises(SettingsInvalid, match=f"GATELODGE_LIMIT_{name}"):
        load(LimitSettings)


@pytest.mark.parametrize("name", ["calls", "anonymous_calls", "token_failures", "links", "links_by_address"])
def test_every_rate_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"GATELODGE_LIMIT_{name.upper()}", "off")
    assert getattr(load(LimitSettings).limits_config(), name) is None


@pytest.mark.parametrize("name", ["calls_at_once", "streams", "all_streams", "requests", "waiting"])
def test_every_number_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"GATELODGE_LIMIT_{name.upper()}", "0")
    assert getattr(load(LimitSettings).limits_config(), name) == 0


def test_proxies_are_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_TRUSTED_PROXIES", "traefik")
    with pytest.raises(SettingsInvalid, match="GATELODGE_TRUSTED_PROXIES"):
        load(LimitSettings)
    # A connection has them in one form, however they are written here.
    monkeypatch.setenv("GATELODGE_TRUSTED_PROXIES", "FD00:0::0001,::ffff:10.0.0.2,10.0.0.1")
    assert load(LimitSettings).trusted_proxies == {"fd00::1", "10.0.0.2", "10.0.0.1"}


def test_the_address_of_redis_is_a_secret_and_has_a_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_REDIS_URL", "redis://:canary@redis:6379/0")
    settings = load(LimitSettings)
    assert settings.redis_url == Secret("redis://:canary@redis:6379/0")
    assert "canary" not in repr(settings)
    monkeypatch.setenv("GATELODGE_REDIS_URL", "http://:canary@redis")
    with pytest.raises(SettingsInvalid, match="GATELODGE_REDIS_URL") as caught:
        load(LimitSettings)
    assert "canary" not in caught.value.detail


@pytest.mark.parametrize("password", ["abc/canary", "0/canary@x", "canary#1", "1?canary"])
def test_a_password_of_redis_that_ends_its_place_in_the_address_is_refused_and_not_repeated(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATELODGE_REDIS_URL", f"redis://:{password}@redis:6379/0")
    with pytest.raises(SettingsInvalid, match="write / as %2F") as caught:
        load(LimitSettings)
    assert "canary" not in f"{caught.value.detail} {caught.value.hint}"


def test_a_tool_whose_rate_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_LIMIT_TOOLS", "search=30/minute,fetch=many")
    with pytest.raises(SettingsInvalid, match="the rate of fetch"):
        load(LimitSettings)
