"""A plain Starlette application behind the checks of a protected MCP server, under a real uvicorn."""

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from plain_app import plain_app
from plain_world import RESOURCE, World, running
from protected import ISSUER
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from gatelodge import auth_middleware, public, requires
from gatelodge.audit.finding import Filter, search
from gatelodge.audit.trail import Trail
from gatelodge.core.clock import SystemClock
from gatelodge.core.secret import Secret
from gatelodge.settings.load import SettingsInvalid
from gatelodge.settings.server import ServerSettings
from gatelodge.settings.vault import VaultSettings
from gatelodge.storage.config import DatabaseConfig, default_url
from gatelodge.storage.database import open_database
from gatelodge.storage.migrations import migrate
from gatelodge.vault.key_source import load_keyring
from gatelodge.vault.owner import Owner
from gatelodge.vault.sql_store import SqlTokenStore
from gatelodge.vault.store import TokenStore

TOKEN = "abcdefghijklmnopqrstuvwx"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_the_application_is_reached_by_accepted_callers_only(world: World) -> None:
    async with running(world.wrapped(plain_app())) as http:
        stranger = await http.get("/whoami")
        assert stranger.status_code == 401
        assert stranger.headers["www-authenticate"].startswith(
            'Bearer resource_metadata="https://notes.example.com/.well-known/oauth-protected-resource/api", scope="notes:read"'
        )
        known = await http.get("/whoami", headers=world.bearer("notes:read"))
        assert (known.status_code, known.json()["scopes"]) == (200, ["notes:read"])
        for spoiled in (world.bearer("notes:read", aud="https://other.example.com"), {"authorization": "Bearer x"}):
            refused = await http.get("/whoami", headers=spoiled)
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
        twice = [("authorization", world.bearer()["authorization"])] * 2
        assert (await http.get("/whoami", headers=twice)).status_code == 400
        # Nor is there anything to be learned of paths.
        assert (await http.get("/nothing")).status_code == 401
        assert (await http.get("/nothing", headers=world.bearer())).status_code == 404


async def test_rules_of_endpoints_hold_below_mounts_and_for_each_method(world: World) -> None:
    async with running(world.wrapped(plain_app())) as http:
        assert (await http.get("/about")).json() == {"known": False}
        assert (await http.get("/about", headers=world.bearer())).json() == {"known": True}
        # A token that is refused is not made a stranger's.
        assert (await http.get("/about", headers={"authorization": "Bearer x"})).status_code == 401
        lacking = await http.post("/notes", headers=world.bearer("notes:read"))
        assert (lacking.status_code, lacking.json()["error"]) == (403, "insufficient_scope")
        assert 'scope="notes:write"' in lacking.headers["www-authenticate"]
        assert (await http.post("/notes", headers=world.bearer("notes:write"))).status_code == 200
        assert (await http.get("/notes", headers=world.bearer())).status_code == 405
        assert (await http.post("/admin/purge")).status_code == 401
        denied = await http.post("/admin/purge", headers=world.bearer("notes:read"))
        assert (denied.status_code, "www-authenticate" in denied.headers) == (403, False)
        admin = world.bearer("notes:read", realm_access={"roles": ["admin"]})
        assert (await http.post("/admin/purge", headers=admin)).status_code == 200


async def test_a_rule_on_a_method_of_an_endpoint_that_is_a_class_holds(world: World) -> None:
    class Notes(HTTPEndpoint):
        @public
        async def get(self, _: Request) -> Response:
            return PlainTextResponse("notes")

        @requires("notes:write")
        async def put(self, _: Request) -> Response:
            return PlainTextResponse("written")

        async def delete(self, _: Request) -> Response:
            return PlainTextResponse("gone")

    app = Starlette(routes=[Route("/notes", Notes)])
    async with running(world.wrapped(app)) as http:
        assert (await http.get("/notes")).status_code == 200
        assert (await http.head("/notes")).status_code == 200
        assert (await http.put("/notes", headers=world.bearer("notes:read"))).status_code == 403
        assert (await http.put("/notes", headers=world.bearer("notes:write"))).status_code == 200
        assert (await http.delete("/notes")).status_code == 401
        assert (await http.delete("/notes", headers=world.bearer())).status_code == 200


