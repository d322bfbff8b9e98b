"""Requests made from the description, good and bad: every answer is one that the description has, and none is an error
of the server's.

GATELODGE_API_CASES=50000 asks for so many in all.
"""

import json
import random
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desks import Desks
from fastmcp import FastMCP
from fuzzed_api import CASES, Fuzzed, fetched, fuzzed, on_a_socket
from lifespan import alive
from proxy_desk import ISSUER, PUBLIC_URL, proxy_desk
from results import record
from schemathesis.core.failures import FailureGroup
from shelf import document
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from vaults import new_keyring, open_vault

from gatelodge import protect, public, requires
from gatelodge.app.api_docs.proxied import proxied
from gatelodge.app.api_docs.served import made
from gatelodge.app.api_docs.server import health
from gatelodge.app.edge import Edge
from gatelodge.app.observing import ObservedApplication
from gatelodge.app.route_classes import server_classes
from gatelodge.app.throttling import AtOnce, RouteLimits, Throttling
from gatelodge.proxy.routes import proxy_routes
from gatelodge.proxy.rules import RULES
from gatelodge.ratelimit.config import LimitsConfig
from gatelodge.ratelimit.limit import Limits
from gatelodge.ratelimit.rate import Rate
from gatelodge.storage.config import DatabaseConfig
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

DOCUMENT = "https://good.example/client.json"
# So many where nobody says how many: a few hundred in all.
_SHARE = {"server": (0.45, 220), "proxy": (0.2, 120), "desk": (0.35, 120)}


def _cases(name: str) -> int:
    part, few = _SHARE[name]
    return int(CASES * part) + 1 if CASES else few


