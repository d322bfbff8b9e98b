"""``protect``: an existing FastMCP server becomes an OAuth 2.1 protected resource.

The way of a request: Host and Origin, then routes; on the MCP endpoint CORS, token, access decision, FastMCP.
"""

import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge.app.answers import error_answer
from gatelodge.app.bridge.sealing import share_sealing
from gatelodge.app.bridge.server import FastMCPBridge
from gatelodge.app.gate import Gate
from gatelodge.app.routes import server_routes
from gatelodge.core.clock import Clock, SystemClock
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import path_of
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.resource_server.cache import CachedVerifier
from gatelodge.resource_server.jwt import TokenVerifier
from gatelodge.resource_server.metadata import metadata_paths, protected_resource_metadata
from gatelodge.resource_server.origin import HostRefused, OriginGuard, OriginRefused
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.server import ServerSettings

if TYPE_CHECKING:
    from gatelodge.app.connected.service import ConnectedService

__all__ = ["protect"]

logger = logging.getLogger(__name__)

_LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


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
    settings = settings or (connected.settings.server if connected else load(ServerSettings))
    client = outbound or Outbound(ca_file=settings.ca_file)
    config = settings.resource_server_config()
    path = path_of(settings.public_url)
    bridge = FastMCPBridge(mcp, path, clock, scopes=connected.scopes if connected else ())
    issuer = settings.issuer_config()
    # Outlives a restart while an issuer is away.
    state = settings.state_dir / "issuer"
    metadata = MetadataSource(client, issuer, clock, state)
    keys = KeySource(client, issuer, metadata, clock, state)
    trusted = {
        other.issuer: KeySource(client, other, MetadataSource(client, other, clock, state), clock, state)
        for other in settings.trusted_issuer_configs()
    }
    verifier = TokenVerifier(config, keys, clock, trusted=trusted)
    cached = CachedVerifier(verifier, {config.issuer: keys, **trusted}, clock, leeway=config.leeway)
    gate = Gate(bridge, config, cached, bridge)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await bridge.declare()
        share_sealing(mcp, settings.state_dir)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(client.aclose)
            for source in (keys, *trusted.values()):
                stack.push_async_callback(source.aclose)
            if connected is not None:
                serving = connected.running(
                    app.router.routes,
                    verifier=cached,
                    metadata=metadata,
                    keys=keys,
                    outbound=client,
                    metadata_url=config.resource_metadata_url,
                )
                await stack.enter_async_context(serving)
            await stack.enter_async_context(bridge.lifespan())
            logger.info("serving %s, tokens of %s", settings.public_url, settings.issuer)
            yield

    routes = server_routes(
        public_url=settings.public_url,
        resource_document=lambda: protected_resource_metadata(config, scopes=bridge.basic_scopes, name=bridge.name),
        resource_paths=metadata_paths(config),
        metadata=metadata,
        # Known once the components are declared, at start-up.
        scopes=lambda: bridge.scopes,
        keys=keys,
    )
    guard = OriginGuard(
        settings.public_url,
        settings.allowed_origins,
        allow_loopback=settings.mode == "development",
    )
    endpoint = _Endpoint(path, _with_cors(gate, settings), bridge)
    return Starlette(
        routes=[*routes, Mount("/", endpoint)],
        middleware=[Middleware(_Guarded, guard=guard, endpoint=endpoint)],
        lifespan=lifespan,
    )


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


class _Endpoint:
    """Sends both spellings of the MCP path to the gate without a redirect, and other paths to FastMCP's routes."""

    def __init__(self, path: str, gate: ASGIApp, other: ASGIApp) -> None:
        self._path, self._gate, self._other = path, gate, other

    def is_for_mcp(self, scope: Scope) -> bool:
        """Whether a request is for the MCP endpoint."""
        # A route of Starlette's also matches with a line feed at its end: FastMCP's own would pass by the gate.
        return bool(scope["path"].rstrip("/\n") == self._path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.is_for_mcp(scope):
            scope = {**scope, "path": self._path, "raw_path": self._path.encode()}
            await self._gate(scope, receive, send)
        else:
            await self._other(scope, receive, send)


class _Guarded:
    """Host and Origin before anything else (MCP transport 2026-07-28: Origin on all connections)."""

    def __init__(self, app: ASGIApp, guard: OriginGuard, endpoint: _Endpoint) -> None:
        self._app, self._guard, self._endpoint = app, guard, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            send = _in_words(send)
        elif scope["type"] == "http" and not scope["path"].startswith("/health/"):
            # Probes come by address; what health answers is the same for everyone.
            try:
                self._guard.check(scope["headers"])
            except (OriginRefused, HostRefused) as error:
                logger.warning("refused: %s", error.detail)
                await error_answer(error, "forbidden")(scope, receive, send)
                return
            if self._endpoint.is_for_mcp(scope):
                # No route comes before this one: the walk through all of them costs every call.
                await self._endpoint(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _in_words(send: Send) -> Send:
    """A send that gives the reason of a refused start as text; a traceback helps nobody who configures."""

    async def told(message: Message) -> None:
        error = sys.exception()
        if message["type"] == "lifespan.startup.failed" and isinstance(error, GatelodgeError):
            message = {**message, "message": f"{error.detail}\n  next step: {error.hint}"}
        await send(message)

    return told


def _with_cors(app: ASGIApp, settings: ServerSettings) -> ASGIApp:
    wrap = cast(Callable[..., ASGIApp], CORSMiddleware)
    return wrap(
        app,
        allow_origins=sorted(settings.allowed_origins),
        allow_origin_regex=_LOOPBACK_ORIGIN if settings.mode == "development" else None,
        allow_methods=["GET", "POST", "DELETE", "HEAD"],
        allow_headers=["*"],
        expose_headers=["WWW-Authenticate", "Mcp-Session-Id"],
    )
