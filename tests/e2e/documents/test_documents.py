"""Clients that come with a document, through Traefik and the desk to the real Keycloak (B8, K4, M12, M13)."""

import os
import secrets
import signal
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from document_site import ALLOWED, DocumentSite
from joserfc import jwt
from joserfc.jwk import ECKey
from native_stack import READ, Stack
from shelf import document
from wire import answer_of, call, tls_client

from gatelodge.ops.link.oauth_steps import authorize_url
from gatelodge.ops.link.oauth_types import AuthorizationServer, Pkce, RegisteredClient
from gatelodge.ops.link.obtain import obtain_tokens
from gatelodge.ops.link.target import LOOPBACK_REDIRECT

pytestmark = pytest.mark.stack
AUTH = "/realms/mcp/protocol/openid-connect/auth"
SCOPES = (READ, "offline_access")
BOTH: dict[str, Any] = {"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"]}


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with tls_client(stack.ca_file) as client:
        yield client


@pytest.fixture
def site(stack: Stack, documents: DocumentSite) -> Iterator[DocumentSite]:
    yield documents
    for client_id in documents.bodies:
        stack.admin.delete_client(client_id)
    documents.bodies.clear()


def request_of(stack: Stack, client_id: str, **more: str) -> str:
    """An authorization request's URL."""
    server = AuthorizationServer(stack.issuer, stack.public_base + AUTH, "")
    return authorize_url(
        server,
        client_id=client_id,
        redirect_uri=LOOPBACK_REDIRECT,
        scopes=SCOPES,
        state="s-1",
        pkce=Pkce.new(),
        resource=stack.mcp_url,
        extra=more,
    )


def client_of(stack: Stack, client_id: str) -> dict[str, Any] | None:
    """The client as Keycloak has it."""
    internal = stack.admin.keycloak.get_client_id(client_id)
    return dict(stack.admin.keycloak.get_client(internal)) if internal else None


# Linked, by each form of the document


FORMS: dict[str, dict[str, Any]] = {
    "singular": {"token_endpoint_auth_method": "none"},
    "plural": {"token_endpoint_auth_method": None, **BOTH},
    "both": {"token_endpoint_auth_method": "none", **BOTH},
    "neither": {"token_endpoint_auth_method": None},
    "unknown-members": {"foo_bar": {"a": 1}, "logo_uri": "https://elsewhere.example/l.png", "tos_uri": 7},
}


@pytest.mark.requirement("MCP26-AUTH-22")
@pytest.mark.parametrize("form", FORMS)
async def test_a_client_links_by_its_document_lists_tools_and_refreshes(
    stack: Stack, site: DocumentSite, http: httpx2.AsyncClient, form: str
) -> None:
    client_id = site.put(f"{form}.json", **FORMS[form])
    client = RegisteredClient(client_id)
    got = await obtain_tokens(stack.target(), scopes=SCOPES, client=client)
    claims = got.tokens.claims()
    assert claims["azp"] == client_id
    assert stack.mcp_url in claims["aud"]
    await lists_tools(stack, http, got.tokens.access_token)
    renewed = await http.post(
        got.server.token_endpoint,
        data={"grant_type": "refresh_token", "client_id": client_id, "refresh_token": got.tokens.refresh_token},
    )
    assert renewed.status_code == 200, renewed.text
    await lists_tools(stack, http, renewed.json()["access_token"])
    made = client_of(stack, client_id)
    assert made is not None
    assert made["name"] == f"Tester ({ALLOWED})"
    assert (made["consentRequired"], made["publicClient"], made["fullScopeAllowed"]) == (True, True, False)
    assert (made["serviceAccountsEnabled"], made["directAccessGrantsEnabled"]) == (False, False)
    assert all("cookie" not in headers for _, headers in site.asked)


async def lists_tools(stack: Stack, http: httpx2.AsyncClient, token: str) -> None:
    listed = answer_of(await call(http, stack.mcp_url, "tools/list", token=token))
    assert {"search", "fetch"} <= {tool["name"] for tool in listed["result"]["tools"]}


class Signer:
    """A client that authenticates with a key of its own (RFC 7523, section 2.2)."""

    def __init__(self, stack: Stack, client_id: str) -> None:
        self.stack, self.client_id = stack, client_id
        self.key = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})

    @property
    def public(self) -> dict[str, Any]:
        return dict(self.key.as_dict(private=False))

    def form(self, key: ECKey | None = None) -> dict[str, str]:
        """The members that authenticate one request."""
        now = int(time.time())
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": self.stack.issuer, "iat": now, "exp": now + 60}
        header = {"alg": "ES256", "kid": "k1"}
        signed = jwt.encode(header, claims | {"jti": secrets.token_hex(8)}, key or self.key)
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return {"client_id": self.client_id, "client_assertion_type": kind, "client_assertion": signed}


