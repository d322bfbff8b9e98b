"""The scope of services at the real Keycloak: the one client has it by signing in as itself, and nobody else by any way."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from wire import answer_of, call, tls_client

from gatelodge.core.clock import SystemClock
from gatelodge.core.secret import Secret
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.ops.link.oauth_steps import registration_body
from gatelodge.ops.link.oauth_types import Pkce, RegisteredClient
from gatelodge.ops.realm.render import render_realm
from gatelodge.registration.service_account import ServiceAccount
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.jwt import TokenVerifier

if TYPE_CHECKING:
    from document_site import DocumentSite

    from e2e.realm.conftest import Stack, Visitor

pytestmark = pytest.mark.stack

SERVICE, OFFICE, SCOPE = "report-service", "office-client", "gatelodge:tokens"
READ = "deep-research:read"
REDIRECT = "http://127.0.0.1:33418/callback"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FILES = Path(__file__).parents[3] / "infra" / "keycloak"


@pytest.fixture(scope="module")
def secret(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secret]:
    """The service's secret, while the realm has the service and a client that was made beforehand."""
    made = secrets.token_urlsafe(32)
    folder = shutil.copytree(FILES, tmp_path_factory.mktemp("service") / "keycloak")
    service = {"server": "deep-research", "secret": {"env": "REPORT_SECRET"}}
    (folder / "service-clients.yaml").write_text(json.dumps({SERVICE: service}))
    (folder / "predefined-clients.yaml").write_text(
        json.dumps({OFFICE: {"product": "claude", "redirects": [REDIRECT]}})
    )
    desk = Secret((stack.state / "secrets" / "desk").read_text().strip())
    with_service, without = (
        render_realm(files, public_base=stack.public_base, desk_secret=desk) for files in (folder, FILES)
    )
    assert stack.admin.ensure(with_service, environment={"REPORT_SECRET": made}) == "updated"
    yield Secret(made)
    assert stack.admin.ensure(without) == "updated"
    assert stack.admin.keycloak.get_client_id(SERVICE) is None


@pytest.fixture
async def token(stack: Stack, visitor: Visitor, secret: Secret) -> str:
    """The token that the service gets."""
    realm = f"{stack.keycloak_url}/realms/mcp"
    service = ServiceAccount(visitor.outbound, realm_url=realm, client_id=SERVICE, secret=secret, clock=SystemClock())
    return (await service.token()).reveal()


@pytest.fixture
async def check(stack: Stack, visitor: Visitor) -> AsyncIterator[TokenVerifier]:
    """A server's check of tokens, with the keys of the running Keycloak."""
    config, clock = IssuerConfig(stack.issuer), SystemClock()
    keys = KeySource(visitor.outbound, config, MetadataSource(visitor.outbound, config, clock), clock)
    yield TokenVerifier(ResourceServerConfig(stack.mcp_url, stack.issuer), keys, clock)
    await keys.aclose()


@pytest.fixture(params=["registered", "document", "predefined"])
async def client(
    request: pytest.FixtureRequest, visitor: Visitor, documents: DocumentSite, secret: Secret
) -> RegisteredClient:
    """A client by each way in which one comes into the realm, while the realm has the scope."""
    if request.param == "registered":
        return await visitor.client(
            token_endpoint_auth_method="client_secret_post",
            grant_types=["authorization_code", "refresh_token", "client_credentials"],
        )
    if request.param == "predefined":
        return RegisteredClient(OFFICE)
    client_id = documents.put(f"{secrets.token_hex(4)}.json", redirect_uris=[REDIRECT], scope=f"{READ} {SCOPE}")
    visitor.registered.append(client_id)
    return RegisteredClient(client_id)


async def as_service(visitor: Visitor, secret: Secret, **form: str) -> tuple[int, dict[str, Any]]:
    """A token request that the service proves to be its own."""
    now = int(time.time())
    claims = {"iss": SERVICE, "sub": SERVICE, "aud": visitor.stack.issuer, "iat": now, "exp": now + 30}
    signed = jwt.encode({"alg": "HS256"}, claims | {"jti": secrets.token_hex(8)}, OctKey.import_key(secret.reveal()))
    proof = {"client_assertion_type": JWT_BEARER, "client_assertion": signed}
    return await visitor.token_request(RegisteredClient(SERVICE), {**form, **proof})


def scopes_of(visitor: Visitor, client_id: str) -> set[str]:
    """Every client scope that a client has."""
    stored = visitor.stored(client_id)
    return {*stored["defaultClientScopes"], *stored["optionalClientScopes"]}


async def test_the_services_token_is_known_as_its_own_and_no_persons(
    stack: Stack, token: str, check: TokenVerifier
) -> None:
    principal = await check.verify(token)
    assert principal.service is True
    assert (principal.client_id, principal.scopes) == (SERVICE, frozenset({SCOPE}))
    assert (principal.username, principal.roles) == (None, frozenset())
    async with tls_client(stack.ca_file) as http:
        listed = answer_of(await call(http, stack.mcp_url, "tools/list", token=token))
        assert listed["result"]["tools"] == []
        search = {"name": "search", "arguments": {"query": "x"}}
        answer = answer_of(await call(http, stack.mcp_url, "tools/call", search, token=token))
        assert "error" in answer or answer["result"]["isError"] is True


