"""Settings of calls to providers, as the parts that they are for get them."""

import pytest

from gatelodge.connections.config import ProviderConfig
from gatelodge.connections.upstream import Limits
from gatelodge.outbound.pool import PoolConfig
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.proxy import ProxySettings, own_hosts


def test_the_defaults_are_those_of_the_parts_and_no_service_gets_a_token() -> None:
    settings = load(ProxySettings)
    assert settings.limits() == Limits()
    assert settings.pool() == PoolConfig()
    assert settings.token_service_clients == frozenset()
    assert settings.proxy == "on"


def test_every_variable_reaches_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PROXY_SECONDS": "5",
        "PROXY_REQUEST_BYTES": "2048",
        "PROXY_ANSWER_BYTES": "4096",
        "PROXY_CONNECTIONS": "7",
        "PROXY_IDLE_CONNECTIONS": "3",
        "PROXY_IDLE_SECONDS": "1.5",
        "CACHE_USER_SECONDS": "10",
        "CACHE_REPOSITORY_SECONDS": "0",
        "TOKEN_SERVICE_CLIENTS": "report-service, other",
    }.items():
        monkeypatch.setenv(f"GATELODGE_{name}", value)
    settings = load(ProxySettings)
    assert settings.limits() == Limits(5.0, 4096, 2048, 10.0, 0.0)
    assert settings.pool() == PoolConfig(7, 3, 1.5)
    assert settings.token_service_clients == {"report-service", "other"}


def test_a_cap_out_of_bounds_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_PROXY_SECONDS", "0")
    monkeypatch.setenv("GATELODGE_PROXY_CONNECTIONS", "many")
    with pytest.raises(SettingsInvalid, match=r"(?s)PROXY_SECONDS.*PROXY_CONNECTIONS"):
        load(ProxySettings)


def test_the_hosts_that_the_operator_gave_are_his_own() -> None:
    own = ProviderConfig(api_url="http://127.0.0.1:9/api", token_url="https://ghe.internal/token")
    assert own_hosts({"github": own, "coda": ProviderConfig()}) == {"127.0.0.1", "ghe.internal"}
