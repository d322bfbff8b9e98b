"""``auth_middleware``: the checks of a protected MCP server, in front of any other ASGI application.

The way of a request: its id and figures; capacity; the metadata documents; Host and Origin; who calls, by
``GATELODGE_AUTH_MODE``; the rule of the endpoint; limits; the audit trail. Invariants: nothing but the documents and
``@public`` endpoints is reached without an accepted caller, an endpoint without a rule included; what is to be recorded and
cannot be does not run; the application finds the caller in ``request.state.principal``, and with a token store the caller's
own linked accounts, and nobody else's, in ``request.state.tokens``.
"""

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelodge.access.decide import Answer, Decision, decide
from gatelodge.app.answers import challenge_answer, error_answer, unavailable_answer
from gatelodge.app.auditing import auditing
from gatelodge.app.context import PRINCIPAL, PRINCIPAL_KEY
from gatelodge.app.cors import with_cors
from gatelodge.app.counting import make_limits
from gatelodge.app.edge import Edge
from gatelodge.app.endpoint_rules import RuleOf, declared_endpoints
from gatelodge.app.gate import ScopeNotGiven
from gatelodge.app.health import HEALTH, Process, health_routes
from gatelodge.app.health_checks import server_health
from gatelodge.app.identities import identities
from gatelodge.app.lifespan import Live
from gatelodge.app.observing import MetricsWitness, Observed
from gatelodge.app.overload import Shedding
from gatelodge.app.route_classes import application_classes
from gatelodge.app.routes import server_routes
from gatelodge.app.spans import name_span, traces
from gatelodge.app.throttling import AtOnce, Throttling, limited_answer
from gatelodge.app.told import identified, told
from gatelodge.app.witness import Throttle
from gatelodge.core.clock import Clock, SystemClock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Outbound
from gatelodge.ratelimit.errors import LimitReached
from gatelodge.resource_server.bearer import CredentialsMalformed
from gatelodge.resource_server.challenge import challenge
from gatelodge.resource_server.errors import TokenRejected
from gatelodge.resource_server.metadata import metadata_paths, protected_resource_metadata
from gatelodge.resource_server.origin import HostRefused, OriginGuard, OriginRefused
from gatelodge.settings.identity import AuthMode
from gatelodge.settings.load import load
from gatelodge.settings.server import ServerSettings
from gatelodge.storage.errors import StorageUnavailable
from gatelodge.vault.config import StoreKind

if TYPE_CHECKING:
    from gatelodge.app.connected.own_tokens import Vault

__all__ = ["AuthMiddleware", "auth_middleware"]

logger = logging.getLogger(__name__)

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def auth_middleware(
    mode: AuthMode | None = None,
    token_store: StoreKind | None = None,
    service_name: str = "server",
    encryption_key: str | Secret | None = None,
    *,
    settings: ServerSettings | None = None,
    rules: RuleOf | None = None,
    outbound: Outbound | None = None,
    clock: Clock | None = None,
) -> Callable[[ASGIApp], ASGIApp]:
    """A function that puts the checks in front of an application: ``app = auth_middleware(...)(app)``.

    What is not given comes from ``GATELODGE_*``: ``mode`` is ``GATELODGE_AUTH_MODE``, ``encryption_key`` the key of the
    vault, which is opened for a ``token_store`` only and needs the extra ``connections``. ``service_name`` is the first
    part of the scopes, ``<service_name>:read`` and ``:write``, that strangers are told of. ``rules`` gives a request's
    rule where the application has no Starlette routes to read ``@requires`` and ``@public`` from.
    Raises: SettingsInvalid.
    """
    asked = {} if mode is None else {"auth_mode": mode}
    # Checked anew with another mode, which makes demands on the other settings.
    given = {} if settings is None else settings.model_dump()
    known = load(ServerSettings, **{**given, **asked}) if settings is None or asked else settings
    time = clock or SystemClock()
    vault = None if token_store is None else _vault(known, service_name, token_store, encryption_key, time)
    limits, traced = known.limits_config(), known.traces_endpoint is not None

    def wrap(app: ASGIApp) -> ASGIApp:
        checked = AuthMiddleware(app, known, service_name, rules=rules, vault=vault, outbound=outbound, clock=time)
        shedding = Shedding(checked, most=limits.requests, line=limits.waiting, clock=time, mcp=False)
        return Observed(Edge(shedding), application_classes(), traced=traced)

    return wrap


def _vault(settings: ServerSettings, service: str, store: StoreKind, key: str | Secret | None, clock: Clock) -> "Vault":
    # Imported here: an application without linked accounts loads no database.
    from gatelodge.app.connected.own_tokens import Vault  # noqa: PLC0415

    return Vault(settings, service, store=store, key=Secret(key) if isinstance(key, str) else key, clock=clock)