async def test_a_client_that_signs_links_with_keys_that_keycloak_reads_from_the_desk(
    stack: Stack, site: DocumentSite, http: httpx2.AsyncClient
) -> None:
    keys = f"https://{ALLOWED}/keys.json"
    members: dict[str, Any] = {
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        **BOTH,
    }
    client_id = site.put("signing.json", jwks_uri=keys, **members)
    signer = Signer(stack, client_id)
    site.answer(keys, {"keys": [signer.public]})
    server = AuthorizationServer(
        stack.issuer, stack.public_base + AUTH, f"{stack.issuer}/protocol/openid-connect/token"
    )
    browser = stack.target().browser()

    async def exchanged(authentication: dict[str, str]) -> httpx2.Response:
        pkce = Pkce.new()
        answer = await browser.authorize(
            authorize_url(
                server,
                client_id=client_id,
                redirect_uri=LOOPBACK_REDIRECT,
                scopes=SCOPES,
                state="s",
                pkce=pkce,
                resource=stack.mcp_url,
            )
        )
        assert answer.code, answer.error_description
        code = {"grant_type": "authorization_code", "code": answer.code, "redirect_uri": LOOPBACK_REDIRECT}
        return await http.post(server.token_endpoint, data={**code, "code_verifier": pkce.verifier, **authentication})

    linked = await exchanged(signer.form())
    assert linked.status_code == 200, linked.text
    await lists_tools(stack, http, linked.json()["access_token"])
    renewal = {"grant_type": "refresh_token", "refresh_token": linked.json()["refresh_token"]}
    assert (await http.post(server.token_endpoint, data=renewal | signer.form())).status_code == 200
    stranger = ECKey.generate_key("P-256", {"kid": "k1"})
    assert (await exchanged(signer.form(stranger))).status_code in {400, 401}
    assert (await exchanged({"client_id": client_id})).status_code in {400, 401}
    made = client_of(stack, client_id)
    assert made is not None
    read_at = made["attributes"]["jwks.url"]
    assert urlsplit(read_at).hostname == "127.0.0.1"
    # From outside nobody gets there, in whatever spelling.
    for path in (urlsplit(read_at).path, "//internal/clients/x/jwks.json", "/%69nternal/clients/x/jwks.json"):
        assert (await http.get(stack.public_base + path)).status_code == 404


# Refused