def _told(name: str, done: Fuzzed, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what a long run did, and keep it for the scoreboard."""
    if CASES:
        with capsys.disabled():
            sys.stdout.write(f"\n{name}: {done.cases} cases {json.dumps(dict(sorted(done.statuses.items())))}\n")
        failed = sum(count for kind, count in done.statuses.items() if kind.rpartition(" ")[2].startswith("5"))
        record(
            10,
            f"HTTP API, {name}",
            tried=done.cases,
            passed=done.cases - failed,
            figure=f"{len(done.statuses)} kinds of answer by operation and status, each as described; {failed} with 5xx",
            command=f"GATELODGE_API_CASES={CASES} .venv/bin/pytest framework/tests/app/api_docs/test_fuzz.py",
            negative_control="an answer that is not as described is found (status 500 and 418, media type, schema)",
            statuses=dict(sorted(done.statuses.items())),
        )


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A server's variables: limits that such a run does not reach, two providers that nobody asks."""
    monkeypatch.chdir(tmp_path)
    given = {
        "GATELODGE_PUBLIC_URL": PUBLIC_URL,
        "GATELODGE_ISSUER": ISSUER,
        "GATELODGE_STATE_DIR": str(tmp_path / "state"),
        "GATELODGE_TOKEN_SERVICE_CLIENTS": "beside",
        "GATELODGE_WEB_CLIENT_SECRET": "canary-web-secret",
        "GATELODGE_GITHUB_CLIENT_ID": "client",
        "GATELODGE_GITHUB_CLIENT_SECRET": "canary-secret",
        "GATELODGE_GITHUB_API_URL": "http://127.0.0.1:9",
        "GATELODGE_CODA": "on",
        "CODA_API_TOKEN": "canary-coda-token",
        "GATELODGE_CODA_API_URL": "http://127.0.0.1:9",
    }
    for name in ("CALLS", "ANONYMOUS_CALLS", "TOKEN_FAILURES", "LINKS", "LINKS_BY_ADDRESS"):
        given[f"GATELODGE_LIMIT_{name}"] = "off"
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def _server() -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("workspace")

    @mcp.tool
    @public
    async def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    @requires("workspace:read")
    async def read() -> str:
        return "read"

    return mcp


def _callers(tokens: TokenFactory) -> Callable[[str], list[Mapping[str, str]]]:
    def callers(_: str) -> list[Mapping[str, str]]:
        both, reading = (
            {"authorization": f"Bearer {tokens.token(scope=scope, sub='alice')}"}
            for scope in ("workspace:read workspace:write", "workspace:read")
        )
        return [both, both, reading, {}, {"authorization": "Bearer bad"}, {"cookie": "__Host-gatelodge-session=x"}]

    return callers


def _shape(dice: random.Random, case: Any) -> None:
    """Half of the cases name a provider that there is, and a call that a rule allows."""
    if "provider" in (case.path_parameters or {}) and dice.random() < 0.7:
        case.path_parameters["provider"] = dice.choice(["github", "coda"])
    if isinstance(case.body, dict) and "path" in case.body and dice.random() < 0.5:
        rule = dice.choice([rule for rule in RULES["github"] if rule.reads])
        case.body |= {"method": rule.method, "path": rule.template.replace("{", "").replace("...", "").replace("}", "")}
    if isinstance(case.body, dict) and "jsonrpc" in case.body and dice.random() < 0.8:
        case.headers["accept"] = "application/json, text/event-stream"


@pytest.mark.parametrize("fault", ["status 500", "status 418", "media type", "schema"])
def test_an_answer_that_is_not_as_described_is_found(fault: str) -> None:
    """The negative control: the same look at an application with one fault."""

    async def live(_: Request) -> Response:
        if fault.startswith("status"):
            return JSONResponse({"status": "live"}, int(fault.split()[1]))
        if fault == "media type":
            return PlainTextResponse("live")
        return JSONResponse({"status": "dead"})

    @asynccontextmanager
    async def application() -> AsyncIterator[tuple[ASGIApp, None]]:
        yield Starlette(routes=[Route("/health/live", live)]), None

    described = made("x", PUBLIC_URL, health(), {("GET", "/health/live")})
    with on_a_socket(application) as (url, _), pytest.raises(FailureGroup):
        fuzzed(url, described, cases=2, callers=lambda _: [{}])


def test_every_answer_of_a_server_is_as_described(settled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    tokens = TokenFactory(ISSUER, PUBLIC_URL, clock)
    issuer = FakeIssuer(tokens, scopes=("workspace:read", "workspace:write"))

    @asynccontextmanager
    async def application() -> AsyncIterator[tuple[ASGIApp, Starlette]]:
        app = protect(_server(), packs=("github", "coda"), outbound=issuer.outbound(), clock=clock)
        async with alive(app):
            yield app, app

    with on_a_socket(application) as (url, _):
        described = fetched(url, "/workspace/openapi.json")
        assert "/workspace/internal/tokens/{provider}" in described["paths"]
        done = fuzzed(url, described, cases=_cases("server"), callers=_callers(tokens), shape=_shape)
    _told("server", done, capsys)
    assert done.cases >= _cases("server") * 0.5
    assert {"connections 200", "authorization_url 200", "mcp 200", "ready 200"} <= done.statuses.keys()


@asynccontextmanager
async def _proxy(folder: Path, config: LimitsConfig) -> AsyncIterator[tuple[ASGIApp, TokenFactory]]:
    vault = await open_vault(DatabaseConfig(f"sqlite:///{folder / 'test.db'}"), new_keyring())
    try:
        async with proxy_desk(vault, services=frozenset({"beside"})) as desk:
            await desk.link("github")
            await desk.link("coda")
            limits = RouteLimits(
                Throttling(config, Limits(vault.clock)), AtOnce(PlainTextResponse(), config, vault.clock)
            )
            routes, middleware = proxy_routes(replace(desk.parts, limits=limits)), [Middleware(Edge)]
            classes = server_classes("/workspace/mcp")
            yield ObservedApplication(classes=classes, routes=routes, middleware=middleware), desk.factory
    finally:
        await vault.aclose()


def _fuzzed_proxy(folder: Path, config: LimitsConfig, cases: int) -> Fuzzed:
    operations = proxied("/workspace")
    served = {(operation.method, operation.path) for operation in operations}
    described = made("workspace", PUBLIC_URL, operations, served)
    with on_a_socket(lambda: _proxy(folder, config)) as (url, tokens):
        return fuzzed(url, described, cases=cases, callers=_callers(tokens), shape=_shape)


def test_every_answer_of_the_proxy_is_as_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = _fuzzed_proxy(tmp_path, LimitsConfig(), _cases("proxy"))
    _told("proxy", done, capsys)
    assert {"proxy 200", "proxy 400", "proxy 401", "proxy 403"} <= done.statuses.keys()


def test_every_answer_of_the_proxy_beyond_its_limits_is_as_described(tmp_path: Path) -> None:
    done = _fuzzed_proxy(tmp_path, LimitsConfig(calls=Rate(1), token_failures=Rate(1)), 40)
    assert {"proxy 429", "service_token 429", "proxy 401"} <= done.statuses.keys()


def test_every_answer_of_the_desk_is_as_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @asynccontextmanager
    async def application() -> AsyncIterator[tuple[ASGIApp, None]]:
        limits: dict[str, Any] = {"registrations_per_address": 1_000_000, "registrations_per_host": 1_000_000}
        async with Desks(tmp_path).running(**limits, new_documents_per_address=1_000_000) as desk:
            desk.shelf.put(DOCUMENT, document(DOCUMENT))
            yield desk.app, None

    def callers(_: str) -> list[Mapping[str, str]]:
        return [{}, {"authorization": "Bearer t0ken-of-registration"}, {"accept": "application/json"}]

    def shape(dice: random.Random, case: Any) -> None:
        if isinstance(case.body, dict) and "redirect_uris" in case.body and dice.random() < 0.5:
            case.body["redirect_uris"] = ["https://chatgpt.com/connector_platform_oauth_redirect"]
        if "client_id" in (case.query or {}) and dice.random() < 0.5:
            case.query["client_id"] = dice.choice([DOCUMENT, DOCUMENT, "https://evil.example/c.json"])

    with on_a_socket(application) as (url, _):
        described = fetched(url, "/openapi.json")
        # A document that its host does not give is nobody's fault here.
        away = {"authorize": frozenset({503})}
        done = fuzzed(url, described, cases=_cases("desk"), callers=callers, shape=shape, legitimate=away)
    _told("desk", done, capsys)
    assert {"register 201", "register 400", "ready 200", "authorize 302"} <= done.statuses.keys()