async def test_rules_hold_behind_other_middleware(world: World) -> None:
    app = GZipMiddleware(Starlette(routes=[Mount("/inner", app=GZipMiddleware(plain_app()))]))
    async with running(world.wrapped(app)) as http:
        assert (await http.get("/inner/about")).status_code == 200
        assert (await http.post("/inner/notes", headers=world.bearer("notes:read"))).status_code == 403
        assert (await http.post("/inner/notes", headers=world.bearer("notes:write"))).status_code == 200
        assert (await http.post("/inner/admin/purge", headers=world.bearer("notes:read"))).status_code == 403


async def test_a_client_that_acts_for_itself_is_no_person(world: World) -> None:
    service = world.bearer("notes:write", azp="robot", gatelodge_service="robot")
    async with running(world.wrapped(plain_app())) as http:
        assert (await http.get("/whoami", headers=service)).status_code == 403
        assert (await http.get("/about", headers=service)).status_code == 200


async def test_pages_of_other_origins_and_other_hosts_are_refused(world: World) -> None:
    production = World(world.settings.state_dir, mode="production", allowed_origins="https://app.example.com")
    async with running(production.wrapped(plain_app())) as http:
        bearer = production.bearer()
        evil = await http.get("/whoami", headers={**bearer, "origin": "https://evil.example"})
        assert evil.status_code == 403
        assert (await http.get("/whoami", headers={**bearer, "host": "evil.example"})).status_code == 421
        allowed = await http.get("/whoami", headers={**bearer, "origin": "https://app.example.com"})
        assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
        asked = {"origin": "https://app.example.com", "access-control-request-method": "PUT"}
        assert (await http.options("/whoami", headers=asked)).status_code == 200


async def test_the_documents_lead_a_client_to_the_issuer(world: World) -> None:
    async with running(world.wrapped(plain_app())) as http:
        document = (await http.get("/.well-known/oauth-protected-resource/api")).json()
        assert (document["resource"], document["authorization_servers"]) == (RESOURCE, [ISSUER])
        assert (document["resource_name"], document["scopes_supported"]) == ("notes", ["notes:read", "notes:write"])
        assert (await http.get("/.well-known/oauth-authorization-server")).json()["issuer"] == ISSUER
        assert (await http.get("/health/ready")).status_code == 200
        # What else is well-known is the application's, behind the checks like the rest of it.
        assert (await http.get("/.well-known/security.txt")).status_code == 401


async def test_an_issuer_that_is_away_is_503_and_a_fault_of_the_application_tells_nothing(world: World) -> None:
    world.issuer.unreachable = True
    async with running(world.wrapped(plain_app())) as http:
        away = await http.get("/whoami", headers=world.bearer())
        assert (away.status_code, "retry-after" in away.headers) == (503, True)
        world.issuer.unreachable = False


async def test_an_application_without_a_lifespan_or_routes_is_served_with_rules_given(world: World) -> None:
    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with running(world.wrapped(bare)) as http:
        assert (await http.get("/x")).status_code == 401
        assert (await http.get("/x", headers=world.bearer())).status_code == 204
        assert (await http.head("/x")).content == b""


