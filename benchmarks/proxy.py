"""What a call through the proxy costs over the same call made directly: ``python benchmarks/proxy.py``.

One upstream in a process of its own, three callers side by side in alternating rounds: one pooled client, directly; the
proxy (token check, scope, rule, vault, audit, envelope) through its ASGI application on the same pooled client; and one
new client for each request. The upstream answers 1 KiB of JSON that is not kept. Then the first two with a hundred callers
at once, where a pool that looks at all connections for each one shows. Needs ``framework/tests/support`` on the path.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx2
import uvloop
from proxy_desk import ProxyDesk, proxy_desk
from raw_upstream import answer, raw_upstream
from run import circumstances
from starlette.applications import Starlette
from starlette.types import Message, Scope
from vaults import new_keyring, open_vault

from gatelodge.outbound.client import Outbound
from gatelodge.outbound.pool import PoolConfig, PooledTransport
from gatelodge.proxy.routes import proxy_routes
from gatelodge.resource_server.cache import CachedVerifier
from gatelodge.resource_server.identity import BearerIdentity
from gatelodge.storage.config import DatabaseConfig

GOAL = 1.5  # milliseconds over the direct call, p50
RESULT = Path(__file__).parent / "results" / "proxy.json"
TARGET = "/user/orgs"
AT_ONCE = 100
POOLED, PROXY, ALONE = "direct, pooled", "proxy", "direct, client a request"

Caller = Callable[[], Awaitable[None]]


def upstream(line: Connection) -> None:
    """Serve until the parent goes away."""

    async def serve() -> None:
        async with raw_upstream() as raw:
            raw.otherwise = answer(200, {"orgs": "x" * 1000})
            line.send(raw.url)
            while not line.poll():
                await asyncio.sleep(0.2)
                raw.asked.clear()

    uvloop.run(serve())


async def main(rounds: int, calls: int) -> int:
    """Print and keep the figures. Returns 1 when the goal is missed."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=upstream, args=(theirs,), daemon=True)
    process.start()
    measured = circumstances("benchmarks/proxy.py")
    with tempfile.TemporaryDirectory() as folder:
        vault = await open_vault(DatabaseConfig(f"sqlite:///{folder}/vault/bench.db"), new_keyring())
        async with proxy_desk(vault, urls={"github": ours.recv()}) as desk:
            await desk.link("github")
            times, bursts = await _measure(desk, rounds, calls)
        await vault.aclose()
    ours.send("end")
    process.join(10)
    figures = {name: _figures(found) for name, found in times.items()}
    adds = round(figures[PROXY]["p50"] - figures[POOLED]["p50"], 3)
    at_once = {name: round(statistics.median(found), 3) for name, found in bursts.items()}
    _keep(figures, adds, at_once, measured)
    for name, found in figures.items():
        print(f"{name:26} p50 {found['p50']:7.3f} ms   p95 {found['p95']:7.3f} ms")
    print(f"the proxy adds             p50 {adds:7.3f} ms   (goal: at most {GOAL} ms)")
    for name, each in at_once.items():
        print(f"{name:26} {each:.3f} ms for each of {AT_ONCE} at once")
    return int(adds > GOAL)


async def _measure(desk: ProxyDesk, rounds: int, calls: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Milliseconds of each call, one after the other; and for each of many at once, one figure a round."""
    url = desk.registry.get("github").provider.api_base + TARGET
    pooled = Outbound(transport=PooledTransport(PoolConfig(), own=["127.0.0.1"]))
    direct = {"authorization": "Bearer canary-a0", "accept": "application/json"}
    asked = json.dumps({"method": "GET", "path": TARGET}).encode()
    # As a server has it: a client's token is checked in full once a minute.
    verifier = desk.parts.identity._tokens  # type: ignore[attr-defined]
    keys = {verifier._config.issuer: verifier._keys[verifier._config.issuer]}
    cached = CachedVerifier(verifier, keys, desk.vault.clock, leeway=10.0)
    object.__setattr__(desk.parts, "identity", BearerIdentity(cached))
    headers = desk.bearer()

    app = Starlette(routes=proxy_routes(desk.parts))
    scope = _scope("/workspace/api/github/proxy", headers["authorization"])

    async def through() -> None:
        # Straight into the application: another HTTP client around it would be the larger part of the figure.
        statuses = list[int]()

        async def receive() -> Message:
            return {"type": "http.request", "body": asked, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await app(dict(scope), receive, send)
        if statuses != [200]:
            raise RuntimeError(f"the proxy answered {statuses}")

    async def alone() -> None:
        async with httpx2.AsyncClient(trust_env=False) as client:
            (await client.get(url, headers=direct)).raise_for_status()

    async def straight() -> None:
        await pooled.request("GET", url, headers=direct)

    callers: dict[str, Caller] = {POOLED: straight, PROXY: through, ALONE: alone}
    found = await _in_turn(callers, rounds, calls), await _at_once(callers, rounds)
    await pooled.aclose()
    return found


async def _in_turn(callers: Mapping[str, Caller], rounds: int, calls: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in callers}
    for number in range(rounds + 1):
        for name, caller in callers.items():
            for _ in range(calls):
                began = time.perf_counter()
                await caller()
                # The first round fills pools and caches.
                if number:
                    times[name].append((time.perf_counter() - began) * 1000)
    return times


async def _at_once(callers: Mapping[str, Caller], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {POOLED: [], PROXY: []}
    for number in range(rounds + 1):
        for name, found in times.items():
            began = time.perf_counter()
            await asyncio.gather(*(callers[name]() for _ in range(AT_ONCE)))
            if number:
                found.append((time.perf_counter() - began) * 1000 / AT_ONCE)
    return times


def _scope(path: str, authorization: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"authorization", authorization.encode())],
        "server": ("localhost", 443),
        "client": ("127.0.0.1", 1),
    }


def _figures(found: list[float]) -> dict[str, float]:
    ordered = sorted(found)
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 3),
        "p95": round(ordered[int(len(ordered) * 0.95)], 3),
    }


def _keep(figures: dict[str, Any], adds: float, at_once: dict[str, float], measured: dict[str, Any]) -> None:
    result = {
        **measured,
        "milliseconds": figures,
        "proxy_adds_p50": adds,
        "goal": GOAL,
        "callers_at_once": AT_ONCE,
        "milliseconds_each_at_once": at_once,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    raise SystemExit(uvloop.run(main(options.rounds, options.calls)))
