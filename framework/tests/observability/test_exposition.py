"""Who may read the figures: by the names that no stranger can point here, and by those that an operator gave."""

import httpx2
import pytest
from pydantic import ValidationError

from gatelodge.observability.exposition import Exposition
from gatelodge.settings.observability import ObservabilitySettings

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - the bind in a container
_OPERATORS = frozenset({"mcp-1.internal.example.com"})


async def status(host: str, bind: str = "127.0.0.1", *more: tuple[str, str]) -> int:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=Exposition(bind, _OPERATORS))) as client:
        answer = await client.get("http://figures/metrics", headers=[("host", host), *more])
    # A page that was refused has none of the figures.
    assert ("gatelodge_" in answer.text) == (answer.status_code == 200)
    return answer.status_code


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", _EVERYWHERE, "10.0.0.7"])
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:9464", 200),
        ("127.0.0.1", 200),
        ("localhost:9464", 200),
        ("LOCALHOST", 200),
        ("[::1]:9464", 200),
        ("10.0.0.7:9464", 200),
        ("192.0.2.1:9464", 200),
        ("mcp-1.internal.example.com:9464", 200),
        ("MCP-1.internal.example.com", 200),
        ("rebinds.example:9464", 421),
        ("127.0.0.1.rebinds.example:9464", 421),
        ("localhost.rebinds.example", 421),
        ("x.mcp-1.internal.example.com", 421),
        ("rebinds.example.", 421),
        ("", 421),
        ("127.0.0.1:9464, rebinds.example", 421),
        ("rebinds.example@127.0.0.1", 421),
    ],
)
async def test_figures_are_for_addresses_loopback_and_the_operators_names(bind: str, host: str, expected: int) -> None:
    assert await status(host, bind) == expected


@pytest.mark.parametrize("host", ["sample:9464", "sample-2:9464", "desk"])
async def test_a_service_name_is_taken_on_a_container_network_only(host: str) -> None:
    assert await status(host, _EVERYWHERE) == 200
    assert await status(host, "10.0.0.7") == 200
    assert await status(host, "127.0.0.1") == 421


async def test_two_hosts_are_refused_though_each_is_allowed() -> None:
    assert await status("127.0.0.1", "127.0.0.1", ("host", "localhost")) == 421


async def test_who_is_refused_is_told_the_setting_and_so_is_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=Exposition("127.0.0.1"))) as client:
        answer = await client.get("http://rebinds.example/metrics")
    assert "GATELODGE_METRICS_HOSTS" in answer.text
    (record,) = caplog.records
    assert (record.levelname, "GATELODGE_METRICS_HOSTS" in record.getMessage()) == ("WARNING", True)
    assert "rebinds" not in record.getMessage() + answer.text


def test_names_of_the_setting_reach_the_bind_and_a_url_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATELODGE_METRICS_HOSTS", "mcp-1.example.com, mcp-2.example.com")
    config = ObservabilitySettings().observability_config("server")
    assert config.metrics_hosts == {"mcp-1.example.com", "mcp-2.example.com"}
    monkeypatch.setenv("GATELODGE_METRICS_HOSTS", "http://mcp-1.example.com")
    with pytest.raises(ValidationError, match="host names alone"):
        ObservabilitySettings()
