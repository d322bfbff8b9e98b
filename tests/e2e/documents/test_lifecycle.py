"""Documents that change and go away over months, at the real Keycloak, with the desk's clock moved ahead (B8, M13)."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from native_stack import READ, Stack
from shelf import Shelf, document
from starlette.applications import Starlette
from wire import tls_client

from gatelodge.app.desk import create
from gatelodge.app.desk.parts import keycloak_clients
from gatelodge.core.clock import SystemClock
from gatelodge.ops.link.oauth_steps import authorize_url
from gatelodge.ops.link.oauth_types import AuthorizationServer, Pkce
from gatelodge.ops.link.target import LOOPBACK_REDIRECT
from gatelodge.settings.desk import DeskSettings
from gatelodge.testing.clock import ManualClock

pytestmark = pytest.mark.stack
DAY = 86_400.0
HOST = "ahead.documents.example"
OTHER_REDIRECT = f"https://{HOST}/callback"


@dataclass
class Ahead:
    """A second desk of the stack's realm, in this process, on a clock of its own."""

    stack: Stack
    app: Starlette
    http: httpx2.AsyncClient
    shelf: Shelf
    clock: ManualClock

    def publish(self, name: str, **members: Any) -> str:
        client_id = f"https://{HOST}/{name}"
        self.shelf.put(client_id, document(client_id, **members))
        return client_id

    async def later(self, days: float) -> None:
        """Some days later, with one look at the documents then."""
        self.clock.advance(days * DAY)
        for job in self.app.state.jobs:
            if job.name == "refresh of client documents":
                await job.run()

    async def request(self, client_id: str, redirect_uri: str = LOOPBACK_REDIRECT) -> tuple[httpx2.Response, Pkce]:
        """The desk's answer to an authorization request."""
        pkce, issuer = Pkce.new(), self.stack.issuer
        url = authorize_url(
            AuthorizationServer(issuer, f"{issuer}/protocol/openid-connect/auth", ""),
            client_id=client_id,
            redirect_uri=redirect_uri,
            scopes=(READ, "offline_access"),
            state="s",
            pkce=pkce,
            resource=self.stack.mcp_url,
        )
        return await self.http.get(url), pkce

    async def link(self, client_id: str) -> str:
        """Sign in by this desk and the stack's Keycloak; gives the refresh token."""
        answer, pkce = await self.request(client_id)
        assert answer.status_code == 302, answer.text
        signed_in = await self.stack.target().browser().authorize(answer.headers["location"])
        assert signed_in.code, signed_in.error_description
        code = {"grant_type": "authorization_code", "code": signed_in.code, "redirect_uri": LOOPBACK_REDIRECT}
        got = await self.token(client_id, **code, code_verifier=pkce.verifier)
        assert got.status_code == 200, got.text
        return str(got.json()["refresh_token"])

    async def refresh(self, client_id: str, token: str) -> httpx2.Response:
        return await self.token(client_id, grant_type="refresh_token", refresh_token=token)

    async def token(self, client_id: str, **form: str) -> httpx2.Response:
        async with tls_client(self.stack.ca_file) as client:
            endpoint = f"{self.stack.issuer}/protocol/openid-connect/token"
            return await client.post(endpoint, data={"client_id": client_id, **form})

    async def at_keycloak(self, client_id: str, redirect_uri: str) -> int:
        """The status of Keycloak's own answer to a request of the client."""
        answer, _ = await self.request(client_id, redirect_uri)
        async with tls_client(self.stack.ca_file) as client:
            return (await client.get(answer.headers["location"])).status_code

    def entry(self, client_id: str) -> dict[str, Any]:
        """The client as Keycloak has it."""
        keycloak = self.stack.admin.keycloak
        internal = keycloak.get_client_id(client_id)
        assert internal is not None
        return dict(keycloak.get_client(internal))


@pytest.fixture
async def ahead(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ahead]:
    shelf, clock = Shelf(), ManualClock(time.time())
    # Keycloak's time does not move: the desk's account must prove itself by that.
    monkeypatch.setattr(
        create, "keycloak_clients", lambda settings, outbound, _: keycloak_clients(settings, outbound, SystemClock())
    )
    settings = DeskSettings(
        issuer=stack.issuer,
        issuer_internal_url=f"{stack.keycloak_url}/realms/mcp",
        desk_secret_file=stack.state / "secrets" / "desk",
        client_document_hosts=frozenset({HOST}),
        state_dir=tmp_path,
    )
    app = create.create_desk(settings, guarded=shelf, clock=clock)
    transport = httpx2.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport) as http:
        yield Ahead(stack, app, http, shelf, clock)
    for client_id in shelf.bodies:
        stack.admin.delete_client(client_id)