HOSTILE: dict[str, dict[str, Any]] = {
    "foreign-redirect": {"redirect_uris": ["https://evil.example/cb"]},
    "sub-host-redirect": {"redirect_uris": [f"https://evil.{ALLOWED}/cb"]},
    "wildcard-redirect": {"redirect_uris": [f"https://{ALLOWED}/*"]},
    "script-redirect": {"redirect_uris": ["javascript:alert(1)"]},
    "user-redirect": {"redirect_uris": [f"https://{ALLOWED}@evil.example/cb"]},
    "another-id": {"client_id": "https://claude.ai/oauth/mcp-oauth-client-metadata"},
    "secret": {"client_secret": "s3cret"},
    "foreign-keys": {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://127.0.0.1/keys"},
    "secret-method": {"token_endpoint_auth_method": "client_secret_post"},
    "too-many": {"redirect_uris": [f"https://{ALLOWED}/{number}" for number in range(100)]},
    "too-large": {"client_name": "n" * 6000},
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_a_hostile_document_makes_no_client_and_sends_nobody_anywhere(
    stack: Stack, site: DocumentSite, http: httpx2.AsyncClient, case: str
) -> None:
    client_id = f"https://{ALLOWED}/hostile-{case}.json"
    site.answer(client_id, document(client_id) | HOSTILE[case])
    answer = await http.get(request_of(stack, client_id))
    assert answer.status_code in {400, 503}
    assert "location" not in answer.headers
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert client_of(stack, client_id) is None


async def test_what_is_no_document_makes_no_client(stack: Stack, site: DocumentSite, http: httpx2.AsyncClient) -> None:
    for name, body, status in (("page", b"<html>", 200), ("moved", b"", 302), ("gone", b"", 410), ("broken", b"", 500)):
        client_id = f"https://{ALLOWED}/{name}"
        site.answer(client_id, body, status)
        assert (await http.get(request_of(stack, client_id))).status_code in {400, 503}, name
        assert client_of(stack, client_id) is None, name


async def test_a_forged_mark_gains_only_keycloaks_own_answer(
    stack: Stack, site: DocumentSite, http: httpx2.AsyncClient
) -> None:
    client_id = site.put("forged.json")
    for mark in ("ready", "", "x"):
        answer = await http.get(request_of(stack, client_id, gatelodge_client=mark))
        assert answer.status_code == 400
        assert "Client not found" in answer.text
    assert client_of(stack, client_id) is None
    assert all(url != client_id for url, _ in site.asked)


async def test_an_unknown_client_and_a_changed_redirect_end_at_keycloak(
    stack: Stack, site: DocumentSite, http: httpx2.AsyncClient
) -> None:
    client_id = site.put("strict.json", redirect_uris=[f"https://{ALLOWED}/cb"])
    async with httpx2.AsyncClient(
        verify=http_context(stack), follow_redirects=True, trust_env=False, timeout=60
    ) as browser:
        url = request_of(stack, client_id).replace("127.0.0.1%3A33419", "evil.example")
        answer = await browser.get(url)
    assert answer.status_code == 400
    assert answer.url.host == "localhost"
    assert "Invalid parameter: redirect_uri" in answer.text


async def test_a_person_who_is_signed_in_is_asked_again_for_each_new_client(
    stack: Stack, site: DocumentSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, new = site.put("deputy-known.json"), site.put("deputy-new.json")
    browser = stack.target().browser()
    assert (await browser.authorize(request_of(stack, known))).code
    monkeypatch.setattr(browser, "_consent", False)
    # Agreed before, for this client: nothing is asked, and there is nothing to say no to.
    assert (await browser.authorize(request_of(stack, known))).code
    refused = await browser.authorize(request_of(stack, new))
    assert (refused.code, refused.error) == (None, "access_denied")


def http_context(stack: Stack) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(stack.ca_file))


CLOSED = ["ext/par/request", "ext/ciba/auth", "auth/device", "EXT/par/request", "ext/../ext/par/request"]


@pytest.mark.parametrize("path", CLOSED)
async def test_pushed_requests_and_other_ways_to_sign_in_are_closed(
    stack: Stack, http: httpx2.AsyncClient, path: str
) -> None:
    form = {"client_id": f"https://{ALLOWED}/x", "scope": "openid"}
    answer = await http.post(f"{stack.issuer}/protocol/openid-connect/{path}", data=form)
    assert answer.status_code in {404, 400}
    assert "request_uri" not in answer.text


@pytest.mark.requirement("MCP26-AUTH-22")
@pytest.mark.parametrize("form", ["oauth-authorization-server", "openid-configuration"])
async def test_the_metadata_offers_documents_and_no_pushed_requests(
    stack: Stack, http: httpx2.AsyncClient, form: str
) -> None:
    metadata = (await http.get(f"{stack.issuer}/.well-known/{form}")).json()
    assert metadata["issuer"] == stack.issuer
    assert metadata["client_id_metadata_document_supported"] is True
    assert {"none", "private_key_jwt"} <= set(metadata["token_endpoint_auth_methods_supported"])
    assert {"ES256", "RS256"} <= set(metadata["token_endpoint_auth_signing_alg_values_supported"])
    assert "pushed_authorization_request_endpoint" not in metadata


# The desk down


async def test_with_the_desk_stopped_linked_clients_sign_in_and_refresh(
    stack: Stack, site: DocumentSite, http: httpx2.AsyncClient
) -> None:
    client_id = site.put("lasting.json")
    client = RegisteredClient(client_id)
    before = await obtain_tokens(stack.target(), scopes=SCOPES, client=client)
    desk = stack.pid("desk")
    os.kill(desk, signal.SIGSTOP)
    try:
        during = await obtain_tokens(stack.target(), scopes=SCOPES, client=client)
        await lists_tools(stack, http, during.tokens.access_token)
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": before.tokens.refresh_token}
        assert (await http.post(before.server.token_endpoint, data=form)).status_code == 200
        metadata = (await http.get(f"{stack.issuer}/.well-known/openid-configuration")).json()
        assert "client_id_metadata_document_supported" not in metadata
    finally:
        os.kill(desk, signal.SIGCONT)
    deadline = time.monotonic() + 120
    url = f"{stack.issuer}/.well-known/openid-configuration"
    while "client_id_metadata_document_supported" not in (await http.get(url)).json():
        assert time.monotonic() < deadline