class AuthMiddleware:
    """The ASGI application in front."""

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        service: str,
        *,
        rules: RuleOf | None,
        vault: "Vault | None",
        outbound: Outbound | None,
        clock: Clock,
    ) -> None:
        self._vault, self._traces = vault, (settings.traces_endpoint, service)
        self._app = AtOnce(app, settings.limits_config(), clock, mcp=False)
        self._endpoint = declared_endpoints(app, rules)
        self._config = settings.resource_server_config()
        self._scopes = (f"{service}:read", f"{service}:write")
        self._known = identities(settings, clock, outbound)
        self._guard = OriginGuard(
            settings.public_url, settings.allowed_origins, allow_loopback=settings.mode == "development"
        )
        self._checked = with_cors(self._check, settings, _METHODS)
        trusted = settings.trusted_proxies
        self._audit = audit = auditing(settings, clock, has_database=vault is not None, trusted=trusted)
        self._limits = make_limits(clock, settings.redis_url, settings.public_url, audit)
        self._throttle: Throttle = Throttling(settings.limits_config(), self._limits)
        # Which endpoints may write is told by their methods.
        self._witnesses = (MetricsWitness(), *((audit.witness(lambda: False),) if audit else ()))
        if audit is not None:
            self._throttle = audit.over(self._throttle)
        self._health = server_health(clock, self._known, self._limits, audit, vault)
        process = Process(lambda: service, settings.auth_mode, vault.store if vault else "none", clock)
        routes = server_routes(
            public_url=settings.public_url,
            resource_document=lambda: protected_resource_metadata(self._config, scopes=self._scopes, name=service),
            resource_paths=metadata_paths(self._config),
            metadata=self._known.metadata,
            scopes=lambda: self._scopes,
            health=health_routes(self._health, process),
        )
        # The documents and health only: other well-known paths may be the application's, as its own health is.
        own = {getattr(route, "path", None) for route in getattr(app, "routes", ())} & set(HEALTH)
        self._documents = {route.path: route for route in routes if "{" not in route.path and route.path not in own}
        self._live = Live(app, self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on with its caller."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] != "http":
            # No way to say who calls on a WebSocket is checked here.
            await send({"type": "websocket.close", "code": 1008})
        elif (document := self._documents.get(scope["path"])) is not None:
            await document.app(scope, receive, send)
        else:
            try:
                self._guard.check(scope["headers"])
            except (OriginRefused, HostRefused) as error:
                logger.warning("refused: %s", error.detail)
                if self._audit is not None:
                    self._audit.refused(scope, "origin" if isinstance(error, OriginRefused) else "host")
                await error_answer(error, "forbidden")(scope, receive, send)
                return
            await self._checked(scope, receive, send)

    async def _open(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(traces(*self._traces))
        self._known.close_with(stack)
        stack.push_async_callback(self._limits.aclose)
        stack.push_async_callback(self._health.aclose)
        if self._vault is not None:
            await stack.enter_async_context(self._vault.opened())
        if self._audit is not None:
            await stack.enter_async_context(self._audit.running(self._vault.kept if self._vault else None))

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        state: dict[str, Any] = {**scope.get("state", {}), "principal": None}
        principal: Principal | None = None
        try:
            principal = await identified(scope, self._known.identity, self._throttle, self._witnesses)
            if self._vault is not None:
                state["tokens"] = None if principal is None else self._vault.of(principal)
            operation, rule = self._endpoint(scope)
            name_span(operation.target or "")
            decision = decide(rule, principal)
            if decision.answer is Answer.ALLOW and self._audit is not None and not self._audit.recorder.on:
                raise StorageUnavailable(
                    "the audit trail is not open, for the server sends no lifespan events (next step: gatelodge serve, uvicorn)"
                )
            await told(scope, operation, principal, decision, throttle=self._throttle, witnesses=self._witnesses)
            refusal = self._decided(decision, principal)
        except GatelodgeError as error:
            refusal = self._refused(error)
        if refusal is not None:
            if scope["method"] == "HEAD":
                refusal.body = b""
            await refusal(scope, receive, send)
            return
        state["principal"] = principal
        reset = PRINCIPAL.set(principal)
        try:
            await self._app({**scope, PRINCIPAL_KEY: principal, "state": state}, receive, send)
        finally:
            PRINCIPAL.reset(reset)

    def _decided(self, decision: Decision, principal: Principal | None) -> Response | None:
        if decision.answer is Answer.ALLOW:
            return None
        if principal is None:
            code = Code.TOKEN_MISSING
            return self._challenged(401, code, "unauthorized", decision.scopes, told=False)
        logger.info("refused by rule %s", decision.rule)
        if decision.answer is Answer.DENY or not self._config.sign_in:
            return error_answer(ScopeNotGiven(decision.rule), "insufficient_scope")
        return self._challenged(403, Code.SCOPE_MISSING, "insufficient_scope", decision.scopes)

    def _refused(self, error: GatelodgeError) -> Response:
        if isinstance(error, LimitReached):
            return limited_answer(error, mcp=False)
        if isinstance(error, TokenRejected):
            logger.info("token refused: %s", error.reason.value)
            return self._challenged(401, error.code, "invalid_token")
        if isinstance(error, CredentialsMalformed):
            logger.info("credentials refused: %s", error.detail)
            return self._challenged(400, error.code, "invalid_request")
        logger.error("%s: %s", error.code.value, error.detail)
        return unavailable_answer(error)

    def _challenged(
        self, status: int, code: Code, error: str, scopes: tuple[str, ...] = (), *, told: bool = True
    ) -> Response:
        text = code.meaning.text
        header = challenge(
            self._config.resource_metadata_url,
            scopes=(scopes or self._scopes[:1]) if self._config.sign_in else (),
            # Without credentials there is none (RFC 6750, section 3.1).
            error=error if told else None,
            description=text,
        )
        return challenge_answer(status, header, code=code, error=error, description=text)