async def test_a_changed_document_changes_keycloaks_client_and_keeps_its_links(ahead: Ahead) -> None:
    client_id = ahead.publish("changing.json")
    token = await ahead.link(client_id)
    assert await ahead.at_keycloak(client_id, OTHER_REDIRECT) == 400
    ahead.publish("changing.json", redirect_uris=[OTHER_REDIRECT], client_name="Renamed")
    await ahead.later(days=2)
    made = ahead.entry(client_id)
    assert (made["redirectUris"], made["name"]) == ([OTHER_REDIRECT], f"Renamed ({HOST})")
    assert made["webOrigins"] == []
    assert await ahead.at_keycloak(client_id, OTHER_REDIRECT) == 200
    assert await ahead.at_keycloak(client_id, LOOPBACK_REDIRECT) == 400
    assert (await ahead.refresh(client_id, token)).status_code == 200


async def test_a_change_reaches_keycloak_with_a_sign_in_too(ahead: Ahead) -> None:
    client_id = ahead.publish("signed-in.json")
    await ahead.request(client_id)
    ahead.publish("signed-in.json", redirect_uris=[OTHER_REDIRECT])
    ahead.clock.advance(DAY)
    assert await ahead.at_keycloak(client_id, OTHER_REDIRECT) == 200


async def test_a_withdrawn_document_ends_its_client_after_the_grace_and_coming_back_brings_it_back(
    ahead: Ahead,
) -> None:
    client_id = ahead.publish("leaving.json")
    token = await ahead.link(client_id)
    ahead.shelf.put(client_id, b"", 410)
    await ahead.later(days=1)
    assert ahead.entry(client_id)["enabled"] is True
    renewed = await ahead.refresh(client_id, token)
    assert renewed.status_code == 200, "within the grace, links go on working"
    token = renewed.json()["refresh_token"]
    await ahead.later(days=8)
    assert ahead.entry(client_id)["enabled"] is False
    ended = await ahead.refresh(client_id, token)
    assert (ended.status_code, ended.json()["error"]) in {(400, "invalid_client"), (401, "invalid_client")}
    refused, _ = await ahead.request(client_id)
    assert refused.status_code == 400
    assert "gone" in refused.text
    # An outage months later brings nothing back; the document does.
    ahead.shelf.down = True
    await ahead.later(days=90)
    assert ahead.entry(client_id)["enabled"] is False
    ahead.shelf.down = False
    ahead.publish("leaving.json")
    await ahead.later(days=1)
    assert ahead.entry(client_id)["enabled"] is True, "without a sign-in"
    assert (await ahead.refresh(client_id, token)).status_code == 200


async def test_through_months_of_outage_a_linked_client_signs_in_and_refreshes(ahead: Ahead) -> None:
    client_id = ahead.publish("away.json")
    token = await ahead.link(client_id)
    ahead.shelf.down = True
    for days in (1, 20, 90):
        await ahead.later(days)
        assert ahead.entry(client_id)["enabled"] is True
        assert await ahead.at_keycloak(client_id, LOOPBACK_REDIRECT) == 200
    assert (await ahead.refresh(client_id, token)).status_code == 200


async def test_a_client_that_a_person_made_under_the_same_url_is_untouched(ahead: Ahead) -> None:
    client_id = ahead.publish("person.json")
    own = {"clientId": client_id, "publicClient": True, "redirectUris": ["https://person.example/cb"], "name": "Mine"}
    ahead.stack.admin.keycloak.create_client(own)
    before = ahead.entry(client_id)
    assert await ahead.at_keycloak(client_id, LOOPBACK_REDIRECT) == 400
    ahead.publish("person.json", redirect_uris=[OTHER_REDIRECT])
    await ahead.later(days=2)
    await ahead.request(client_id)
    ahead.shelf.put(client_id, b"", 404)
    for days in (1, 30, 300):
        await ahead.later(days)
        assert (await ahead.request(client_id))[0].status_code == 302
    assert ahead.entry(client_id) == before