async def test_a_websocket_is_closed_unheard(world: World) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    app = world.wrapped(plain_app())
    await app({"type": "websocket", "path": "/whoami", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_development_token_counts_on_this_machine_and_not_through_a_proxy(tmp_path: Path) -> None:
    local: dict[str, Any] = {
        "public_url": "http://localhost:8000/api",
        "dev_token": TOKEN,
        "dev_scopes": "notes:read",
        "state_dir": tmp_path,
    }
    app = auth_middleware("bearer", service_name="notes", settings=ServerSettings(auth_mode="bearer", **local))(
        plain_app()
    )
    async with running(app) as http:
        developer = {"authorization": f"Bearer {TOKEN}", "host": "localhost:8000"}
        assert (await http.get("/whoami", headers=developer)).json() == {
            "subject": "developer",
            "scopes": ["notes:read"],
        }
        for hop in ("x-forwarded-for", "cf-connecting-ip", "via"):
            assert (await http.get("/whoami", headers={**developer, hop: "203.0.113.7"})).status_code == 401
        # A tunnel that passes bytes brings its public name along.
        assert (await http.get("/whoami", headers={**developer, "host": "abc.tunnel.example"})).status_code == 421
        lacking = await http.post("/notes", headers=developer)
        assert (lacking.status_code, lacking.json()["code"]) == (403, "scope_not_given")
        document = (await http.get("/.well-known/oauth-protected-resource/api")).json()
        assert document == {"resource": "http://localhost:8000/api", "resource_name": "notes"}
    # The mode given to the factory makes the same demands as the variable.
    with pytest.raises(SettingsInvalid, match="GATELODGE_DEV_TOKEN"):
        auth_middleware("bearer", settings=ServerSettings(public_url=RESOURCE, issuer=ISSUER))


async def test_with_a_token_store_the_application_has_its_callers_accounts_and_no_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATELODGE_GITHUB_CLIENT_ID", "client")
    monkeypatch.setenv("GATELODGE_GITHUB_CLIENT_SECRET", "an example of a secret")
    monkeypatch.setenv("GATELODGE_GITHUB_API_URL", "http://127.0.0.1:9")
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    alice = Owner(ISSUER, "alice", "github")
    async with kept_in(world.settings, key) as store:
        await store.put(alice, {"access_token": Secret("canary")}, actor="test", account_id="alice-at-github")
    wrap = auth_middleware(None, "sqlite", "notes", key, settings=world.settings, outbound=world.issuer.outbound())
    async with running(wrap(plain_app())) as http:
        own = await http.get("/account", headers=world.bearer(sub="alice"))
        assert own.json() == {"account": "alice-at-github"}
        other = await http.get("/account", headers=world.bearer(sub="bob"))
        assert (other.status_code, other.json()["code"]) == (409, "connection_missing")
        assert (await http.get("/account")).status_code == 401
        # The provider is set up: it is shown, and never makes the application unready.
        assert (await http.get("/health/ready")).json()["checks"].keys() == {"keys", "store", "github"}
    # Its database holds the trail of calls too, as with packs.
    database = await open_database(DatabaseConfig(default_url(world.settings.state_dir)))
    calls = [one.event.subject["endpoint"] async for one in search(database, Filter(kinds=["endpoint.call"]))]
    assert calls == ["GET /account"] * 3
    await database.aclose()


async def test_the_store_of_tokens_is_a_part_of_readiness_without_an_audit_trail_too(world: World) -> None:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    settings = world.settings.model_copy(update={"audit": "off"})
    app = auth_middleware(None, "sqlite", "notes", key, settings=settings, outbound=world.issuer.outbound())(
        plain_app()
    )
    async with running(app) as http:
        ready = await http.get("/health/ready")
        assert (ready.status_code, ready.json()["checks"].keys()) == (200, {"keys", "store"})


async def test_a_token_store_that_was_never_opened_is_503(world: World) -> None:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    app = auth_middleware(None, "sqlite", "notes", key, settings=world.settings, outbound=world.issuer.outbound())(
        plain_app()
    )
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://notes.example.com") as http:
        assert (await http.get("/whoami", headers=world.bearer())).status_code == 503


@asynccontextmanager
async def kept_in(settings: ServerSettings, key: str) -> AsyncIterator[TokenStore]:
    """The store that the application will open, as a server with packs fills it."""
    vault = VaultSettings(state_dir=settings.state_dir, vault_key=Secret(key))
    database = await open_database(vault.database_config())
    await migrate(database)
    trail, keyring = Trail(database, SystemClock()), load_keyring(vault.vault_config())
    try:
        yield SqlTokenStore(database, keyring, trail, SystemClock())
    finally:
        await trail.aclose()
        await database.aclose()
