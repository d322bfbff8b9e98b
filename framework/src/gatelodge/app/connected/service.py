"""One server's linked accounts: its tools on FastMCP, its routes beside them, and what runs while it lives.

Invariants: a provider that is not configured has no tools, so they are unlisted and answered as unknown; scopes are
``<server>:read`` and ``<server>:write`` whatever is configured, for a client has to sign in before anything is linked.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from fastmcp import FastMCP
from starlette.routing import BaseRoute

from gatelodge.app.auditing import Auditing
from gatelodge.app.bridge.packs import add_packs
from gatelodge.app.chores import DAILY, OFTEN, SOON, every
from gatelodge.app.connected.parts import Parts, opened
from gatelodge.app.context import current_principal
from gatelodge.audit.trail import Trail
from gatelodge.connections.limits import CallerLimits, LinkLimits
from gatelodge.connections.parts import WebParts
from gatelodge.connections.place import Place
from gatelodge.connections.registry import Registry
from gatelodge.connections.routes import connection_routes
from gatelodge.connections.signin import SignIn
from gatelodge.connections.web_errors import SessionRequired
from gatelodge.core.clock import Clock
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.proxy.parts import ProxyParts
from gatelodge.proxy.routes import proxy_routes
from gatelodge.ratelimit.limit import Limits
from gatelodge.resource_server.identity import Identity
from gatelodge.settings.connected import ConnectedSettings
from gatelodge.storage.database import Database
from gatelodge.storage.errors import StorageUnavailable
from gatelodge.toolpacks.pack import Pack, PackContext
from gatelodge.toolpacks.packs import load
from gatelodge.vault.owner import Owner

__all__ = ["ConnectedService"]


class ConnectedService:
    """Made before the server starts; ``running`` is its life."""

    def __init__(self, server: FastMCP[Any], settings: ConnectedSettings, packs: tuple[str, ...], clock: Clock) -> None:
        """Raises: PackUnknown, ProviderMisconfigured."""
        self.settings, self._clock = settings, clock
        self._place = Place(settings.server.public_url, settings.web.return_to)
        development = settings.server.mode == "development"
        self._registry = Registry(settings.connections.provider_configs(), development=development)
        # Below a path of its own a server has the path's name, as its realm file says.
        self._name = self._place.base.rpartition("/")[2] or server.name
        self._parts: Parts | None = None
        asked = [load(name) for name in dict.fromkeys(packs)]
        configured = self._registry.configured
        served = [pack for pack in asked if all(configured(name) for name in (pack.provider, *pack.beside))]
        add_packs(server, served, scopes=self._name, bind=self.bind)

    @property
    def scopes(self) -> tuple[str, str]:
        """The scopes of its tools and of the proxy."""
        return f"{self._name}:read", f"{self._name}:write"

    @property
    def kept(self) -> tuple[Database, Trail] | None:
        """The open database and its trail, while it runs."""
        return None if self._parts is None else (self._parts.database, self._parts.trail)

    @property
    def outbound(self) -> Outbound | None:
        """The way to providers, while it runs."""
        return None if self._parts is None else self._parts.outbound

    @property
    def providers(self) -> list[tuple[str, str]]:
        """Name and API of each provider that is set up."""
        return [(name, self._registry.get(name).provider.api_base) for name in self._registry.names()]

    @property
    def sessions_in_redis(self) -> bool:
        """Whether browsers' sessions need Redis."""
        return self.settings.web.session_store == "redis"

    async def bind(self, pack: Pack) -> PackContext:
        """What one call of a pack's tool is given. Raises: SessionRequired, StorageUnavailable."""
        principal, parts = current_principal(), self._parts
        if principal is None:
            raise SessionRequired("a tool of a linked account was called without a caller")
        if parts is None:
            raise StorageUnavailable("the server is not started, or is stopping")
        owner = Owner(principal.issuer, principal.subject, pack.provider)
        return PackContext.of(pack, parts.upstream, owner, self._place.link_url, database=parts.database)

    @asynccontextmanager
    async def running(
        self,
        routes: list[BaseRoute],
        *,
        identity: Identity,
        metadata: MetadataSource | None,
        keys: KeySource | None,
        outbound: Outbound,
        metadata_url: str,
        limits: Limits,
        calls: CallerLimits,
        audit: Auditing | None,
    ) -> AsyncIterator[None]:
        """Open everything, serve its routes in front of ``routes``, and do its chores. Raises: as ``parts.opened``."""
        async with AsyncExitStack() as stack:
            parts = await stack.enter_async_context(opened(self.settings, self._registry, self._clock))
            links = LinkLimits.of(self.settings.server.limits_config(), limits)
            web = self._web(
                parts, identity, metadata, keys, outbound, metadata_url=metadata_url, links=links, calls=calls
            )
            proxy = self._proxy(parts, identity, metadata_url, calls)
            if audit is not None:
                web = replace(web, recorder=audit.recorder, stranger=audit.stranger)
                proxy = replace(proxy, recorder=audit.recorder)
            ours: list[BaseRoute] = [*connection_routes(web, self._clock)]
            if self.settings.proxy.proxy == "on":
                ours += proxy_routes(proxy)
            await stack.enter_async_context(every(DAILY, "sweep of connections", parts.tokens.sweep))
            await stack.enter_async_context(every(SOON, "unfinished refreshes", parts.tokens.finish))
            await stack.enter_async_context(every(DAILY, "names of accounts", parts.naming.sweep))
            await stack.enter_async_context(every(OFTEN, "clean-up of sessions", web.sweep))
            before, self._parts = list(routes), parts
            routes[:0] = ours
            try:
                yield
            finally:
                routes[:], self._parts = before, None

    def _web(
        self,
        parts: Parts,
        identity: Identity,
        metadata: MetadataSource | None,
        keys: KeySource | None,
        outbound: Outbound,
        *,
        metadata_url: str,
        links: LinkLimits,
        calls: CallerLimits,
    ) -> WebParts:
        server, secret = self.settings.server, self.settings.web.web_client_secret
        sign_in = None
        # Browsers sign in at Keycloak; in a mode without it, whoever stands in front signs them in.
        if secret is not None and metadata is not None and keys is not None:
            sign_in = SignIn(
                self._place,
                server.issuer_config(),
                secret,
                outbound=outbound,
                metadata=metadata,
                keys=keys,
                keyring=parts.keys,
                clock=self._clock,
            )
        return WebParts(
            place=self._place,
            registry=self._registry,
            store=parts.store,
            linking=parts.linking,
            naming=parts.naming,
            states=parts.states,
            sessions=parts.sessions,
            identity=identity,
            trail=parts.trail,
            server=self._name,
            resource_metadata_url=metadata_url,
            sign_in=sign_in,
            allowed_origins=server.allowed_origins,
            limits=links,
            calls=calls,
        )

    def _proxy(self, parts: Parts, identity: Identity, metadata_url: str, calls: CallerLimits) -> ProxyParts:
        proxy, server = self.settings.proxy, self.settings.server
        return ProxyParts(
            base=self._place.base,
            server=self._name,
            registry=self._registry,
            upstream=parts.upstream,
            tokens=parts.tokens,
            identity=identity,
            trail=parts.trail,
            resource_metadata_url=metadata_url,
            link_url=self._place.link_url,
            request_bytes=proxy.proxy_request_bytes,
            allowed_origins=server.allowed_origins,
            service_clients=proxy.token_service_clients,
            limits=calls,
        )
