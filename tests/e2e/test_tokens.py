"""Which tokens of the real issuer open the server, and which do not (K4-K6)."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

import httpx2
import pytest
from native_stack import READ, WRITE, Stack
from problems import constant
from wire import LEGACY, MODERN, answer_of, call, tls_client

from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.oauth_types import OAuthRefused
from gatelodge.ops.link.obtain import Obtained, obtain_tokens
from gatelodge.outbound.client import Outbound

pytestmark = pytest.mark.stack

Obtain = Callable[..., Awaitable[Obtained]]


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(stack.ca_file) as client:
        yield client


@pytest.fixture
async def outbound(stack: Stack) -> AsyncIterator[Outbound]:
    found = Outbound(ca_file=stack.ca_file, timeout=60)
    yield found
    await found.aclose()


@pytest.fixture
async def obtain(stack: Stack) -> AsyncIterator[Obtain]:
    """Links by single steps; removes every client it registered."""
    made: list[str] = []

    async def run(*scopes: str, user: int = 0, **options: Any) -> Obtained:
        obtained = await obtain_tokens(stack.target(user=user), scopes=scopes, **options)
        made.append(obtained.client.client_id)
        return obtained

    yield run
    for client_id in set(made):
        stack.admin.delete_client(client_id)


@pytest.mark.requirement("RFC9068-2.1-signed", "RFC9700-2.3-scope-checked", "MCP26-AUTH-11", "MCP25-AUTH-11")
@pytest.mark.parametrize("era", [MODERN, LEGACY])
async def test_reading_works_and_writing_asks_for_the_scope_that_is_missing(
    stack: Stack, http: httpx2.AsyncClient, obtain: Obtain, era: str
) -> None:
    token = (await obtain(READ)).tokens.access_token
    search = {"name": "search", "arguments": {"query": "gatelodge"}}
    response = await call(http, stack.mcp_url, "tools/call", search, token=token, era=era)
    assert answer_of(response)["result"]["structuredContent"]["results"]
    note = {"name": "save_note", "arguments": {"title": "t", "text": "x"}}
    refused = await call(http, stack.mcp_url, "tools/call", note, token=token, era=era)
    assert refused.status_code == 403
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert WRITE in challenge
    allowed = (await obtain(READ, WRITE)).tokens.access_token
    response = await call(http, stack.mcp_url, "tools/call", note, token=allowed, era=era)
    assert answer_of(response)["result"].get("isError") is not True


async def test_notes_of_one_user_are_not_found_by_another(
    stack: Stack, http: httpx2.AsyncClient, obtain: Obtain
) -> None:
    first = (await obtain(READ, WRITE, user=0)).tokens.access_token
    second = (await obtain(READ, WRITE, user=1)).tokens.access_token
    note = {"name": "save_note", "arguments": {"title": "Quokka", "text": "The quokka smiles."}}
    saved = answer_of(await call(http, stack.mcp_url, "tools/call", note, token=first))["result"]["structuredContent"]

    async def found_by(token: str) -> list[str]:
        search = {"name": "search", "arguments": {"query": "quokka"}}
        answer = answer_of(await call(http, stack.mcp_url, "tools/call", search, token=token))
        return [hit["id"] for hit in answer["result"]["structuredContent"]["results"]]

    assert saved["id"] in await found_by(first)
    assert saved["id"] not in await found_by(second)
    fetch = {"name": "fetch", "arguments": {"id": saved["id"]}}
    answer = answer_of(await call(http, stack.mcp_url, "tools/call", fetch, token=second))
    assert answer["result"]["isError"] is True
    assert "quokka" not in str(answer).lower()


@pytest.mark.requirement("RFC9700-2.2.2-rotation", "MCP26-AUTH-23", "MCP25-AUTH-23")
async def test_refresh_rotates_and_a_reused_refresh_token_ends_the_link(
    stack: Stack, outbound: Outbound, http: httpx2.AsyncClient, obtain: Obtain
) -> None:
    obtained = await obtain(READ, "offline_access")
    first = obtained.tokens.refresh_token
    assert first is not None
    renewed = await oauth_steps.refresh(outbound, obtained.server, obtained.client, first, resource=stack.mcp_url)
    assert renewed.refresh_token not in {None, first}
    assert (await call(http, stack.mcp_url, "tools/list", token=renewed.access_token)).status_code == 200
    with pytest.raises(OAuthRefused) as reuse:
        await oauth_steps.refresh(outbound, obtained.server, obtained.client, first)
    assert (reuse.value.http_status, reuse.value.error) == (400, "invalid_grant")
    assert renewed.refresh_token is not None
    with pytest.raises(OAuthRefused) as ended:
        await oauth_steps.refresh(outbound, obtained.server, obtained.client, renewed.refresh_token)
    assert ended.value.error == "invalid_grant"


@pytest.mark.requirement("RFC8725-3.12-exclusive", "RFC9700-2.3-audience-checked", "MCP26-AUTH-07", "MCP25-AUTH-07")
async def test_other_tokens_of_the_same_realm_are_refused_with_one_constant_answer(
    stack: Stack, http: httpx2.AsyncClient, obtain: Obtain
) -> None:
    full = (await obtain("openid", READ, "offline_access")).tokens
    without_scope = (await obtain("openid", "email")).tokens
    assert full.id_token is not None
    assert full.refresh_token is not None
    assert "aud" not in without_scope.claims()
    head, payload, _ = full.access_token.split(".")
    tokens = {
        "no scope of this server, so no audience": without_scope.access_token,
        "ID token": full.id_token,
        "refresh token": full.refresh_token,
        "foreign signature": f"{head}.{payload}.{'A' * 342}",
        "no JWT at all": "opaque",
    }
    answers = set()
    for name, token in tokens.items():
        response = await call(http, stack.mcp_url, "tools/list", token=token)
        assert response.status_code == 401, name
        assert 'error="invalid_token"' in response.headers["www-authenticate"], name
        answers.add((json.dumps(constant(response), sort_keys=True), response.headers["www-authenticate"]))
    assert len(answers) == 1


@pytest.mark.requirement("RFC9700-2.3-audience-checked", "MCP26-AUTH-07", "MCP25-AUTH-07")
async def test_a_token_for_another_server_of_the_realm_is_refused(
    stack: Stack, http: httpx2.AsyncClient, obtain: Obtain
) -> None:
    keycloak = stack.admin.keycloak
    mapper = {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": f"{stack.public_base}/other/mcp", "access.token.claim": "true"},
    }
    scope = keycloak.create_client_scope(
        {
            "name": "other:read",
            "protocol": "openid-connect",
            "attributes": {"include.in.token.scope": "true"},
            "protocolMappers": [mapper],
        }
    )
    keycloak.add_default_optional_client_scope(scope)
    try:
        other = (await obtain("other:read")).tokens
        assert other.claims()["aud"] == f"{stack.public_base}/other/mcp"
        response = await call(http, stack.mcp_url, "tools/list", token=other.access_token)
        assert response.status_code == 401
    finally:
        keycloak.delete_client_scope(scope)


@pytest.mark.requirement("RFC9068-4-expiry", "MCP26-AUTH-06", "MCP25-AUTH-06")
async def test_an_expired_token_is_refused(stack: Stack, http: httpx2.AsyncClient, obtain: Obtain) -> None:
    keycloak = stack.admin.keycloak
    realm = keycloak.get_realm("mcp")
    # The check allows 10 s of clock difference: the answer turns from 200 to 401 by itself, some 11 s later.
    keycloak.update_realm("mcp", {**realm, "accessTokenLifespan": 1})
    try:
        token = (await obtain(READ)).tokens.access_token
    finally:
        keycloak.update_realm("mcp", {**realm, "accessTokenLifespan": 300})
    assert (await call(http, stack.mcp_url, "tools/list", token=token)).status_code == 200
    deadline = time.monotonic() + 120
    while (await call(http, stack.mcp_url, "tools/list", token=token)).status_code == 200:
        assert time.monotonic() < deadline
    response = await call(http, stack.mcp_url, "tools/list", token=token)
    assert response.status_code == 401


async def test_denied_consent_comes_back_as_access_denied_with_the_issuer(stack: Stack, obtain: Obtain) -> None:
    with pytest.raises(OAuthRefused) as denied:
        await obtain(READ, browser=stack.target().browser(consent=False))
    assert denied.value.error == "access_denied"


@pytest.mark.requirement("RFC9700-2.1.1-pkce", "RFC9700-2.1.1-s256")
@pytest.mark.parametrize("method", [None, "plain"])
async def test_pkce_is_required_and_plain_is_refused(obtain: Obtain, method: Literal["plain"] | None) -> None:
    with pytest.raises(OAuthRefused) as refused:
        await obtain(READ, pkce_method=method)
    assert refused.value.error == "invalid_request"


async def test_a_link_registered_by_the_desk_may_use_every_method_that_the_metadata_names(obtain: Obtain) -> None:
    for method in ("none", "client_secret_basic", "client_secret_post"):
        redirect = "https://chatgpt.com/connector_platform_oauth_redirect"
        body = oauth_steps.registration_body(redirect, token_endpoint_auth_method=method)
        obtained = await obtain(READ, body=body, redirect_uri=redirect)
        assert obtained.client.auth_method == method
        assert (obtained.client.client_secret is None) == (method == "none")
