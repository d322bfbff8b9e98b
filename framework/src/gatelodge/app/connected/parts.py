"""The parts of linked accounts, opened and closed in order: database, trail, store, tokens, the way to providers.

Invariants: migrations are applied and keys checked before anything is served; the pooled client to providers and the
database are closed last, after refreshes in flight have come to their end. Not here: routes and tools (``service``).
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from httpx2 import AsyncBaseTransport

from gatelodge.audit.trail import Trail
from gatelodge.connections.cache import AnswerCache
from gatelodge.connections.linking import Linking
from gatelodge.connections.naming import Naming
from gatelodge.connections.registry import PROVIDERS, Registry
from gatelodge.connections.session_stores import DatabaseSessions, MemorySessions, SessionStore
from gatelodge.connections.sessions import WebSessions
from gatelodge.connections.state import AuthorizationStates
from gatelodge.connections.token_endpoint import TokenEndpoint
from gatelodge.connections.tokens import AccessTokens
from gatelodge.connections.upstream import Upstream
from gatelodge.core.clock import Clock
from gatelodge.outbound.client import Outbound
from gatelodge.outbound.pool import PoolConfig, PooledTransport
from gatelodge.outbound.traced import TracedTransport
from gatelodge.settings.connected import ConnectedSettings
from gatelodge.settings.load import SettingsInvalid
from gatelodge.settings.proxy import own_hosts
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.migrations import migrate
from gatelodge.vault.current_keys import CurrentKeys
from gatelodge.vault.env_store import EnvTokenStore
from gatelodge.vault.key_source import load_keyring
from gatelodge.vault.owner import service
from gatelodge.vault.process_memory import keep_memory_private
from gatelodge.vault.sql_store import SqlTokenStore
from gatelodge.vault.store import TokenStore

__all__ = ["Parts", "opened"]


@dataclass(frozen=True)
class Parts:
    """What a running server works with."""

    database: Database
    # Of sessions, sign-ins and authorization states.
    keys: CurrentKeys
    trail: Trail
    store: TokenStore
    tokens: AccessTokens
    upstream: Upstream
    linking: Linking
    naming: Naming
    sessions: WebSessions
    states: AuthorizationStates
    outbound: Outbound


@asynccontextmanager
async def opened(settings: ConnectedSettings, registry: Registry, clock: Clock) -> AsyncIterator[Parts]:
    """The parts. Raises: VaultKeyUnusable, StorageUnavailable, StorageFault, SettingsInvalid (Coda without a token)."""
    config, audience = settings.vault.vault_config(), settings.server.public_url
    keep_memory_private()
    # A key file may be on a slow mount.
    keyring = await asyncio.to_thread(load_keyring, config)
    async with AsyncExitStack() as stack:
        database = await open_database(settings.vault.database_config())
        stack.push_async_callback(database.aclose)
        await migrate(database)
        trail = Trail(database, clock)
        stack.push_async_callback(trail.aclose)
        outbound = _outbound(settings, settings.proxy.pool())
        stack.push_async_callback(outbound.aclose)
        # A refresh that goes out on a kept connection, just when the provider closes it, has no answer and no second try.
        fresh = _outbound(settings, replace(settings.proxy.pool(), idle=0))
        stack.push_async_callback(fresh.aclose)
        store: TokenStore
        if config.store == "env":
            store = EnvTokenStore(os.environ, trail)
        else:
            store = kept = SqlTokenStore(database, keyring, trail, clock, reload=lambda: load_keyring(config))
            await kept.check()
        services = _services(settings, store, trail)
        await _check_coda(registry, services)
        endpoints = {
            name: TokenEndpoint(fresh, registry.get(name))
            for name in registry.names()
            if registry.get(name).provider.kind == "oauth"
        }
        tokens = AccessTokens(store, registry, endpoints, trail, clock)
        stack.push_async_callback(tokens.aclose)
        own = tokens if services is store else AccessTokens(services, registry, endpoints, trail, clock)
        keys = CurrentKeys(keyring, reload=lambda: load_keyring(config), database=database)
        cache, limits = AnswerCache(clock), settings.proxy.limits()
        sessions = WebSessions(
            _session_store(settings, database, clock),
            keys,
            clock,
            ttl=settings.web.session_ttl,
            audience=audience,
        )
        stack.push_async_callback(sessions.aclose)
        upstream = Upstream(outbound, tokens, registry, clock, services=own, cache=cache, limits=limits)
        yield Parts(
            database=database,
            keys=keys,
            trail=trail,
            store=store,
            tokens=tokens,
            upstream=upstream,
            naming=Naming(store, tokens, registry, outbound, clock),
            linking=Linking(
                store, registry, endpoints, outbound=outbound, trail=trail, clock=clock, forget=upstream.forget
            ),
            sessions=sessions,
            states=AuthorizationStates(database, keys, clock, audience=audience),
            outbound=outbound,
        )


def _outbound(settings: ConnectedSettings, pool: PoolConfig) -> Outbound:
    """One pooled client for every provider, kept away from internal addresses that the operator did not name."""
    hosts = own_hosts(settings.connections.provider_configs())
    transport: AsyncBaseTransport = PooledTransport(pool, own=hosts, ca_file=settings.server.ca_file)
    traces = settings.server.tracing_config()
    if traces.endpoint is not None:
        transport = TracedTransport(transport, propagate=traces.upstream)
    return Outbound(
        timeout=settings.proxy.proxy_seconds, max_bytes=settings.proxy.proxy_answer_bytes, transport=transport
    )


def _services(settings: ConnectedSettings, store: TokenStore, trail: Trail) -> TokenStore:
    """Where the services' own credentials are: those that the environment has go before the vault's."""
    token = settings.connections.coda_api_token
    return store if token is None else EnvTokenStore({"CODA_API_TOKEN": token.reveal()}, trail)


async def _check_coda(registry: Registry, services: TokenStore) -> None:
    if registry.configured("coda") and await services.look(service("coda")) is None:
        raise SettingsInvalid(
            "GATELODGE_CODA is on, and there is no CODA_API_TOKEN, no CODA_API_TOKEN_FILE and none in the vault",
            hint=f"Make a token ({PROVIDERS['coda'].secret_from}), set CODA_API_TOKEN, or: gatelodge vault set coda",
        )


def _session_store(settings: ConnectedSettings, database: Database, clock: Clock) -> SessionStore:
    kind, url = settings.web.session_store, settings.web.redis_url
    if kind == "memory":
        return MemorySessions(clock)
    if kind == "redis" and url is not None:
        # Needs the extra `redis`, which other servers do without.
        from gatelodge.connections.redis_sessions import RedisSessions  # noqa: PLC0415

        return RedisSessions(url, clock)
    return DatabaseSessions(database, clock)