async def test_the_service_gets_nothing_else_and_never_by_sending_its_secret(visitor: Visitor, secret: Secret) -> None:
    grant = {"grant_type": "client_credentials"}
    status, given = await as_service(visitor, secret, **grant)
    assert (status, given["scope"]) == (200, SCOPE)
    assert "refresh_token" not in given
    for scope in (READ, f"{SCOPE} {READ}", "offline_access", "email"):
        status, refused = await as_service(visitor, secret, **grant, scope=scope)
        assert (status, refused["error"]) == (400, "invalid_scope"), scope
    status, refused = await visitor.token_request(RegisteredClient(SERVICE, secret.reveal()), grant)
    assert status in {400, 401}
    username, password = visitor.stack.users[0]
    for form in (
        {"grant_type": "password", "username": username, "password": password},
        {"grant_type": "authorization_code", "code": "x", "redirect_uri": REDIRECT},
    ):
        status, refused = await as_service(visitor, secret, **form)
        assert status in {400, 401}
        assert "access_token" not in refused


async def test_no_client_gets_the_scope_through_a_person(visitor: Visitor, client: RegisteredClient) -> None:
    for scopes in ([SCOPE], [READ, SCOPE], ["openid", SCOPE, "offline_access"]):
        # The wrong password shows that nobody is even asked to sign in.
        callback = await visitor.authorize(client.client_id, scopes, pkce=Pkce.new(), user=("nobody", "wrong"))
        assert (callback.code, callback.error) == (None, "invalid_scope")


async def test_no_client_widens_what_it_has_at_the_token_endpoint(
    visitor: Visitor, client: RegisteredClient, check: TokenVerifier
) -> None:
    pkce = Pkce.new()
    callback = await visitor.authorize(client.client_id, [READ, "offline_access"], pkce=pkce)
    assert callback.code is not None, callback
    code = {"grant_type": "authorization_code", "code": callback.code, "redirect_uri": REDIRECT}
    wider = {"scope": f"{READ} {SCOPE}"}
    status, first = await visitor.token_request(client, {**code, **wider, "code_verifier": pkce.verifier})
    assert status == 200, first
    principal = await check.verify(first["access_token"])
    assert (principal.service, principal.scopes & {READ, SCOPE}) == (False, frozenset({READ}))
    # The refused request may use the refresh token up, so it comes last.
    status, renewed = await visitor.token_request(
        client, {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **wider}
    )
    assert (status, renewed["error"]) == (400, "invalid_scope")
    for scope in (SCOPE, f"{READ} {SCOPE}"):
        status, refused = await visitor.token_request(client, {"grant_type": "client_credentials", "scope": scope})
        assert status in {400, 401}
        assert "access_token" not in refused


@pytest.mark.parametrize("kind", ["anonymous", "authenticated"])
@pytest.mark.usefixtures("secret")
async def test_no_client_registers_with_the_scope_or_changes_to_it(
    visitor: Visitor, initial_token: str, kind: str
) -> None:
    first = initial_token if kind == "authenticated" else None
    wider = f"{READ} {SCOPE}"
    refused = await visitor.post(registration_body(REDIRECT, scope=wider), token=first)
    assert (refused.status, visitor.registered) == (403, []), refused.body
    for member in ("defaultClientScopes", "optionalClientScopes"):
        body = {"redirectUris": [REDIRECT], "clientAuthenticatorType": "client-secret", member: [SCOPE]}
        refused = await visitor.post(body, provider="default", token=first)
        assert (refused.status, visitor.registered) == (403, []), refused.body
    made = await visitor.post(registration_body(REDIRECT), token=first)
    assert made.status == 201, made.body
    entry = made.json_object()
    token, edge = entry.pop("registration_access_token"), entry.pop("registration_client_uri")
    inside = edge.replace(visitor.stack.public_base, visitor.stack.keycloak_url)
    # Keycloak itself refuses it; the desk takes it out of what it passes on.
    for url, status in ((inside, 403), (edge, 200)):
        changed = await visitor.send("PUT", url, {**entry, "scope": wider}, token=token)
        assert changed.status == status, changed.body
        assert SCOPE not in scopes_of(visitor, entry["client_id"])
    callback = await visitor.authorize(entry["client_id"], [SCOPE], pkce=Pkce.new(), user=("nobody", "wrong"))
    assert callback.error == "invalid_scope"


@pytest.mark.usefixtures("secret")
async def test_the_desk_makes_no_client_with_the_scope_and_no_metadata_names_it(visitor: Visitor) -> None:
    edge = f"{visitor.stack.issuer}/clients-registrations/openid-connect"
    made = await visitor.send("POST", edge, registration_body(REDIRECT, scope=f"{READ} {SCOPE}"))
    assert made.status == 201, made.body
    visitor.registered.append(made.json_object()["client_id"])
    assert SCOPE not in scopes_of(visitor, visitor.registered[-1])
    for base in (visitor.stack.issuer, f"{visitor.stack.keycloak_url}/realms/mcp"):
        metadata = await visitor.outbound.get_json(f"{base}/.well-known/openid-configuration")
        assert SCOPE not in metadata["scopes_supported"]
        assert READ in metadata["scopes_supported"]


@pytest.mark.usefixtures("secret")
async def test_even_a_client_that_was_given_the_scope_by_hand_gets_no_services_token(
    visitor: Visitor, check: TokenVerifier
) -> None:
    # What the tests above look for is what would be seen here, if a realm were changed so.
    client, keycloak = await visitor.client(), visitor.stack.admin.keycloak
    internal = visitor.stored(client.client_id)["id"]
    (scope,) = [one for one in keycloak.get_client_scopes() if one["name"] == SCOPE]
    keycloak.add_client_optional_client_scope(internal, scope["id"], {})
    tokens = await visitor.tokens(client, READ, SCOPE)
    principal = await check.verify(tokens.access_token)
    assert principal.scopes == {READ, SCOPE}
    assert principal.service is False
