"""What Traefik lets through and what it does not; metadata through the edge; streaming (K3, K6, K7)."""

import asyncio
import json
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
from native_stack import READ, Stack
from wire import call, tls_client

from gatelodge.ops.link.oauth_steps import registration_body

pytestmark = pytest.mark.stack

REGISTRATION = "/realms/mcp/clients-registrations/openid-connect"


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(stack.ca_file) as client:
        yield client


def raw_status(stack: Stack, method: str, target: str) -> int:
    """The status of a request whose path is sent exactly as written."""
    context = ssl.create_default_context(cafile=str(stack.ca_file))
    with (
        socket.create_connection(("127.0.0.1", stack.port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wire,
    ):
        request = (
            f"{method} {target} HTTP/1.1\r\nHost: localhost:{stack.port}\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        wire.sendall(request.encode("latin-1"))
        return int(wire.makefile("rb").readline().split()[1])


CLOSED = [
    "/",
    "/admin",
    "/admin/",
    "/admin/master/console/",
    "/admin/realms",
    "/realms/master",
    "/realms/master/.well-known/openid-configuration",
    "/realms/mcp",
    "/realms/mcp/clients-registrations/default",
    "/realms/mcp/clients-registrations/install",
    "/realms/mcp/clients-registrations/saml2-entity-descriptor",
    "/realms/mcp/clients-registrations/openid-connect/",
    "/metrics",
    "/health/started",
    "/internal/tokens/jira",
]
SPELLINGS = [
    "/%61dmin/",
    "//admin/",
    "/./admin/",
    "/realms/mcp/../../admin/",
    "/realms/mcp/..%2f..%2fadmin/",
    "/realms/mcp/%2e%2e/%2e%2e/admin/",
    "/realms/mcp/..;/..;/admin/",
    "/realms/mcp;x=1/../../admin/",
    "/realms/%6daster/.well-known/openid-configuration",
    "/realms/mcp/../master/.well-known/openid-configuration",
    "/realms//master/.well-known/openid-configuration",
    "/realms/mcp/clients-registrations%2fdefault",
    "/realms/mcp/clients%2dregistrations/default",
    "/realms/mcp//clients-registrations/default",
    "/realms/mcp/./clients-registrations/default",
    "/realms/mcp/x/../clients-registrations/default",
    "/realms/mcp/Clients-Registrations/default",
    "/realms/mcp/clients-registrations;x/default",
    "/realms/mcp/%63lients-registrations/default",
    "/resources/../admin/",
    "/resources/..%5cadmin/",
    "/resources/%252e%252e/admin/",
]


@pytest.mark.parametrize("path", [*CLOSED, *SPELLINGS])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_closed_paths_are_not_found_in_any_spelling(stack: Stack, method: str, path: str) -> None:
    assert raw_status(stack, method, path) in {400, 404}


def test_the_same_probe_sees_the_paths_that_are_open(stack: Stack) -> None:
    # The negative control: the closed ones are refused by rule, not because this way of asking fails.
    assert raw_status(stack, "GET", "/realms/mcp/.well-known/openid-configuration") == 200
    assert raw_status(stack, "POST", "/mcp") == 401


@pytest.mark.requirement("RFC6750-3-challenge", "MCP26-AUTH-02a", "MCP25-AUTH-02")
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_both_spellings_of_the_endpoint_challenge_without_a_redirect(
    stack: Stack, http: httpx2.AsyncClient, method: str, path: str
) -> None:
    response = await http.request(method, stack.public_base + path)
    assert response.status_code == 401
    assert "resource_metadata=" in response.headers["www-authenticate"]
    assert f'scope="{READ}"' in response.headers["www-authenticate"]


@pytest.mark.requirement("RFC8414-3-path-inserted", "RFC9207-2.3-advertised", "RFC9700-2.1.1-pkce-advertised")
@pytest.mark.requirement("RFC9728-3.3-resource-equals", "MCP26-AUTH-01", "MCP26-AUTH-02b", "MCP26-AUTH-19")
@pytest.mark.requirement("MCP26-AUTH-20", "MCP26-AUTH-21b", "MCP25-AUTH-01", "MCP25-AUTH-19", "MCP25-AUTH-20")
async def test_every_metadata_url_gives_what_clients_need(stack: Stack, http: httpx2.AsyncClient) -> None:
    base = stack.public_base
    resources = [(await http.get(f"{base}/.well-known/oauth-protected-resource{path}")).json() for path in ("", "/mcp")]
    assert resources[0] == resources[1]
    assert resources[0]["resource"] == stack.mcp_url
    assert resources[0]["authorization_servers"] == [stack.issuer]
    assert resources[0]["scopes_supported"] == [READ]
    urls = [
        f"{base}/.well-known/oauth-authorization-server/realms/mcp",
        f"{stack.issuer}/.well-known/oauth-authorization-server",
        f"{stack.issuer}/.well-known/openid-configuration",
        f"{base}/.well-known/oauth-authorization-server",
        f"{base}/.well-known/oauth-authorization-server/mcp",
    ]
    for url in urls:
        document = (await http.get(url)).json()
        assert document["issuer"] == stack.issuer, url
        assert document["code_challenge_methods_supported"] == ["S256"]
        assert "none" in document["token_endpoint_auth_methods_supported"]
        assert document["grant_types_supported"] == ["authorization_code", "refresh_token"]
        assert document["authorization_response_iss_parameter_supported"] is True
        assert document["registration_endpoint"] == stack.public_base + REGISTRATION
        assert {"offline_access", READ} <= set(document["scopes_supported"])
        assert not {"acr", "basic"} & set(document["scopes_supported"])
    missing = await http.get(f"{base}/.well-known/openid-configuration/realms/mcp")
    assert missing.status_code == 404
    assert missing.json()["error"] == "not_found"


@pytest.mark.requirement("RFC9700-4.13-proxy-headers")
async def test_forwarding_headers_of_a_client_change_nothing(stack: Stack, http: httpx2.AsyncClient) -> None:
    headers = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "x-forwarded-port": "80",
        "forwarded": "host=evil.example;proto=http",
        "x-forwarded-prefix": "/evil",
    }
    for url in (f"{stack.issuer}/.well-known/openid-configuration", f"{stack.public_base}/mcp"):
        response = await http.get(url, headers=headers)
        assert "evil" not in response.text + str(response.headers)


async def test_a_foreign_redirect_host_is_refused_in_the_words_of_rfc_7591(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    body = registration_body("https://evil.example/callback")
    response = await http.post(stack.public_base + REGISTRATION, json=body)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_redirect_uri"
    assert "chatgpt.com" in response.json()["error_description"]


async def test_unknown_members_of_a_registration_are_dropped_and_the_client_is_made(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    body = registration_body(
        "https://claude.ai/api/mcp/auth_callback",
        foo_bar=1,
        token_endpoint_auth_methods_supported=["none", "private_key_jwt"],
        client_uri="https://github.com/x",
        logo_uri="https://elsewhere.example/logo.png",
        software_id="s",
        scope=READ,
    )
    response = await http.post(stack.public_base + REGISTRATION, json=body)
    assert response.status_code == 201, response.text
    stack.admin.delete_client(response.json()["client_id"])


async def test_browser_tools_may_register_and_read_from_their_own_origin(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    origin = {"origin": "http://localhost:6274"}
    asked = {**origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    preflight = await http.options(stack.public_base + REGISTRATION, headers=asked)
    assert preflight.headers["access-control-allow-origin"] == "*"
    made = await http.post(
        stack.public_base + REGISTRATION,
        json=registration_body("http://localhost:6274/oauth/callback"),
        headers=origin,
    )
    assert made.status_code == 201, made.text
    assert made.headers["access-control-allow-origin"] == "*"
    stack.admin.delete_client(made.json()["client_id"])
    challenge = await http.post(stack.mcp_url, headers=origin)
    assert challenge.headers["access-control-allow-origin"] == origin["origin"]
    assert "WWW-Authenticate" in challenge.headers["access-control-expose-headers"]


async def test_with_the_desk_hanging_metadata_comes_from_keycloak_itself(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    url = f"{stack.issuer}/.well-known/openid-configuration"
    desk = stack.pid("desk")
    os.kill(desk, signal.SIGSTOP)
    try:
        async with asyncio.timeout(60):
            document = (await http.get(url)).json()
        assert document["issuer"] == stack.issuer
        assert "plain" in document["code_challenge_methods_supported"]
    finally:
        os.kill(desk, signal.SIGCONT)
    deadline = time.monotonic() + 120
    while (await http.get(url)).json()["code_challenge_methods_supported"] != ["S256"]:
        assert time.monotonic() < deadline


@pytest.mark.requirement("RFC9700-4.9.2-secrets")
async def test_bodies_and_answers_of_refusals_hold_no_token(stack: Stack, http: httpx2.AsyncClient) -> None:
    canary = "canary0.canary1.canary2"
    response = await call(http, stack.mcp_url, "tools/list", token=canary)
    assert response.status_code == 401
    assert "canary" not in response.text + json.dumps(dict(response.headers))
    logs = "".join(path.read_text(errors="replace") for path in (stack.state / "logs").glob("*.log"))
    assert "canary" not in logs
