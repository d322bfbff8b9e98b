"""The pages of connected accounts in process, with an authorization server that signs people in, and browsers."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from joserfc.jwk import Key
from scripted_provider import CLIENT, ScriptedProvider
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from vaults import Vault

from gatelodge.audit.actor import of_address
from gatelodge.audit.recorder import Recorder
from gatelodge.connections.linking import Linking
from gatelodge.connections.naming import Naming
from gatelodge.connections.parts import WebParts
from gatelodge.connections.place import Place
from gatelodge.connections.provider import Provider
from gatelodge.connections.registry import PROVIDERS, Registry
from gatelodge.connections.routes import connection_routes
from gatelodge.connections.session_stores import DatabaseSessions
from gatelodge.connections.sessions import WebSessions
from gatelodge.connections.signin import CLIENT_ID, SignIn
from gatelodge.connections.state import AuthorizationStates
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.connections.tokens import AccessTokens
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.identity import BearerIdentity
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory
from gatelodge.vault.current_keys import CurrentKeys

__all__ = ["ISSUER", "ORIGIN", "PUBLIC", "RETURN", "Browser", "SigningIssuer", "Site", "accounts_site"]

ISSUER = "https://as.example/realms/mcp"
ORIGIN = "https://us.example"
PUBLIC = f"{ORIGIN}/workspace/mcp"
BASE = "/workspace"
RETURN = "https://app.example/settings"
FRONT_END = "https://app.example"
WEB_SECRET = "canary web/secret"


class SigningIssuer(FakeIssuer):
    """A fake issuer with a token endpoint; ``claims``, ``header``, ``key`` and ``change`` spoil its ID tokens."""

    def __init__(self, tokens: TokenFactory) -> None:
        super().__init__(tokens, scopes=())
        self.codes: dict[str, dict[str, Any]] = {}
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        # What becomes of the next ID token, and the key that signs it in place of ours.
        self.change: Callable[[str], str] = str
        self.key: Key | None = None
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.hosts: set[str] = set()

    def approve(self, url: str, subject: str, **changed: str) -> dict[str, str]:
        """What the browser brings back after ``subject`` signed in at an authorization URL."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}-{subject}"
        self.codes[code] = {**asked, "subject": subject}
        return {"code": code, "state": asked["state"], "iss": self.tokens.issuer, **changed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.hosts.add(request.url.netloc)
        if request.method == "POST" and request.url.path.endswith("/token"):
            form = parse_qs((await request.body()).decode())
            self.asked.append((request.headers["authorization"], form))
            begun = self.codes.pop(form["code"][0], None)
            if begun is None or begun["redirect_uri"] != form["redirect_uri"][0]:
                await JSONResponse({"error": "invalid_grant"}, 400)(scope, receive, send)
                return
            await JSONResponse({"id_token": self.change(self._id_token(begun))})(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _id_token(self, begun: dict[str, Any]) -> str:
        claims = {
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "typ": "ID",
            "nonce": begun["nonce"],
            "sub": begun["subject"],
            "preferred_username": begun["subject"],
            **self.claims,
        }
        return self.tokens.token(header=self.header, key=self.key, **claims)


@dataclass
class Browser:
    """One person's browser: cookies of its own, and the headers that a browser adds."""

    site: "Site"
    client: httpx2.AsyncClient
    subject: str

    async def open(self, path: str, **params: str) -> httpx2.Response:
        """Visit an address, redirects not followed."""
        headers = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
        return await self.client.get(path, params=params or None, headers=headers)

    async def sign_in(self, at: str = f"{BASE}/accounts/sign-in") -> httpx2.Response:
        """Sign in; the answer that begins the session."""
        return await self.finish_sign_in(await self.open(at))

    async def finish_sign_in(self, begun: httpx2.Response) -> httpx2.Response:
        """The rest of a sign-in that an answer sent the browser to."""
        assert begun.status_code == 303, begun.text
        back = self.site.issuer.approve(begun.headers["location"], self.subject)
        return await self.open(f"{BASE}/accounts/callback", **back)

    async def csrf(self) -> str:
        """The token of this session's forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.open(f"{BASE}/accounts")).text)
        assert found is not None
        return unescape(found[1])

    async def send(self, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> httpx2.Response:
        """Send a form of our own page."""
        sent = {"origin": self.site.origin, "sec-fetch-site": "same-origin", **(headers or {})}
        data = {"csrf": await self.csrf(), **fields}
        return await self.client.post(f"{BASE}/accounts/{path}", data=data, headers=sent)

    async def to_provider(self, provider: str = "github") -> dict[str, str]:
        """Press the button that links; the parameters of the provider's address."""
        answer = await self.send(f"{provider}/link")
        assert answer.status_code == 200, answer.text
        found = re.search(r'content="0; url=([^"]+)"', answer.text)
        assert found is not None
        target = urlsplit(unescape(found[1]))
        return {name: values[0] for name, values in parse_qs(target.query).items()}

    async def back(self, state: str, provider: str = "github", **answer: str) -> httpx2.Response:
        """Come back from the provider, by default with a code."""
        given = {"state": state, **(answer or {"code": "good"})}
        return await self.open(f"{BASE}/api/auth/{provider}/callback", **given)


@dataclass
class Site:
    """The server and what it stands on."""

    vault: Vault
    issuer: SigningIssuer
    provider: ScriptedProvider
    parts: WebParts
    app: Starlette
    origin: str = ORIGIN
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    def browser(self, subject: str) -> Browser:
        """A new browser of a person."""
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=self.origin)
        self.clients.append(client)
        return Browser(self, client, subject)

    def bearer(self, subject: str, **claims: Any) -> dict[str, str]:
        """The header with an access token of this server's audience."""
        return {
            "authorization": f"Bearer {self.issuer.tokens.token(**{'sub': subject, 'scope': 'workspace:read workspace:write', **claims})}"
        }

    async def linked(self, subject: str, provider: str = "github") -> bool:
        """Whether that person has an account of the provider linked."""
        owners = [record.owner for record in await self.vault.store.list(provider=provider)]
        return (ISSUER, subject) in [(owner.tenant, owner.user) for owner in owners]


@cache
def _made() -> TokenFactory:
    """Made once for the run: the keys take longer than most tests."""
    made = TokenFactory(ISSUER, PUBLIC, ManualClock())
    made.jwks()
    return made


def _tokens(audience: str, clock: Clock) -> TokenFactory:
    """A factory of its own with the keys of the run."""
    tokens = copy(_made())
    tokens.audience, tokens._clock = audience, clock
    return tokens


class _Wire(httpx2.AsyncBaseTransport):
    """Requests of the server: to the issuer by its path, else to the provider."""

    def __init__(self, issuer: SigningIssuer, provider: ScriptedProvider) -> None:
        self._issuer = httpx2.ASGITransport(issuer)
        self._provider = httpx2.ASGITransport(provider)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        to_issuer = request.url.path.startswith(urlsplit(ISSUER).path)
        return await (self._issuer if to_issuer else self._provider).handle_async_request(request)


@asynccontextmanager
async def accounts_site(
    vault: Vault,
    *,
    providers: tuple[str, ...] = ("github", "jira", "slack", "notion", "coda"),
    known: dict[str, Provider] | None = None,
    public_url: str = PUBLIC,
    origin: str = ORIGIN,
    internal_url: str | None = None,
    keys: CurrentKeys | None = None,
) -> AsyncIterator[Site]:
    """A site on a vault; its provider answers code requests, ``/user`` and what is given back. ``keys`` seal in place of the vault's."""
    clock, place = vault.clock, Place(public_url, frozenset({RETURN}))
    issuer, provider = SigningIssuer(_tokens(public_url, clock)), ScriptedProvider()
    provider.will("/login/oauth/access_token", (200, {"access_token": "canary-a", "scope": "repo"}))
    provider.will("/user", (200, {"id": 7, "login": "octocat"}))
    provider.will("/applications/our:client/token", (204, b""))
    outbound = Outbound(transport=_Wire(issuer, provider))
    registry = Registry(dict.fromkeys(providers, CLIENT), known=known or PROVIDERS)
    endpoints = {
        name: TokenEndpoint(outbound, registry.get(name))
        for name in providers
        if registry.get(name).provider.kind == "oauth"
    }
    config = issuer.config(internal_url=internal_url)
    metadata = MetadataSource(outbound, config, clock)
    issuer_keys = KeySource(outbound, config, metadata, clock)
    keyring = keys or vault.keyring
    linking = Linking(vault.store, registry, endpoints, outbound=outbound, trail=vault.trail, clock=clock)
    tokens = AccessTokens(vault.store, registry, endpoints, vault.trail, clock)
    sign_in = SignIn(
        place,
        config,
        Secret(WEB_SECRET),
        outbound=outbound,
        metadata=metadata,
        keys=issuer_keys,
        keyring=keyring,
        clock=clock,
    )
    recorder = Recorder()
    recorder.attach(vault.trail)
    parts = WebParts(
        place,
        registry,
        vault.store,
        linking,
        AuthorizationStates(vault.db, keyring, clock, audience=public_url),
        WebSessions(DatabaseSessions(vault.db, clock), keyring, clock, audience=public_url),
        BearerIdentity(TokenVerifier(ResourceServerConfig(public_url=public_url, issuer=ISSUER), issuer_keys, clock)),
        vault.trail,
        "workspace",
        f"{ORIGIN}/.well-known/oauth-protected-resource/workspace/mcp",
        sign_in,
        frozenset({FRONT_END}),
        naming=Naming(vault.store, tokens, registry, outbound, clock),
        recorder=recorder,
        stranger=lambda scope: of_address(b"key", scope["client"][0]),
    )
    site = Site(vault, issuer, provider, parts, Starlette(routes=connection_routes(parts, clock)), origin)
    try:
        yield site
    finally:
        for client in site.clients:
            await client.aclose()
        await issuer_keys.aclose()
        await tokens.aclose()
        await outbound.aclose()
