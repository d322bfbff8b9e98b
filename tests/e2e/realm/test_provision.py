"""Clients made of documents, at the real Keycloak: as the document says, for as long as it says so."""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt

from gatelodge.core.clock import SystemClock
from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.browser import ScriptedBrowser
from gatelodge.ops.link.oauth_types import OAuthRefused, Pkce, RegisteredClient
from gatelodge.registration.documents.model import ClientDocument
from gatelodge.registration.documents.names import safe_name
from gatelodge.registration.marks import DISABLED_AT, WITHDRAWN_AT, made_by, mark
from gatelodge.registration.provision import provision, withdraw
from gatelodge.testing.tokens import make_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joserfc.jwk import Key

    from e2e.realm.conftest import Visitor
    from gatelodge.ops.link.oauth_types import TokenSet
    from gatelodge.registration.keycloak_clients import KeycloakClients

pytestmark = pytest.mark.stack

READ = "deep-research:read"
REDIRECT = "http://127.0.0.1:33418/callback"
NOW = 1_800_000_000.0
DAY = 86_400.0
# Past the desk, straight to Keycloak: what the desk answers is not asked here.
PAST_DESK = {"gatelodge_client": "ready"}


@pytest.fixture
def document(visitor: Visitor) -> ClientDocument:
    """A document of a host of this test's own; its client is removed at the end."""
    host = f"{secrets.token_hex(4)}.example"
    client_id = f"https://{host}/oauth/client.json"
    visitor.registered.append(client_id)
    grants = ("authorization_code", "refresh_token")
    redirects = (f"https://{host}/callback", REDIRECT)
    return ClientDocument(client_id, host, "Client", redirects, "none", None, None, None, grants)


@contextmanager
def serving_keys(*keys: Key) -> Iterator[tuple[str, list[str]]]:
    """A JWK set on loopback: its address, and the paths that were asked for."""
    asked: list[str] = []
    body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks.json", asked
        finally:
            server.shutdown()
            thread.join()


def assertion(client_id: str, audience: str, key: Key, algorithm: str = "RS256") -> dict[str, str]:
    """The members of a token request that RFC 7523 adds."""
    now = int(SystemClock().now())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "jti": uuid.uuid4().hex, "iat": now, "exp": now + 60}
    signed = jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": signed,
    }


async def link(visitor: Visitor, browser: ScriptedBrowser, client: RegisteredClient, *scopes: str) -> TokenSet:
    """One link by ``browser``, which stays signed in."""
    pkce = Pkce.new()
    url = oauth_steps.authorize_url(
        visitor.server,
        client_id=client.client_id,
        redirect_uri=REDIRECT,
        scopes=scopes,
        state="s",
        pkce=pkce,
        resource=None,
        extra=PAST_DESK,
    )
    callback = await browser.authorize(url)
    assert callback.error is None, callback
    return await visitor.exchange(client, callback.code, pkce)


async def test_a_document_is_made_a_client_and_links_at_once(
    visitor: Visitor, clients: KeycloakClients, document: ClientDocument
) -> None:
    assert await provision(clients, document, keys_url=None, now=NOW) == "created"
    assert await provision(clients, document, keys_url=None, now=NOW) == "unchanged"
    stored = visitor.stored(document.client_id)
    assert stored["name"] == f"Client ({document.host})"
    assert (stored["publicClient"], stored["consentRequired"], stored["fullScopeAllowed"]) == (True, True, False)
    assert stored["attributes"]["pkce.code.challenge.method"] == "S256"
    assert set(stored["redirectUris"]) == {*document.redirect_uris, "http://127.0.0.1/callback"}
    assert stored["webOrigins"] == []
    assert READ in stored["optionalClientScopes"]
    assert set(stored["defaultClientScopes"]) == {"basic", "acr"}
    assert made_by(stored) == "cimd"
    tokens = await visitor.tokens(RegisteredClient(document.client_id), READ, "offline_access", extra=PAST_DESK)
    assert tokens.claims()["azp"] == document.client_id
    assert tokens.claims()["aud"] == visitor.stack.mcp_url


async def test_a_changed_document_updates_its_client_and_leaves_what_a_person_set(
    visitor: Visitor, clients: KeycloakClients, document: ClientDocument
) -> None:
    await provision(clients, document, keys_url=None, now=NOW)
    keycloak = visitor.stack.admin.keycloak
    identifier = visitor.stored(document.client_id)["id"]
    theirs = {"clientId": document.client_id, "description": "theirs", "webOrigins": ["https://theirs.example"]}
    keycloak.update_client(identifier, {**theirs, "attributes": {"theirs": "kept"}})
    tokens = await visitor.tokens(RegisteredClient(document.client_id), READ, "offline_access", extra=PAST_DESK)
    changed = replace(document, name="New name", redirect_uris=(REDIRECT,))
    assert await provision(clients, changed, keys_url=None, now=NOW) == "updated"
    stored = visitor.stored(document.client_id)
    assert (stored["id"], stored["name"]) == (identifier, f"New name ({document.host})")
    assert set(stored["redirectUris"]) == {REDIRECT, "http://127.0.0.1/callback"}
    assert (stored["description"], stored["webOrigins"]) == ("theirs", ["https://theirs.example"])
    assert stored["attributes"]["theirs"] == "kept"
    await visitor.refresh(RegisteredClient(document.client_id), tokens.refresh_token)


async def test_a_client_that_a_person_made_is_left_alone(
    visitor: Visitor, clients: KeycloakClients, document: ClientDocument
) -> None:
    keycloak = visitor.stack.admin.keycloak
    keycloak.create_client({"clientId": document.client_id, "publicClient": True, "name": "theirs"})
    before = visitor.stored(document.client_id)
    assert await provision(clients, document, keys_url=None, now=NOW) == "foreign"
    assert await withdraw(clients, document.client_id, now=NOW, grace=0) == "foreign"
    assert visitor.stored(document.client_id) == before


