"""A visitor of the realm: registers at Keycloak itself, past the desk, and goes through the code flow at the edge."""

import json
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import pytest

from gatelodge.core.clock import SystemClock
from gatelodge.core.secret import Secret
from gatelodge.ops.link import oauth_steps
from gatelodge.ops.link.browser import CallbackParams, ScriptedBrowser
from gatelodge.ops.link.oauth_types import AuthorizationServer, Pkce, RegisteredClient, TokenSet
from gatelodge.ops.realm.apply import RealmAdmin
from gatelodge.outbound.client import Answer, Outbound
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.service_account import ServiceAccount
from gatelodge.settings.desk import DESK_CLIENT_ID

REPOSITORY = Path(__file__).parents[3]
REDIRECT = "http://127.0.0.1:33418/callback"
READ = "deep-research:read"


class Stack(Protocol):
    """What these tests need of the running stack."""

    keycloak_url: str
    public_base: str
    mcp_url: str
    issuer: str
    ca_file: Path
    admin: RealmAdmin
    users: list[tuple[str, str]]
    state: Path
    internal: dict[str, Any]


class Visitor:
    """One client's view of the realm; every client it registers is removed at the end of the test."""

    def __init__(self, stack: Stack, outbound: Outbound) -> None:
        self.stack = stack
        self.outbound = outbound
        self.registered: list[str] = []
        endpoints = f"{stack.issuer}/protocol/openid-connect"
        self.server = AuthorizationServer(stack.issuer, f"{endpoints}/auth", f"{endpoints}/token")

    async def post(
        self, body: Any, *, provider: str = "openid-connect", token: str | None = None, realm: str = "mcp"
    ) -> Answer:
        """A registration request straight to Keycloak."""
        url = f"{self.stack.keycloak_url}/realms/{realm}/clients-registrations/{provider}"
        answer = await self.send("POST", url, body, token=token)
        if answer.status == 201 and realm == "mcp":
            document = answer.json_object()
            self.registered.append(document.get("client_id") or document["clientId"])
        return answer

    async def send(self, method: str, url: str, body: Any, *, token: str | None = None) -> Answer:
        """A JSON request, with a bearer token if given."""
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await self.outbound.request(method, url, headers=headers, content=json.dumps(body).encode())

    async def client(self, **members: Any) -> RegisteredClient:
        """A registered client, public unless ``members`` say otherwise."""
        answer = await self.post(oauth_steps.registration_body(REDIRECT, **members))
        assert answer.status == 201, answer.body
        document = answer.json_object()
        return RegisteredClient(
            document["client_id"], document.get("client_secret"), document["token_endpoint_auth_method"], document
        )

    def stored(self, client_id: str) -> dict[str, Any]:
        """The client as Keycloak keeps it."""
        keycloak = self.stack.admin.keycloak
        identifier = keycloak.get_client_id(client_id)
        assert identifier is not None
        return keycloak.get_client(identifier)

    async def authorize(
        self,
        client_id: str,
        scopes: Iterable[str],
        *,
        pkce: Pkce | None,
        consent: bool = True,
        user: tuple[str, str] | None = None,
        redirect_uri: str = REDIRECT,
        extra: Mapping[str, str] | None = None,
    ) -> CallbackParams:
        """The authorization request, signed in and answered, up to the redirect back."""
        url = oauth_steps.authorize_url(
            self.server,
            client_id=client_id,
            redirect_uri=redirect_uri,
            scopes=scopes,
            state="s",
            pkce=pkce,
            resource=None,
            extra=extra,
        )
        username, password = user or self.stack.users[0]
        return await ScriptedBrowser(self.stack.ca_file, username, password, consent).authorize(url)

    async def exchange(self, client: RegisteredClient, code: str | None, pkce: Pkce | None) -> TokenSet:
        """The code traded for tokens."""
        assert code is not None
        return await oauth_steps.exchange(
            self.outbound, self.server, client, code=code, redirect_uri=REDIRECT, pkce=pkce, resource=None
        )

    async def tokens(
        self,
        client: RegisteredClient,
        *scopes: str,
        user: tuple[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> TokenSet:
        """The whole code flow with PKCE S256."""
        pkce = Pkce.new()
        callback = await self.authorize(client.client_id, scopes, pkce=pkce, user=user, extra=extra)
        assert callback.error is None, callback
        return await self.exchange(client, callback.code, pkce)

    async def refresh(self, client: RegisteredClient, refresh_token: str | None) -> TokenSet:
        """The refresh token traded for new tokens."""
        assert refresh_token is not None
        return await oauth_steps.refresh(self.outbound, self.server, client, refresh_token)

    async def token_request(self, client: RegisteredClient, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Any token request: the status, and the answer as it is."""
        sent = {**form, "client_id": client.client_id}
        if client.client_secret:
            sent["client_secret"] = client.client_secret
        answer = await self.outbound.request(
            "POST",
            self.server.token_endpoint,
            headers={"content-type": "application/x-www-form-urlencoded"},
            content=urlencode(sent).encode(),
        )
        return answer.status, answer.json_object()


@pytest.fixture
async def visitor(stack: Stack) -> AsyncIterator[Visitor]:
    """A visitor with no client yet."""
    outbound = Outbound(ca_file=stack.ca_file, timeout=60)
    visitor = Visitor(stack, outbound)
    yield visitor
    await outbound.aclose()
    for client_id in visitor.registered:
        stack.admin.delete_client(client_id)


@pytest.fixture
def desk_secret(stack: Stack) -> Secret:
    """The secret of the desk's account, as the stack's desk reads it."""
    return Secret((stack.state / "secrets" / "desk").read_text().strip())


@pytest.fixture
async def account(stack: Stack, visitor: Visitor, desk_secret: Secret) -> ServiceAccount:
    """The desk's account, as the desk uses it."""
    realm = f"{stack.keycloak_url}/realms/mcp"
    return ServiceAccount(
        visitor.outbound, realm_url=realm, client_id=DESK_CLIENT_ID, secret=desk_secret, clock=SystemClock()
    )


@pytest.fixture
async def clients(stack: Stack, visitor: Visitor, account: ServiceAccount) -> KeycloakClients:
    """The realm's clients through the desk's account."""
    return KeycloakClients(visitor.outbound, account, realm_url=f"{stack.keycloak_url}/realms/mcp")


@pytest.fixture
def realm_files() -> Path:
    """The realm's files in this repository."""
    return REPOSITORY / "infra" / "keycloak"


@pytest.fixture
def extra_user(stack: Stack) -> Iterator[tuple[str, str]]:
    """A user of this test's own, so that locking it out harms no other test."""
    keycloak = stack.admin.keycloak
    name, password = f"hedy-{secrets.token_hex(4)}", "a-password-for-one-test"
    identifier = keycloak.create_user(
        {
            "username": name,
            "email": f"{name}@example.com",
            "emailVerified": True,
            "firstName": "Hedy",
            "lastName": "Lamarr",
            "enabled": True,
            "credentials": [{"type": "password", "value": password}],
        }
    )
    yield name, password
    keycloak.delete_user(identifier)


@pytest.fixture
def initial_token(stack: Stack) -> Iterator[str]:
    """An initial access token for a few clients; those left are taken back."""
    connection = stack.admin.keycloak.connection
    path = "admin/realms/mcp/clients-initial-access"
    # python-keycloak's own call takes Keycloak's 201 for an error.
    answer: dict[str, Any] = connection.raw_post(path, data=json.dumps({"count": 5, "expiration": 300})).json()
    yield answer["token"]
    connection.raw_delete(f"{path}/{answer['id']}")
