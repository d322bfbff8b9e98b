"""The well-known clients by their dated documents, through the whole stack, with their hosts out of reach (B8, K4)."""

import json
import secrets
import time
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from native_stack import CHECKOUT, READ, Stack
from wire import answer_of, call, tls_client

from gatelodge.ops.link.oauth_steps import authorize_url
from gatelodge.ops.link.oauth_types import AuthorizationServer, Pkce, RegisteredClient
from gatelodge.ops.link.obtain import obtain_tokens

pytestmark = pytest.mark.stack
SCOPES = (READ, "offline_access")
FOLDER = CHECKOUT / "infra" / "keycloak" / "clients"
KNOWN: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text())["document"] for path in sorted(FOLDER.glob("*.json"))
}
SIGNING = {name for name, document in KNOWN.items() if document.get("token_endpoint_auth_method") == "private_key_jwt"}
PUBLIC = [
    pytest.param(name, redirect, id=f"{name}-{number}")
    for name in sorted(KNOWN.keys() - SIGNING)
    for number, redirect in enumerate(KNOWN[name]["redirect_uris"])
]
# Loopback redirects come with whatever port was free.
OTHER_PORT = {"http://127.0.0.1/": "http://127.0.0.1:51234/", "http://localhost/": "http://localhost:51234/"}


def used(redirect: str) -> str:
    """The redirect as the client sends it."""
    for written, sent in {**OTHER_PORT, "http://127.0.0.1:33418/": "http://127.0.0.1:51234/"}.items():
        if redirect.startswith(written):
            return redirect.replace(written, sent, 1)
    return redirect


@pytest.mark.requirement("MCP26-AUTH-22")
@pytest.mark.parametrize(("name", "redirect"), PUBLIC)
async def test_a_well_known_public_client_links_and_refreshes(stack: Stack, name: str, redirect: str) -> None:
    client_id = KNOWN[name]["client_id"]
    client = RegisteredClient(client_id)
    got = await obtain_tokens(stack.target(), scopes=SCOPES, client=client, redirect_uri=used(redirect))
    assert got.callback.location.startswith(f"{used(redirect)}?")
    claims = got.tokens.claims()
    assert claims["azp"] == client_id
    assert stack.mcp_url in claims["aud"]
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": got.tokens.refresh_token}
    async with tls_client(stack.ca_file) as http:
        renewed = await http.post(got.server.token_endpoint, data=form)
        assert renewed.status_code == 200, renewed.text
        listed = answer_of(await call(http, stack.mcp_url, "tools/list", token=renewed.json()["access_token"]))
    assert {"search", "fetch"} <= {tool["name"] for tool in listed["result"]["tools"]}


def test_each_file_is_tried_and_only_chatgpt_signs() -> None:
    assert set(KNOWN) == {"chatgpt", "chatgpt-codex", "claude", "claude-code", "vscode"}
    assert {"chatgpt"} == SIGNING


async def test_chatgpt_signs_in_and_without_its_keys_the_token_is_refused_with_the_reason_in_the_log(
    stack: Stack,
) -> None:
    log = stack.state / "logs" / "desk.log"
    seen = log.stat().st_size
    chatgpt = KNOWN["chatgpt"]
    client_id, (redirect,) = chatgpt["client_id"], chatgpt["redirect_uris"]
    async with tls_client(stack.ca_file) as http:
        for authentication in ({"client_id": client_id}, assertion(stack, client_id)):
            refused = await exchange(stack, http, client_id, redirect, authentication)
            assert refused.status_code in {400, 401}
            assert refused.json()["error"] in {"invalid_client", "unauthorized_client"}
    said = log.read_text()[seen:]
    assert f"the document of {client_id} as seen on 2026-11-20 is used in place of its own" in said
    assert f"no keys of {client_id} for Keycloak: " in said


async def exchange(
    stack: Stack, http: httpx2.AsyncClient, client_id: str, redirect: str, authentication: dict[str, str]
) -> httpx2.Response:
    """Sign in with the client's own redirect, then ask for the token."""
    base, pkce = f"{stack.issuer}/protocol/openid-connect", Pkce.new()
    url = authorize_url(
        AuthorizationServer(stack.issuer, f"{base}/auth", f"{base}/token"),
        client_id=client_id,
        redirect_uri=redirect,
        scopes=SCOPES,
        state="oauth_s_1",
        pkce=pkce,
        resource=stack.mcp_url,
    )
    answer = await stack.target().browser().authorize(url)
    assert answer.code, answer.error_description
    assert answer.iss == stack.issuer
    assert answer.location.startswith(f"{redirect}?")
    code = {"grant_type": "authorization_code", "code": answer.code, "redirect_uri": redirect}
    return await http.post(f"{base}/token", data={**code, "code_verifier": pkce.verifier, **authentication})


def assertion(stack: Stack, client_id: str) -> dict[str, str]:
    """A client assertion under a key that is not ChatGPT's (RFC 7523, section 2.2)."""
    now, key = int(time.time()), RSAKey.generate_key(2048, {"kid": "k1"})
    claims = {"iss": client_id, "sub": client_id, "aud": stack.issuer, "iat": now, "exp": now + 60}
    signed = jwt.encode({"alg": "RS256", "kid": "k1"}, claims | {"jti": secrets.token_hex(8)}, key)
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_id": client_id, "client_assertion_type": kind, "client_assertion": signed}