async def test_a_withdrawn_document_disables_its_client_after_the_grace_and_a_returned_one_enables_it(
    visitor: Visitor, clients: KeycloakClients, document: ClientDocument
) -> None:
    client_id = document.client_id
    assert await withdraw(clients, client_id, now=NOW, grace=DAY) == "absent"
    await provision(clients, document, keys_url=None, now=NOW)
    tokens = await visitor.tokens(RegisteredClient(client_id), READ, "offline_access", extra=PAST_DESK)
    assert await withdraw(clients, client_id, now=NOW, grace=DAY) == "marked"
    assert await withdraw(clients, client_id, now=NOW + DAY - 1, grace=DAY) == "waiting"
    tokens = await visitor.refresh(RegisteredClient(client_id), tokens.refresh_token)
    assert await withdraw(clients, client_id, now=NOW + DAY, grace=DAY) == "disabled"
    with pytest.raises(OAuthRefused):
        await visitor.refresh(RegisteredClient(client_id), tokens.refresh_token)
    assert await provision(clients, document, keys_url=None, now=NOW + DAY) == "updated"
    stored = visitor.stored(client_id)
    assert stored["enabled"]
    assert mark(stored, WITHDRAWN_AT) is None
    assert mark(stored, DISABLED_AT) is None
    await visitor.refresh(RegisteredClient(client_id), tokens.refresh_token)


async def test_a_client_that_a_person_disabled_stays_disabled(
    visitor: Visitor, clients: KeycloakClients, document: ClientDocument
) -> None:
    await provision(clients, document, keys_url=None, now=NOW)
    identifier = visitor.stored(document.client_id)["id"]
    visitor.stack.admin.keycloak.update_client(identifier, {"clientId": document.client_id, "enabled": False})
    await withdraw(clients, document.client_id, now=NOW, grace=0)
    assert await withdraw(clients, document.client_id, now=NOW, grace=0) == "disabled"
    assert await provision(clients, replace(document, name="New"), keys_url=None, now=NOW) == "updated"
    assert visitor.stored(document.client_id)["enabled"] is False


async def test_a_client_with_keys_is_known_by_them_and_they_are_read_where_the_desk_says(
    visitor: Visitor, clients: KeycloakClients, document: ClientDocument
) -> None:
    key, other = make_key("RS256"), make_key("RS256")
    theirs = f"https://{document.host}/jwks.json"
    signed = replace(document, method="private_key_jwt", signing_alg="RS256", jwks_uri=theirs)
    client = RegisteredClient(document.client_id)
    with serving_keys(key) as (address, asked):
        assert await provision(clients, signed, keys_url=address, now=NOW) == "created"
        stored = visitor.stored(document.client_id)
        assert (stored["publicClient"], stored["clientAuthenticatorType"]) == (False, "client-jwt")
        assert stored["attributes"]["jwks.url"] == address
        assert theirs not in json.dumps(stored)
        pkce = Pkce.new()
        callback = await visitor.authorize(document.client_id, [READ], pkce=pkce, extra=PAST_DESK)
        assert callback.code is not None
        form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code_verifier": pkce.verifier}
        form["code"] = callback.code
        for proof in (
            {},
            assertion(document.client_id, visitor.server.issuer, other),
            assertion("https://else.example/client.json", visitor.server.issuer, key),
            assertion(document.client_id, "https://else.example/", key),
        ):
            status, answer = await visitor.token_request(client, {**form, **proof})
            assert (status, answer.get("access_token")) in {(400, None), (401, None)}, answer
        proof = assertion(document.client_id, visitor.server.issuer, key)
        status, answer = await visitor.token_request(client, {**form, **proof})
        assert status == 200, answer
        assert set(asked) == {"/jwks.json"}
        again = assertion(document.client_id, visitor.server.issuer, key)
        form = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
        assert (await visitor.token_request(client, {**form, **again}))[0] == 200
    assert await provision(clients, document, keys_url=None, now=NOW) == "updated"
    assert "jwks.url" not in visitor.stored(document.client_id)["attributes"]


async def test_markup_and_message_keys_in_a_name_do_not_reach_keycloak(
    visitor: Visitor, clients: KeycloakClients, document: ClientDocument
) -> None:
    # Cleaned where a document is read, which is the only way to one.
    name = safe_name("${loginTitle} <b>ChatGPT</b>\u202e (chatgpt.com)\n", document.host)
    hostile = replace(document, name=name)
    await provision(clients, hostile, keys_url=None, now=NOW)
    shown = visitor.stored(document.client_id)["name"]
    assert document.host in shown
    assert not set("${}<>\u202e\n") & set(shown)


@pytest.mark.parametrize("scopes", [(READ, "offline_access"), (READ,)], ids=["offline", "browser session"])
async def test_two_links_of_one_browser_by_one_client_survive_each_others_refreshes(
    visitor: Visitor, clients: KeycloakClients, document: ClientDocument, scopes: tuple[str, ...]
) -> None:
    await provision(clients, document, keys_url=None, now=NOW)
    client = RegisteredClient(document.client_id)
    username, password = visitor.stack.users[1]
    browser = ScriptedBrowser(visitor.stack.ca_file, username, password)
    first = await link(visitor, browser, client, *scopes)
    second = await link(visitor, browser, client, *scopes)
    for _ in range(2):
        second = await visitor.refresh(client, second.refresh_token)
        first = await visitor.refresh(client, first.refresh_token)
