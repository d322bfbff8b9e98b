"""Figures of the native stack: each part shows its own inside, and Prometheus reads them where its program is at hand."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest
from native_stack import CHECKOUT, Stack
from wire import call, tls_client

pytestmark = pytest.mark.stack

_FILES = CHECKOUT / "infra" / "observability"


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(stack.ca_file) as client:
        yield client


@pytest.fixture
def ask(stack: Stack, http: httpx2.AsyncClient) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Prometheus's API; skips where it does not run."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus on this machine: the native stack runs without it")

    async def get(path: str, **query: str) -> dict[str, Any]:
        answer = await http.get(f"{stack.status['prometheus_url']}/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    return get


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    # A figure is read every 15 s.
    async with asyncio.timeout(180):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.5)


async def test_each_part_shows_its_figures_on_loopback_and_traefik_routes_none(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    assert set(stack.status["metrics"]) == {"desk", "server"}
    for name, url in stack.status["metrics"].items():
        assert url.startswith("http://127.0.0.1:")
        text = (await http.get(url)).text
        assert f'gatelodge_build_info{{part="{name}"' in text
    for path in ("/metrics", "/mcp/metrics", "/realms/mcp/metrics", "/desk/metrics"):
        answer = await http.get(f"{stack.public_base}{path}")
        assert answer.status_code in {401, 404, 405}, path
        assert "gatelodge_build_info" not in answer.text


async def test_prometheus_reads_every_part_and_counts_a_call(
    stack: Stack, http: httpx2.AsyncClient, ask: Callable[..., Awaitable[dict[str, Any]]]
) -> None:
    assert (await call(http, stack.mcp_url, "tools/list", token="made.up.token")).status_code == 401
    query = 'sum(gatelodge_token_verdicts_total{part="server", verdict!~"accepted|absent"})'
    text = (await http.get(stack.status["metrics"]["server"])).text
    refused = [line for line in text.splitlines() if line.startswith("gatelodge_token_verdicts_total{")]
    counted = sum(float(line.split()[1]) for line in refused if '"accepted"' not in line and '"absent"' not in line)
    assert counted >= 1

    async def all_up() -> bool:
        found = (await ask("targets", state="active"))["activeTargets"]
        return {each["labels"]["part"] for each in found if each["health"] == "up"} == {
            "desk",
            "server",
            "keycloak",
            "traefik",
        }

    async def read() -> bool:
        result = (await ask("query", query=query))["result"]
        return bool(result) and float(result[0]["value"][1]) >= counted

    await _until(all_up)
    await _until(read)


async def test_the_alerts_are_loaded_and_every_panel_s_query_is_one(
    ask: Callable[..., Awaitable[dict[str, Any]]],
) -> None:
    named = re.findall(r"- alert: (\w+)", (_FILES / "alerts.yml").read_text(encoding="utf-8"))
    dashboard = json.loads((_FILES / "grafana" / "dashboards" / "gatelodge.json").read_text(encoding="utf-8"))

    async def evaluated() -> bool:
        rules = [rule for group in (await ask("rules"))["groups"] for rule in group["rules"]]
        assert {rule["name"] for rule in rules} == set(named)
        return all(rule["health"] == "ok" for rule in rules)

    await _until(evaluated)
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(queries) > len(named)
    for query in queries:
        await ask("query", query=query.replace("$__rate_interval", "1m").replace("$part", ".*"))

    async def read() -> bool:
        # Traefik and Keycloak have the figures that are read of them.
        names = ("traefik_tls_certs_not_after", "jvm_memory_used_bytes", "agroal_active_count")
        return all([(await ask("query", query=name))["result"] for name in names])

    await _until(read)
