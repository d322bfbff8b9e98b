"""``/health``, ``/health/live``, ``/health/ready`` and ``/status`` of servers, as strangers and load balancers see them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from lifespan import alive
from protected import ISSUER, PUBLIC_URL, Serve, private_server
from redis_server import free_port, running_redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from gatelodge import auth_middleware, protect, public
from gatelodge.app.health import STOPPING_KEY
from gatelodge.app.health_checks import provider_checks, redis_check, store_check
from gatelodge.app.serve import _Draining
from gatelodge.core.secret import Secret
from gatelodge.observability.health import Health
from gatelodge.outbound.client import Outbound
from gatelodge.ratelimit.limit import Limits
from gatelodge.resource_server.access_assertion import CERTS_PATH
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

UP = {"status": "up", "age_seconds": 0, "latency_ms": 0}


@pytest.mark.parametrize("path", ["/health", "/status"])
async def test_a_server_says_what_it_is_to_everyone(path: str, serve: Serve) -> None:
    served = await serve(private_server())
    answer = await served.http.get(path, headers={"host": "10.0.0.7:8000"})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    told = answer.json()
    assert told.pop("version").count(".") == 2
    assert told == {
        "status": "ok",
        "service": "private",
        "auth": {"mode": "keycloak", "tokenStorage": "none"},
        "timestamp": told["timestamp"],
    }
    assert told["timestamp"].endswith("Z")
    assert (await served.http.head(path)).status_code == 200


async def test_an_outage_is_told_without_a_word_of_where_it_is(serve: Serve) -> None:
    served = await serve(private_server())
    served.issuer.unreachable = True
    ready = await served.http.get("/health/ready")
    assert ready.status_code == 503
    told = ready.json()
    assert (told["code"], told["waiting_for"]) == ("keys_unavailable", "authorization server")
    assert told["checks"] == {"keys": {"status": "down", "age_seconds": None, "latency_ms": None}}
    short = await served.http.get("/health")
    assert (short.status_code, short.json()["status"]) == (200, "unavailable")
    assert (await served.http.get("/health/live")).json() == {"status": "live"}
    for answer in (ready, short):
        for inside in ("localhost", "realms", "refused", "ConnectError", "127.0.0.1"):
            assert inside not in answer.text


async def test_keys_that_outlive_an_outage_are_ready_and_show_their_age(serve: Serve) -> None:
    served = await serve(private_server())
    assert (await served.http.get("/health/ready")).status_code == 200
    served.issuer.unreachable = True
    served.clock.advance(120)
    answer = await served.http.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]["keys"]["age_seconds"]) == (200, 120)


async def test_who_asks_often_asks_nobody_else_often(serve: Serve) -> None:
    served = await serve(private_server())
    served.issuer.unreachable = True
    before = served.issuer.refused
    await asyncio.gather(*(served.http.get("/health/ready") for _ in range(200)))
    # One look, and its one second try, at the metadata that names the keys.
    assert served.issuer.refused - before <= 4


async def test_answers_have_one_size_whatever_is_asked(serve: Serve) -> None:
    served = await serve(private_server())
    sizes = {len((await served.http.get(f"/health/ready?{'x' * more}")).content) for more in (0, 10, 4000)}
    assert len(sizes) == 1


@pytest.mark.parametrize("path", ["/workspace/health", "/health", "/workspace/health/ready", "/workspace/status"])
async def test_a_server_below_a_path_answers_there_and_at_the_root_of_its_bind(path: str, tmp_path: Path) -> None:
    url = "https://localhost:8443/workspace/mcp"
    clock = ManualClock()
    issuer = FakeIssuer(TokenFactory(ISSUER, url, clock))
    settings = ServerSettings(public_url=url, issuer=ISSUER, state_dir=tmp_path)
    app = protect(FastMCP("workspace"), settings, outbound=issuer.outbound(), clock=clock)
    async with alive(app), _client(app) as http:
        answer = await http.get(path, headers={"host": "10.0.0.7"})
        assert answer.status_code == 200
        assert answer.json()["status"] in {"ok", "ready"}
        assert (await http.get("/workspace/x/health", headers={"host": "10.0.0.7"})).status_code == 421


@asynccontextmanager
async def _client(app: Any) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://localhost:8443") as http:
        yield http


async def test_a_mode_without_an_authorization_server_waits_for_none(serve: Serve) -> None:
    served = await serve(private_server(), auth_mode="bearer", dev_token=Secret("a" * 32), dev_scopes={"notes:read"})
    assert (await served.http.get("/health/ready")).json() == {"status": "ready", "checks": {}}
    assert (await served.http.get("/health")).json()["auth"]["mode"] == "bearer"


async def test_where_both_sign_people_in_the_keys_of_both_are_looked_at(tmp_path: Path) -> None:
    clock = ManualClock()
    keycloak, away = FakeIssuer(TokenFactory(ISSUER, PUBLIC_URL, clock)), {"team": True, "keycloak": False}

    async def answer(request: httpx2.Request) -> httpx2.Response:
        team = request.url.path == CERTS_PATH
        if away["team" if team else "keycloak"]:
            raise httpx2.ConnectError("connection refused", request=request)
        served = JSONResponse(keycloak.tokens.jwks()) if team else keycloak
        return await httpx2.ASGITransport(app=served).handle_async_request(request)

    access = {"access_team_domain": "example.cloudflareaccess.com", "access_aud": "a" * 64}
    given: dict[str, Any] = {"public_url": PUBLIC_URL, "issuer": ISSUER, "state_dir": tmp_path, **access}
    outbound = Outbound(transport=httpx2.MockTransport(answer))
    settings = ServerSettings(auth_mode="both", **given)
    app = protect(private_server(), settings, outbound=outbound, clock=clock)
    async with alive(app), _client(app) as http:
        first = await http.get("/health/ready")
        assert (first.status_code, first.json()["code"]) == (503, "keys_unavailable")
        down = {"status": "down", "age_seconds": None, "latency_ms": None}
        assert first.json()["checks"] == {"keys": UP, "access_keys": down}
        away["team"] = False
        clock.advance(100)
        assert (await http.get("/health/ready")).json()["checks"] == {
            "keys": {**UP, "age_seconds": 100},
            "access_keys": UP,
        }
        away |= {"team": True, "keycloak": True}
        clock.advance(50)
        assert (await http.get("/health/ready")).json() == {
            "status": "ready",
            "checks": {"keys": {**UP, "age_seconds": 150}, "access_keys": {**UP, "age_seconds": 50}},
        }
        assert "cloudflare" not in first.text


async def test_an_application_behind_the_middleware_keeps_a_health_route_of_its_own(tmp_path: Path) -> None:
    clock = ManualClock()
    issuer = FakeIssuer(TokenFactory(ISSUER, PUBLIC_URL, clock))
    settings = ServerSettings(public_url=PUBLIC_URL, issuer=ISSUER, state_dir=tmp_path)

    async def own(_: Any) -> PlainTextResponse:
        return PlainTextResponse("own")

    wrap = auth_middleware(service_name="plain", settings=settings, outbound=issuer.outbound(), clock=clock)
    app = wrap(Starlette(routes=[Route("/status", own)]))
    async with _client(app) as http:
        assert (await http.get("/health")).json()["service"] == "plain"
        # Its own rule decides: it has none, so strangers do not reach it.
        assert (await http.get("/status")).status_code in {401, 403}


# Store, Redis, providers


class _Rows:
    async def row(self, sql: str) -> dict[str, int]:
        assert sql.startswith("SELECT 1")
        return {"answered": 1}


async def test_a_store_is_up_once_it_is_open() -> None:
    opened: list[Any] = []
    clock = ManualClock()
    health = Health(clock, [store_check(lambda: opened[0] if opened else None)])
    assert [told.up for told in await health.look()] == [False]
    opened.append(_Rows())
    clock.advance(1)
    assert [told.up for told in await health.look()] == [True]


async def test_redis_is_asked_and_its_end_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatelodge.ratelimit.redis_windows._PATIENCE", 60.0)
    clock, port = ManualClock(), free_port()
    limits = Limits(clock, Secret(f"redis://127.0.0.1:{port}/0"))
    health = Health(clock, [redis_check(limits, needed=True)])
    try:
        with running_redis(port):
            assert [told.up for told in await health.look()] == [True]
        clock.advance(1)
        assert [told.up for told in await health.look()] == [False]
    finally:
        await health.aclose()
        await limits.aclose()


@pytest.mark.parametrize(("status", "up"), [(200, True), (401, True), (429, True), (500, False), (503, False)])
async def test_a_provider_that_answers_at_all_is_up(status: int, up: bool) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(status, stream=httpx2.ByteStream(b""))

    outbound = Outbound(transport=httpx2.MockTransport(answer))
    health = Health(ManualClock(), provider_checks([("github", "https://api.example")], lambda: outbound))
    for _ in range(50):
        (told,) = await health.look()
        await asyncio.sleep(0)
    assert (told.up, len(seen), seen[0].method, "authorization" in seen[0].headers) == (up, 1, "HEAD", False)
    await outbound.aclose()


async def test_providers_are_shown_and_never_make_a_server_unready(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "https://localhost:8443/workspace/mcp"
    given = {"PUBLIC_URL": url, "ISSUER": ISSUER, "STATE_DIR": str(tmp_path / "state")}
    given |= {"GITHUB_CLIENT_ID": "c", "GITHUB_CLIENT_SECRET": "s", "GITHUB_API_URL": f"http://127.0.0.1:{free_port()}"}
    for name, value in given.items():
        monkeypatch.setenv(f"GATELODGE_{name}", value)
    clock = ManualClock()
    issuer = FakeIssuer(TokenFactory(ISSUER, url, clock))
    app = protect(FastMCP("workspace"), packs=["github"], outbound=issuer.outbound(), clock=clock)
    async with alive(app), _client(app) as http:
        states: set[str] = set()
        while "degraded" not in states:
            ready = await http.get("/health/ready")
            assert ready.status_code == 200
            states.add(ready.json()["checks"]["github"]["status"])
        assert states <= {"unknown", "degraded"}
        assert ready.json()["checks"] | {"github": None} == {"keys": UP, "store": UP, "github": None}
        short = (await http.get("/workspace/status")).json()
        assert (short["status"], short["auth"]) == ("degraded", {"mode": "keycloak", "tokenStorage": "sqlite"})


@pytest.mark.parametrize("path", ["/health/ready", "/workspace/health/ready"])
async def test_a_process_that_is_stopping_says_so_on_each_of_its_paths(path: str, serve: Serve) -> None:
    served = await serve(private_server(), public_url="https://localhost:8443/workspace/mcp")
    draining = _Draining(served.http._transport.app)  # type: ignore[attr-defined]
    async with _client(draining) as http:
        draining.stopping = True
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "server_stopping")
        # Observed as every answer is.
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert (await http.get("/health/live")).status_code == 200


async def test_a_path_that_only_ends_like_readiness_stays_the_applications(tmp_path: Path) -> None:
    async def own(request: Request) -> JSONResponse:
        return JSONResponse({"told": request.scope[STOPPING_KEY]})

    clock = ManualClock()
    issuer = FakeIssuer(TokenFactory(ISSUER, PUBLIC_URL, clock))
    settings = ServerSettings(public_url=PUBLIC_URL, issuer=ISSUER, state_dir=tmp_path)
    app = Starlette(routes=[Route("/api/x/health/ready", public(own))])
    draining = _Draining(auth_middleware(settings=settings, outbound=issuer.outbound(), clock=clock)(app))
    async with _client(draining) as http:
        draining.stopping = True
        assert (await http.get("/api/x/health/ready")).json() == {"told": True}
        assert (await http.get("/health/ready")).json()["code"] == "server_stopping"
