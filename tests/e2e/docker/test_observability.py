"""The profile observability on the running deployment: Prometheus reads every part, strangers read neither it nor Valkey, and
the limits of both replicas are counted together.

Not here: Grafana, which has no stand-in; its files' queries are asked from its network. The rules' own tests (``tests/repo``).
"""

import asyncio
import json
import re
import time
from collections import Counter
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from native_stack import CHECKOUT
from wire import call, tls_client

from e2e.docker.deployment import REPLICAS, Deployment

_FILES = CHECKOUT / "infra" / "observability"
_ASK = """
import json, sys, urllib.request
print(json.dumps([json.load(urllib.request.urlopen(url, timeout=10))["data"] for url in json.loads(sys.argv[1])]))
"""
# What one address may be refused in a minute by default, and how much more is sent.
_REFUSALS, _MORE = 600, 40


def ask(deployment: Deployment, *paths: str) -> list[dict[str, Any]]:
    """What Prometheus's API answers where Grafana asks it: by the same URL, on the same network."""
    given = yaml.safe_load((_FILES / "grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))
    told: bytes = deployment.client.containers.run(
        "gatelodge-tools:latest",
        ["python", "-c", _ASK, json.dumps([f"{given['datasources'][0]['url']}/api/v1/{path}" for path in paths])],
        network=f"{deployment.project}_observability",
        remove=True,
    )
    answers: list[dict[str, Any]] = json.loads(told)
    return answers


def reached(deployment: Deployment, part: str, places: dict[str, str]) -> set[str]:
    """Which of these places, each a ``host/port``, take a connection from inside a part."""
    # A network that leads elsewhere drops it without a word.
    tried = [f"(timeout 1 bash -c 'exec 3<>/dev/tcp/{place}' && echo {name}) &" for name, place in places.items()]
    return set(deployment.run(part, "bash", "-c", " ".join([*tried, "wait"])).stdout.split())


def address(deployment: Deployment, part: str, network: str) -> str:
    """Where a part is on one of the project's networks."""
    return str(deployment.state(part)["NetworkSettings"]["Networks"][f"{deployment.project}_{network}"]["IPAddress"])


def test_every_part_is_read_through_the_networks_as_they_are(pair: Deployment) -> None:
    wanted = dict.fromkeys(("desk", *REPLICAS, "keycloak", "traefik"), "up")
    # Each is read every 15 s, for the first time within those.
    deadline = time.monotonic() + 120
    while True:
        (found,) = ask(pair, "targets?state=active")
        targets = found["activeTargets"]
        if {each["labels"]["part"]: each["health"] for each in targets} == wanted:
            break
        assert time.monotonic() < deadline, [(each["scrapeUrl"], each["health"], each["lastError"]) for each in targets]
    (ups,) = ask(pair, "query?query=up==1")
    assert {each["metric"]["part"] for each in ups["result"]} == set(wanted)


def test_rules_and_panels_are_answered_where_grafana_asks(pair: Deployment) -> None:
    named = re.findall(r"- alert: (\w+)", (_FILES / "alerts.yml").read_text("utf-8"))
    panels = json.loads((_FILES / "grafana" / "dashboards" / "gatelodge.json").read_text("utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    asked = [query.replace("$__rate_interval", "1m").replace("$part", ".*") for query in queries]
    rules, *answers = ask(pair, "rules", *(f"query?query={quote(query)}" for query in asked))
    loaded = [rule for group in rules["groups"] for rule in group["rules"]]
    assert sorted(rule["name"] for rule in loaded) == sorted(named)
    assert [(rule["name"], rule["lastError"]) for rule in loaded if rule.get("lastError")] == []
    # What has a value as soon as a part is read; the others tell of what happens.
    empty = [query for query, answer in zip(asked, answers, strict=True) if not answer["result"]]
    assert [query for query in empty if "[" not in query] == []
    assert len(empty) < len(asked)


@pytest.mark.parametrize(("part", "user"), [("prometheus", "65534"), ("valkey", "999")])
def test_who_watches_is_as_closed_as_what_is_watched(pair: Deployment, part: str, user: str) -> None:
    host = pair.state(part)["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], None)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert not host["PortBindings"]
    assert pair.run(part, "id", "-u").stdout.strip() == user
    assert "Read-only file system" in pair.run(part, "touch", "/etc/mine").stderr
    # No way out.
    for name in pair.state(part)["NetworkSettings"]["Networks"]:
        assert pair.client.networks.get(name).attrs["Internal"] is True, name


@pytest.mark.parametrize(("part", "found"), [("sample", {"keycloak", "valkey"}), ("traefik", {"keycloak"})])
def test_prometheus_is_reached_by_grafana_alone_and_valkey_by_those_who_count(
    pair: Deployment, part: str, found: set[str]
) -> None:
    # The control of both is `ask`, on Grafana's network; that of the connections is Keycloak.
    places = {
        # The name leads to its address on the network on which it reads the others.
        "name": "prometheus/9090",
        "prometheus": f"{address(pair, 'prometheus', 'observability')}/9090",
        "valkey": f"{address(pair, 'valkey', 'counters')}/6379",
        "keycloak": "keycloak/9000",
    }
    assert reached(pair, part, places) == found


async def test_traefik_leads_to_none_of_them(pair: Deployment) -> None:
    base = pair.mcp_url.removesuffix("/mcp")
    async with tls_client(pair.folder / "ca.pem") as client:
        for path in ("/metrics", "/api/v1/targets", "/graph", "/prometheus/", "/-/ready", "/grafana/", "/api/health"):
            assert (await client.get(base + path)).status_code == 404, path
            for name in ("prometheus:9090", "grafana:3000"):
                seen = (await client.get(base + path, headers={"host": name})).status_code
                assert seen in {404, 421}, (path, name)


async def test_both_replicas_count_a_limit_together(pair: Deployment) -> None:
    statuses: Counter[int] = Counter()
    async with tls_client(pair.folder / "ca.pem") as client:

        async def refused(times: int) -> None:
            for _ in range(times):
                statuses[(await call(client, pair.mcp_url, "tools/list", token="made.up.token")).status_code] += 1

        await asyncio.gather(*(refused((_REFUSALS + _MORE) // 8) for _ in range(8)))
    # Each for itself would have seen half of them, and none too many.
    assert statuses == {401: _REFUSALS, 429: _MORE}
