"""``protect``: an existing FastMCP server becomes an OAuth 2.1 protected resource.

The way of a request: its id and figures, capacity, Host and Origin, then routes; on the MCP endpoint CORS, token, access
decision, limits, FastMCP. Not here: the layers themselves (``observing``, ``overload``, ``front``, ``gate``).
"""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware

from gatelodge.app.api_docs.routes import description_routes
from gatelodge.app.api_docs.served import ServerDescription
from gatelodge.app.auditing import auditing
from gatelodge.app.bridge.sealing import share_sealing
from gatelodge.app.bridge.server import FastMCPBridge
from gatelodge.app.bridge.telemetry import without_own_spans
from gatelodge.app.configuration import log_configuration
from gatelodge.app.cors import with_cors
from gatelodge.app.counting import make_limits
from gatelodge.app.edge import Edge, refused_route
from gatelodge.app.front import Endpoint, Guarded, Rest
from gatelodge.app.gate import Gate
from gatelodge.app.health import Process, health_paths, health_routes
from gatelodge.app.health_checks import server_health
from gatelodge.app.identities import identities
from gatelodge.app.observing import Calls, MetricsWitness, ObservedApplication
from gatelodge.app.overload import Shedding
from gatelodge.app.route_classes import server_classes
from gatelodge.app.routes import server_routes
from gatelodge.app.spans import traces
from gatelodge.app.throttling import AtOnce, RouteLimits, Throttling
from gatelodge.app.witness import Throttle
from gatelodge.core.clock import Clock, SystemClock
from gatelodge.core.urls import path_of
from gatelodge.outbound.client import Outbound
from gatelodge.resource_server.metadata import metadata_paths, protected_resource_metadata
from gatelodge.resource_server.origin import OriginGuard
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.server import ServerSettings

if TYPE_CHECKING:
    from gatelodge.app.connected.service import ConnectedService

__all__ = ["protect"]

logger = logging.getLogger(__name__)

_METHODS = ("GET", "POST", "DELETE", "HEAD")


def protect(
    mcp: Any,
    settings: ServerSettings | None = None,
    *,
    outbound: Outbound | None = None,
    clock: Clock | None = None,
    packs: Iterable[str] = (),
) -> Starlette:
    """The ASGI application of a FastMCP server behind a token check; settings come from ``GATELODGE_*``.

    ``packs`` are tools over users' linked accounts (``github``, ``jira``, …); they need the extra ``connections``.
    Raises: SettingsInvalid at once; ComponentUndeclared at start-up, when a component has no access rule.
    """
    clock = clock or SystemClock()
    connected = _connected(mcp, settings, tuple(packs), clock) if packs else None
    from_environment = settings is None
    settings = settings or (connected.settings.server if connected else load(ServerSettings))
    config = settings.resource_server_config()
    path = path_of(settings.public_url)
    bridge = FastMCPBridge(mcp, path, clock, scopes=connected.scopes if connected else ())
    known = identities(settings, clock, outbound)
    audit = auditing(settings, clock, has_database=connected is not None, trusted=settings.trusted_proxies)
    witnesses = (audit.witness(bridge.decided_reads),) if audit else ()
    traced = settings.traces_endpoint is not None
    if traced:
        without_own_spans()
    limits = make_limits(clock, settings.redis_url, settings.public_url, audit)
    limited = settings.limits_config()
    at_once = AtOnce(Calls(bridge, traced=traced), limited, clock)
    throttling: Throttle = Throttling(limited, limits)
    if audit is not None:
        throttling = audit.over(throttling)
    health = server_health(clock, known, limits, audit, connected)
    process = Process(
        lambda: bridge.name, settings.auth_mode, connected.settings.vault.token_store if connected else "none", clock
    )
    base = path.removesuffix("/mcp")
    gate = Gate(at_once, config, known.identity, bridge, (MetricsWitness(), *witnesses), throttling)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await bridge.declare()
        share_sealing(mcp, settings.state_dir)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(traces(settings.traces_endpoint, bridge.name))
            known.close_with(stack)
            stack.push_async_callback(limits.aclose)
            stack.push_async_callback(health.aclose)
            if connected is not None:
                serving = connected.running(
                    app.router.routes,
                    identity=known.identity,
                    metadata=known.metadata,
                    keys=known.keys,
                    outbound=known.outbound,
                    metadata_url=config.resource_metadata_url,
                    limits=limits,
                    calls=RouteLimits(throttling, at_once),
                    audit=audit,
                )
                await stack.enter_async_context(serving)
            if audit is not None:
                await stack.enter_async_context(audit.running(connected.kept if connected else None))
            await stack.enter_async_context(bridge.lifespan())
            logger.info("serving %s, callers of %s (%s)", settings.public_url, settings.issuer, settings.auth_mode)
            sections = connected.settings.sections if connected else (settings,)
            log_configuration(sections, from_environment=from_environment)
            yield

    routes = server_routes(
        public_url=settings.public_url,
        resource_document=lambda: protected_resource_metadata(config, scopes=bridge.basic_scopes, name=bridge.name),
        resource_paths=metadata_paths(config),
        metadata=known.metadata,
        # Known once the components are declared, at start-up.
        scopes=lambda: bridge.scopes,
        health=health_routes(health, process, base),
    )
    described = ServerDescription.of(config, accounts=connected is not None)
    routes += description_routes(
        base, lambda: described.document(bridge.name, app.router.routes, bridge.author_routes())
    )
    guard = OriginGuard(
        settings.public_url,
        settings.allowed_origins,
        allow_loopback=settings.mode == "development",
    )
    endpoint = Endpoint(path, with_cors(gate, settings, _METHODS), bridge)
    app = ObservedApplication(
        classes=server_classes(path),
        traced=traced,
        routes=[*routes, Rest("/", endpoint)],
        middleware=[
            Middleware(Edge),
            Middleware(Shedding, most=limited.requests, line=limited.waiting, clock=clock, free=health_paths(base)),
            Middleware(
                Guarded,
                guard=guard,
                endpoint=endpoint,
                refused=audit.refused if audit else None,
                free=health_paths(base),
            ),
        ],
        exception_handlers={404: refused_route, 405: refused_route},
        lifespan=lifespan,
    )
    return app


def _connected(mcp: Any, settings: ServerSettings | None, packs: tuple[str, ...], clock: Clock) -> "ConnectedService":
    # Imported here: a server without packs loads no database and no vault.
    try:
        from gatelodge.app.connected.service import ConnectedService  # noqa: PLC0415
        from gatelodge.settings.connected import load_connected  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"packs need {error.name!r}, which is not installed", hint="pip install 'gatelodge[connections]'"
        ) from error
    return ConnectedService(mcp, load_connected(settings), packs, clock)
