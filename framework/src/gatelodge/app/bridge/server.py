"""One FastMCP server as the gate sees it: its components' rules, its scopes, and its HTTP application."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken
from fastmcp.server.providers.addressing import parse_hashed_backend_name
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.caching import CacheHint
from mcp.server.lowlevel.server import NotificationOptions
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gatelodge.access.decide import Answer, Decision, decide
from gatelodge.access.requirement import Requirement, requirement_of
from gatelodge.app.bridge.author_errors import AuthorErrors
from gatelodge.app.bridge.endpoint import CALLED, direct, offer_schemas
from gatelodge.app.bridge.log_levels import CallerLogLevels, share
from gatelodge.app.bridge.lookups import HandOn, RecentTools
from gatelodge.app.bridge.middleware import AccessMiddleware
from gatelodge.app.bridge.rules import rule_of
from gatelodge.app.context import PRINCIPAL_KEY
from gatelodge.app.edge import failed_route, refused_route
from gatelodge.app.message import Operation
from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal

__all__ = ["ComponentUndeclared", "FastMCPBridge"]


class ComponentUndeclared(GatelodgeError):
    """A tool, prompt, resource or route has neither ``requires`` nor ``public``."""

    code = Code.TOOL_UNDECLARED


class FastMCPBridge:
    """The catalogue of one FastMCP server, and the ASGI application behind the gate: stateless, endpoint at ``path``."""

    def __init__(self, server: FastMCP[Any], path: str, clock: Clock, *, scopes: Iterable[str] = ()) -> None:
        """``scopes``: of the server, whatever its components need."""
        if server.auth is not None:
            raise ComponentUndeclared(
                f"server {server.name!r} has an auth provider of its own",
                hint="Remove auth=... from FastMCP(...): protect() checks the tokens.",
            )
        self._server = server
        self._mixed = False
        self._scopes = self._own_scopes = frozenset(scopes)
        self._recent = RecentTools(server, clock)
        server.add_middleware(AccessMiddleware(self.decision_anew, HandOn(server)))
        # Host and Origin are checked once, in front of every route of ours.
        self._app = server.http_app(path=path, stateless_http=True, host_origin_protection=False)
        for refused in (404, 405):
            self._app.add_exception_handler(refused, refused_route)
        self._app.add_exception_handler(Exception, failed_route)
        # Without sessions nobody can be told later that a list changed, so the old era's handshake must not promise it.
        server._mcp_server.notification_options = NotificationOptions()
        # The SDK binds what it seals for a caller (requestState) to the user in this context.
        self._path, self._endpoint = path, AuthContextMiddleware(direct(self._app, path))

    @property
    def name(self) -> str:
        """The server's name."""
        return self._server.name

    @property
    def mixed(self) -> bool:
        """Whether some component is public."""
        return self._mixed

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that some component needs or makes use of, sorted."""
        return tuple(sorted(self._scopes))

    @property
    def basic_scopes(self) -> tuple[str, ...]:
        """Scopes of a first sign-in: the reading ones where there are any (least privilege), else all."""
        return tuple(s for s in self.scopes if s.endswith(":read")) or self.scopes

    def lifespan(self) -> AbstractAsyncContextManager[Any]:
        """FastMCP's own start and stop, with the server author's lifespan in it."""
        return self._app.router.lifespan_context(self._app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to FastMCP, with the caller where FastMCP's own dependencies look for it."""
        principal: Principal | None = scope.get(PRINCIPAL_KEY)
        if principal is not None:
            scope["user"] = AuthenticatedUser(_access_token(principal))
        # No tool needs the token itself, and none can pass it on (MCP security: no token passthrough).
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"authorization"]
        await (self._endpoint if scope["path"] == self._path else self._app)(scope, receive, send)

    async def declare(self) -> None:
        """Read the rules of all components. Raises: ComponentUndeclared, naming each one without a rule."""
        if not any(isinstance(each, AuthorErrors) for each in self._server.middleware):
            self._server.middleware.insert(0, AuthorErrors())
        offer_schemas(self._server, AccessMiddleware, AuthorErrors)
        share(CallerLogLevels(), self._server)
        missing: list[str] = []
        rules: list[Requirement] = []
        for kind, components in (
            ("tool", await self._server.list_tools(run_middleware=False)),
            ("prompt", await self._server.list_prompts(run_middleware=False)),
            ("resource", await self._server.list_resources(run_middleware=False)),
            ("resource template", await self._server.list_resource_templates(run_middleware=False)),
        ):
            for component in components:
                rule = await rule_of(component)
                if rule is None:
                    missing.append(f"{kind} {component.name!r}")
                else:
                    rules.append(rule)
        for path, endpoint in self._routes():
            rule = requirement_of(endpoint)
            if rule is None:
                missing.append(f"route {path!r}")
            elif not rule.public:
                raise ComponentUndeclared(
                    f"route {path!r} has @requires, but routes are open to everyone",
                    hint="Mark it @public, or offer what it gives as a tool.",
                )
        if missing:
            raise ComponentUndeclared(f"no access rule on {', '.join(missing)}")
        self._mixed = any(rule.public for rule in rules)
        self._scopes = self._own_scopes.union(*(rule.all_scopes for rule in rules))
        if not all(rule.public and not rule.optional for rule in rules):
            self._keep_private()

    def _keep_private(self) -> None:
        # MCP 2026-07-28, caching: a result that depends on the caller must not be served to another one.
        hints = self._server._mcp_server.cache_hints
        for method, hint in hints.items():
            hints[method] = CacheHint(ttl_ms=hint.ttl_ms, scope="private")

    def author_routes(self) -> list[tuple[str, str]]:
        """Method and path of each route that the server's author added."""
        return [
            (method, route.path)
            for route in self._server._get_additional_http_routes()
            if isinstance(route, Route)
            for method in sorted((route.methods or {"GET"}) - {"HEAD", "OPTIONS"})
        ]

    def _routes(self) -> Iterable[tuple[str, Any]]:
        # FastMCP has no public list of its custom routes.
        for route in self._server._get_additional_http_routes():
            yield getattr(route, "path", "?"), getattr(route, "endpoint", None)

    async def decision(self, operation: Operation, principal: Principal | None) -> Decision | None:
        """The gate's decision on the component an operation names; None when FastMCP knows none of that name.

        Of a tool it may be up to ``lookups.MAX_AGE`` behind a change of the tools that a mounted server or a provider
        offers: what runs is decided anew inside FastMCP.
        """
        if operation.kind != "tool" or operation.target is None:
            return await self.decision_anew(operation, principal)
        recent = self._recent.get(operation.target, operation.version)
        if recent is not None:
            return _decided(*recent, principal)
        component, rule = await self._find_with_rule(operation)
        if isinstance(component, Tool):
            self._recent.put(operation.target, operation.version, component, rule)
        return _decided(component, rule, principal)

    def decided_reads(self) -> bool:
        """Whether the tool of the latest decision in this context says of itself that it changes nothing."""
        tool = CALLED.get()
        annotations = tool.annotations if tool is not None else None
        return annotations is not None and annotations.read_only_hint is True

    async def decision_anew(self, operation: Operation, principal: Principal | None) -> Decision | None:
        """The decision on what FastMCP finds now, in the context of this request."""
        return _decided(*await self._find_with_rule(operation), principal)

    async def _find_with_rule(self, operation: Operation) -> tuple[FastMCPComponent | None, Requirement | None]:
        component = await self._find(operation)
        return component, None if component is None else await rule_of(component)

    async def _find(self, operation: Operation) -> FastMCPComponent | None:
        server, target = self._server, operation.target or ""
        version = None if operation.version is None else VersionSpec(eq=operation.version)
        if operation.kind == "tool":
            tool = await server.get_tool(target, version)
            hashed = None if tool is not None else parse_hashed_backend_name(target)
            # FastMCP runs an app's backend tools by such names too.
            return tool if hashed is None else await server.get_tool_by_hash(*hashed)
        if operation.kind == "prompt":
            return await server.get_prompt(target, version)
        if operation.kind == "template":
            # A completion names the template itself; elsewhere a URI that fits one is meant.
            for template in await server.list_resource_templates(run_middleware=False):
                if template.uri_template == target:
                    return template
        return await server.get_resource(target, version) or await server.get_resource_template(target, version)


def _decided(
    component: FastMCPComponent | None, rule: Requirement | None, principal: Principal | None
) -> Decision | None:
    decision = None if component is None else decide(rule, principal)
    listed = decision is not None and decision.answer is not Answer.DENY
    CALLED.set(component if listed and isinstance(component, Tool) else None)
    return decision


def _access_token(principal: Principal) -> AccessToken:
    return AccessToken(
        token="",
        client_id=principal.client_id or "",
        scopes=sorted(principal.scopes),
        subject=principal.subject,
        expires_at=int(principal.expires_at),
        # The same subject of another issuer is another person.
        claims={"iss": principal.issuer, "sub": principal.subject},
    )
