"""The proxy and all behind it: real token checks, real vault, real refresh, an upstream on a real socket."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import httpx2
from raw_upstream import RawUpstream, raw_upstream
from scripted_provider import CLIENT
from starlette.applications import Starlette
from vaults import Vault

from gatelodge.audit.recorder import Recorder
from gatelodge.connections.config import ProviderConfig
from gatelodge.connections.registry import PROVIDERS, Registry
from gatelodge.connections.token_endpoint import TIMEOUT, TokenEndpoint
from gatelodge.connections.tokens import AccessTokens
from gatelodge.connections.upstream import ApiAnswer, Limits, Upstream
from gatelodge.core.secret import Secret
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.outbound.pool import PoolConfig, PooledTransport
from gatelodge.proxy.parts import ProxyParts
from gatelodge.proxy.routes import proxy_routes
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.identity import BearerIdentity
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory
from gatelodge.vault.owner import Owner

__all__ = ["ISSUER", "PUBLIC_URL", "ProxyDesk", "proxy_desk", "registry_at"]

PUBLIC_URL = "https://localhost:8443/workspace/mcp"
ISSUER = "https://localhost:8443/realms/mcp"
FIRST = "canary-a0"
METADATA_URL = "https://localhost:8443/.well-known/oauth-protected-resource/workspace/mcp"
# What a link needs besides its token.
EXTRA: Mapping[str, Mapping[str, str]] = {"jira": {"cloud_id": "c1", "sites": '[{"cloud_id":"c1"},{"cloud_id":"c2"}]'}}


@dataclass
class ProxyDesk:
    """Parts in one hand; users are ``alice`` and whoever else a test links."""

    vault: Vault
    raw: RawUpstream
    registry: Registry
    tokens: AccessTokens
    upstream: Upstream
    factory: TokenFactory
    parts: ProxyParts
    http: httpx2.AsyncClient

    async def link(self, provider: str, user: str = "alice", token: str = FIRST, **more: Any) -> Owner:
        """Link an account of a user, as the callback would."""
        owner = Owner(ISSUER, user, provider)
        field = "api_token" if provider == "coda" else "access_token"
        own = {"user_access_token": Secret(token)} if provider == "slack" else {}
        secrets = {field: Secret(token)} | more.pop("secrets", own)
        await self.vault.store.put(owner, secrets, actor="test", extra=EXTRA.get(provider), **more)
        return owner

    def bearer(self, *scopes: str, user: str = "alice", **claims: Any) -> dict[str, str]:
        """An Authorization header of that user."""
        scope = " ".join(scopes or ("workspace:read", "workspace:write"))
        return {"authorization": f"Bearer {self.factory.token(scope=scope, sub=user, **claims)}"}

    async def call(
        self,
        provider: str,
        method: str = "GET",
        path: str = "/user",
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> httpx2.Response:
        """One request to the proxy, as alice with both scopes if nothing else is said."""
        asked = {"method": method, "path": path, **members}
        return await self.http.post(
            f"/workspace/api/{provider}/proxy", json=asked, headers=self.bearer() if headers is None else headers
        )

    async def send(self, owner: Owner, method: str = "GET", path: str = "/user", **more: Any) -> ApiAnswer:
        """One call past the proxy."""
        return await self.upstream.send(owner, owner.provider, method, path, purpose="test", **more)


def registry_at(url: str, urls: Mapping[str, str] | None = None) -> Registry:
    """All providers at one address, or each at its own."""
    oauth = {name: replace(CLIENT, api_url=url, token_url=f"{url}/token") for name in PROVIDERS if name != "coda"}
    configs = {**oauth, "coda": ProviderConfig(api_url=url)}
    for name, other in (urls or {}).items():
        configs[name] = replace(configs[name], api_url=other)
    return Registry(configs, development=True)


@cache
def _factory() -> TokenFactory:
    """Keys for all tests of a run: making them takes longer than a test."""
    factory = TokenFactory(ISSUER, PUBLIC_URL, ManualClock())
    factory.jwks()
    return factory


@asynccontextmanager
async def proxy_desk(
    vault: Vault,
    *,
    limits: Limits | None = None,
    urls: Mapping[str, str] | None = None,
    services: frozenset[str] = frozenset(),
    at: str | None = None,
    token_seconds: float = TIMEOUT,
) -> AsyncIterator[ProxyDesk]:
    """Everything, until the block ends. With ``at`` APIs and token endpoints are there, and ``raw`` is not asked."""
    clock, limits = vault.clock, limits or Limits()
    recorder = Recorder()
    recorder.attach(vault.trail)
    factory = copy(_factory())
    factory._clock = clock
    issuer = FakeIssuer(factory, scopes=("workspace:read", "workspace:write"))
    inside = issuer.outbound()
    keys = KeySource(inside, issuer.config(), MetadataSource(inside, issuer.config(), clock), clock)
    outbound = Outbound(
        transport=PooledTransport(PoolConfig(), own=["127.0.0.1"]),
        timeout=limits.seconds,
        max_bytes=limits.answer_bytes,
    )
    async with raw_upstream() as raw:
        registry = registry_at(at or raw.url, urls)
        endpoints = {
            name: TokenEndpoint(outbound, registry.get(name), timeout=token_seconds)
            for name in PROVIDERS
            if name != "coda"
        }
        tokens = AccessTokens(vault.store, registry, endpoints, vault.trail, clock, jitter=lambda: 0.0)
        upstream = Upstream(outbound, tokens, registry, clock, limits=limits)
        parts = ProxyParts(
            base="/workspace",
            server="workspace",
            registry=registry,
            upstream=upstream,
            tokens=tokens,
            identity=BearerIdentity(TokenVerifier(ResourceServerConfig(PUBLIC_URL, ISSUER), keys, clock)),
            trail=vault.trail,
            resource_metadata_url=METADATA_URL,
            link_url=lambda provider: f"https://localhost:8443/workspace/accounts?link={provider}",
            request_bytes=limits.request_bytes,
            allowed_origins=frozenset({"https://front.example"}),
            service_clients=services,
            recorder=recorder,
        )
        app = httpx2.ASGITransport(Starlette(routes=proxy_routes(parts)))
        async with httpx2.AsyncClient(transport=app, base_url="https://localhost:8443") as http:
            try:
                yield ProxyDesk(vault, raw, registry, tokens, upstream, factory, parts, http)
            finally:
                await tokens.aclose()
                await outbound.aclose()
                await inside.aclose()
