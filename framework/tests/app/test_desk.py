"""The desk in process, with a realm behind it that registers as Keycloak does."""

import json
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from client_bodies import BODIES, CLAUDE_CODE, INSPECTOR
from problems import members, told
from registering_realm import ENDPOINT, INTERNAL, ISSUER, RegisteringRealm
from starlette.applications import Starlette

from gatelodge.app.desk.create import create_desk
from gatelodge.app.desk.registrations import MAX_BODY
from gatelodge.core.codes import Code
from gatelodge.outbound.client import Answer, Outbound
from gatelodge.settings.desk import DeskSettings
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.testing.clock import ManualClock

METADATA = (
    "/.well-known/oauth-authorization-server/realms/mcp",
    "/realms/mcp/.well-known/oauth-authorization-server",
    "/realms/mcp/.well-known/openid-configuration",
)
INSPECTOR_ORIGIN = "http://localhost:6274"


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged besides the line that every request has."""
    return [record for record in caplog.records if record.name != "gatelodge.access"]


def settings(**values: Any) -> DeskSettings:
    scopes = frozenset({"deep-research:read", "deep-research:write"})
    return DeskSettings(**{"issuer": ISSUER, "issuer_internal_url": INTERNAL, "scopes": scopes, **values})


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def realm() -> RegisteringRealm:
    return RegisteringRealm()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def app(realm: RegisteringRealm, clock: ManualClock) -> AsyncIterator[Starlette]:
    desk = create_desk(settings(), outbound=realm.outbound(), clock=clock)
    async with desk.router.lifespan_context(desk):
        yield desk


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://localhost:8443") as client:
        yield client


# Registration


@pytest.mark.parametrize("client", BODIES)
async def test_a_measured_body_registers(client: str, http: httpx2.AsyncClient) -> None:
    answer = await http.post(ENDPOINT, json=BODIES[client])
    assert answer.status_code == 201
    assert answer.json()["client_id"] == "c-1"
    assert answer.json()["redirect_uris"] == BODIES[client]["redirect_uris"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_browser_tool_registers_although_keycloak_would_refuse_its_origin(
    http: httpx2.AsyncClient, realm: RegisteringRealm
) -> None:
    headers = {"origin": INSPECTOR_ORIGIN, "authorization": "Bearer junk", "cookie": "a=b"}
    answer = await http.post(ENDPOINT, json=INSPECTOR, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert not {"origin", "authorization", "cookie"} & set(realm.requests[0][0])


@pytest.mark.requirement("RFC9700-4.11.2-no-open-redirect")
async def test_a_foreign_redirect_is_refused_and_keycloak_never_asked(
    http: httpx2.AsyncClient, realm: RegisteringRealm
) -> None:
    answer = await http.post(ENDPOINT, json={**CLAUDE_CODE, "redirect_uris": ["https://evil.example/cb"]})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_redirect_uri"
    assert "chatgpt.com" in answer.json()["error_description"]
    assert "evil" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert realm.requests == []


async def test_the_hosts_of_the_settings_are_the_ones_allowed(realm: RegisteringRealm) -> None:
    app = create_desk(settings(registration_hosts=frozenset({"mine.example"})), outbound=realm.outbound())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://localhost") as http:
        answer = await http.post(ENDPOINT, json=CLAUDE_CODE)
    assert answer.json()["error"] == "invalid_redirect_uri"
    assert "mine.example" in answer.json()["error_description"]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_a_body_of_another_type_than_json_is_refused(kind: str | None, http: httpx2.AsyncClient) -> None:
    headers = {} if kind is None else {"content-type": kind}
    answer = await http.post(ENDPOINT, content=json.dumps(CLAUDE_CODE), headers=headers)
    assert answer.status_code == 400
    said = "Content-Type must be application/json."
    # RFC 7591, section 3.2.2: clients read it by that RFC, so the type is its own.
    assert told(answer, media="application/json") == members(
        Code.REGISTRATION_METADATA, "invalid_client_metadata", said, detail=said
    )


async def test_the_json_type_may_have_parameters_and_any_case(http: httpx2.AsyncClient) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await http.post(ENDPOINT, content=json.dumps(CLAUDE_CODE), headers=headers)).status_code == 201


async def test_a_body_at_the_limit_is_read(http: httpx2.AsyncClient) -> None:
    body = json.dumps(CLAUDE_CODE).ljust(MAX_BODY)
    answer = await http.post(ENDPOINT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 201


async def test_a_body_over_the_limit_is_refused_before_it_is_read_whole(
    http: httpx2.AsyncClient, realm: RegisteringRealm
) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < 1000 * MAX_BODY:
            taken += 4096
            yield b" " * 4096

    answer = await http.post(ENDPOINT, content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"] == "invalid_client_metadata"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert taken <= MAX_BODY + 2 * 4096
    assert realm.requests == []


async def test_while_keycloak_is_down_a_registration_may_be_tried_again_later(
    http: httpx2.AsyncClient, realm: RegisteringRealm
) -> None:
    realm.unreachable = True
    answer = await http.post(ENDPOINT, json=CLAUDE_CODE)
    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "127.0.0.1" not in answer.text


async def test_a_client_that_goes_away_is_noted_and_nothing_registered(
    app: Starlette, realm: RegisteringRealm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    incoming = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(_: Any) -> None:
        return

    scope = {
        "type": "http",
        "method": "POST",
        "path": ENDPOINT,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    await app(scope, receive, send)
    assert "given up by the client" in caplog.text
    assert realm.requests == []


# What is logged


async def test_an_accepted_registration_leaves_one_line_without_its_secrets(
    http: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gatelodge")
    body = {**CLAUDE_CODE, "token_endpoint_auth_method": "client_secret_post", "client_name": "a\nforged line"}
    answer = await http.post(ENDPOINT, json=body)
    assert answer.json()["client_secret"] == "s3cr3t-of-client"
    assert answer.json()["registration_access_token"] == "t0ken-of-registration"
    assert [record.getMessage() for record in logged(caplog)] == [
        "registration accepted: client_name='aforged line' redirects=http://localhost client_id=c-1"
    ]


async def test_a_refused_registration_leaves_one_line_with_the_reason_and_the_next_step(
    http: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gatelodge")
    await http.post(ENDPOINT, json={"redirect_uris": ["https://evil.example/cb?code=x"]})
    (line,) = [record.getMessage() for record in logged(caplog)]
    assert line.startswith(
        "registration refused: client_name='' redirects=https://evil.example (invalid_redirect_uri: "
    )
    assert "redirect_uris[0] is on a host that is not allowed here; next step: " in line


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [((400, {}), (400, "INFO")), ((403, {}), (403, "ERROR")), ((500, b"<html>"), (503, "ERROR"))],
)
async def test_only_what_an_operator_must_mend_is_logged_as_an_error(
    answer: tuple[int, Any],
    outcome: tuple[int, str],
    http: httpx2.AsyncClient,
    realm: RegisteringRealm,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gatelodge")
    realm.answer = answer
    given = await http.post(ENDPOINT, json=CLAUDE_CODE)
    (record,) = logged(caplog)
    assert (given.status_code, record.levelname) == outcome


# The issuer's metadata


@pytest.mark.requirement("RFC8414-3-path-inserted", "RFC8414-3.1-get", "RFC9700-2.6-metadata", "MCP26-AUTH-19")
@pytest.mark.requirement("MCP25-AUTH-19")
@pytest.mark.parametrize("path", METADATA)
async def test_the_issuers_metadata_is_served_curated_to_any_origin(path: str, http: httpx2.AsyncClient) -> None:
    answer = await http.get(path, headers={"origin": INSPECTOR_ORIGIN})
    document = answer.json()
    assert answer.status_code == 200
    assert document["issuer"] == ISSUER
    assert document["registration_endpoint"] == "https://localhost:8443" + ENDPOINT
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert "none" in document["token_endpoint_auth_methods_supported"]
    assert {"deep-research:read", "deep-research:write", "offline_access"} <= set(document["scopes_supported"])
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "max-age=60"
    assert (await http.head(path)).status_code == 200


@pytest.mark.parametrize("path", METADATA)
async def test_metadata_that_was_never_read_is_unavailable_so_that_the_proxy_falls_back(
    path: str, http: httpx2.AsyncClient, realm: RegisteringRealm
) -> None:
    realm.unreachable = True
    answer = await http.get(path)
    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "retry-after" in answer.headers
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_metadata_that_was_read_once_is_served_through_an_outage(
    http: httpx2.AsyncClient, realm: RegisteringRealm, clock: ManualClock
) -> None:
    first = (await http.get(METADATA[0])).json()
    realm.unreachable = True
    clock.advance(86_400)
    assert (await http.get(METADATA[0])).json() == first


async def test_the_paths_follow_the_issuer(realm: RegisteringRealm) -> None:
    app = create_desk(settings(issuer="https://id.example/auth/realms/x"), outbound=realm.outbound())
    served = {path for route in app.routes if (path := getattr(route, "path", None))}
    assert served == {
        "/auth/realms/x/clients-registrations/openid-connect",
        "/auth/realms/x/clients-registrations/openid-connect/{client_id}",
        "/auth/realms/x/protocol/openid-connect/auth",
        "/desk/consent",
        "/internal/clients/{client}/jwks.json",
        "/.well-known/oauth-authorization-server/auth/realms/x",
        "/auth/realms/x/.well-known/oauth-authorization-server",
        "/auth/realms/x/.well-known/openid-configuration",
        "/health",
        "/health/live",
        "/health/ready",
        "/status",
        "/openapi.json",
        "/docs",
    }


# CORS, health and everything else


@pytest.mark.parametrize(("path", "methods"), [(ENDPOINT, {"POST"}), *((path, {"GET", "HEAD"}) for path in METADATA)])
async def test_a_preflight_allows_what_browser_clients_send(
    path: str, methods: set[str], http: httpx2.AsyncClient
) -> None:
    asked = {
        "origin": INSPECTOR_ORIGIN,
        "access-control-request-method": min(methods),
        "access-control-request-headers": "content-type,mcp-protocol-version",
    }
    answer = await http.options(path, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert set(answer.headers["access-control-allow-methods"].split(", ")) == methods
    assert set(answer.headers["access-control-allow-headers"].split(", ")) == {"content-type", "mcp-protocol-version"}
    assert "access-control-allow-credentials" not in answer.headers


async def test_the_desk_is_live_at_once_and_ready_when_keycloak_was_read(
    http: httpx2.AsyncClient, realm: RegisteringRealm, clock: ManualClock
) -> None:
    realm.unreachable = True
    assert (await http.get("/health/live")).json() == {"status": "live"}
    waiting = await http.get("/health/ready")
    assert waiting.status_code == 503
    assert told(waiting)["waiting_for"] == "authorization server"
    realm.unreachable = False
    clock.advance(2)
    ready = await http.get("/health/ready")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "checks": {"metadata": {"status": "up", "age_seconds": 0, "latency_ms": 0}}},
    )


async def test_the_desk_is_not_ready_while_keycloak_names_another_issuer(
    http: httpx2.AsyncClient, realm: RegisteringRealm
) -> None:
    assert isinstance(realm.metadata, dict)
    realm.metadata["issuer"] = "https://other.example/realms/mcp"
    assert (await http.get("/health/ready")).status_code == 503


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ENDPOINT),
        ("PUT", ENDPOINT),
        ("DELETE", f"{ENDPOINT}/c-1/x"),
        ("POST", f"{ENDPOINT}/c-1"),
        ("POST", f"{ENDPOINT}/"),
        ("POST", "/realms/mcp/clients-registrations/default"),
        ("POST", "/realms/master/clients-registrations/openid-connect"),
        ("POST", METADATA[0]),
        ("GET", METADATA[0] + "/"),
        ("GET", "/.well-known/openid-configuration/realms/mcp"),
        ("GET", "/.well-known/oauth-protected-resource"),
        ("GET", "/redoc"),
    ],
)
async def test_everything_else_is_a_json_404_without_a_redirect(
    method: str, path: str, http: httpx2.AsyncClient, realm: RegisteringRealm
) -> None:
    answer = await http.request(method, path, json=CLAUDE_CODE)
    assert answer.status_code == 404
    assert told(answer) == members(Code.NOT_FOUND)
    assert realm.requests == []


class _Broken(Outbound):
    async def request(self, *_: Any, **__: Any) -> Answer:
        raise RuntimeError("a fault nobody foresaw, with s3cr3t inside")


async def test_an_unforeseen_fault_is_a_json_500_that_says_nothing() -> None:
    app = create_desk(settings(), outbound=_Broken())
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://localhost") as http:
        answer = await http.post(ENDPOINT, json=CLAUDE_CODE)
    assert answer.status_code == 500
    assert told(answer) == members(Code.INTERNAL_ERROR)
    assert "s3cr3t" not in answer.text


# Composition


def test_without_keycloaks_own_address_the_desk_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    # The public issuer leads through the proxy back to the desk.
    monkeypatch.setenv("GATELODGE_ISSUER", ISSUER)
    with pytest.raises(SettingsInvalid, match=r"GATELODGE_ISSUER_INTERNAL_URL: is missing .example: "):
        load(DeskSettings)


async def test_without_a_given_client_it_makes_one_and_meets_the_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    app = create_desk(settings(issuer_internal_url=f"http://127.0.0.1:{port}/realms/mcp"))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://localhost") as http,
    ):
        assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).status_code == 503


async def test_its_client_is_closed_when_it_stops(realm: RegisteringRealm) -> None:
    outbound = realm.outbound()
    app = create_desk(settings(), outbound=outbound)
    async with app.router.lifespan_context(app):
        await outbound.get_json(f"{INTERNAL}/.well-known/openid-configuration")
    with pytest.raises(RuntimeError, match="closed"):
        await outbound.get_json(f"{INTERNAL}/.well-known/openid-configuration")


def test_the_desk_loads_neither_fastmcp_nor_the_mcp_sdk_nor_keycloaks_client() -> None:
    program = (
        "import sys, gatelodge.app.desk.create\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'fastmcp', 'mcp', 'keycloak'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
