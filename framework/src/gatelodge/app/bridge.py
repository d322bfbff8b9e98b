"""The only module that imports FastMCP: finds access rules on its components and filters its lists.

The gate decides before FastMCP; the middleware here decides once more on the component FastMCP itself resolved, so
that no difference between two readings of a request can run what was not allowed.
"""

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import mcp_types
from fastmcp import FastMCP
from fastmcp.exceptions import NotFoundError
from fastmcp.prompts.base import Prompt, PromptResult
from fastmcp.resources.base import Resource, ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.auth import AccessToken
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities.components import FastMCPComponent
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.types import Receive, Scope, Send

from gatelodge.access.decide import Answer, Decision, decide
from gatelodge.access.requirement import Requirement, requirement_of
from gatelodge.app.context import PRINCIPAL, PRINCIPAL_KEY
from gatelodge.app.message import Operation
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal

__all__ = ["ComponentUndeclared", "FastMCPBridge"]

logger = logging.getLogger(__name__)
C = TypeVar("C", bound=FastMCPComponent)


class ComponentUndeclared(GatelodgeError):
    """A tool, prompt, resource or route has neither ``requires`` nor ``public``."""

    code = Code.TOOL_UNDECLARED


class FastMCPBridge:
    """The catalogue of one FastMCP server, and the ASGI application behind the gate: stateless, endpoint at ``path``."""

    def __init__(self, server: FastMCP[Any], path: str) -> None:
        if server.auth is not None:
            raise ComponentUndeclared(
                f"server {server.name!r} has an auth provider of its own",
                hint="Remove auth=... from FastMCP(...): protect() checks the tokens.",
            )
        self._server = server
        self._mixed = False
        self._scopes: frozenset[str] = frozenset()
        server.add_middleware(_AccessMiddleware(self))
        # Host and Origin are checked once, in front of every route of ours.
        self._app = server.http_app(path=path, stateless_http=True, host_origin_protection=False)

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
        """Every scope that some component needs, sorted."""
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
        await self._app(scope, receive, send)

    async def declare(self) -> None:
        """Read the rules of all components. Raises: ComponentUndeclared, naming each one without a rule."""
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
        self._scopes = frozenset[str]().union(*(rule.scopes for rule in rules))

    def _routes(self) -> Iterable[tuple[str, Any]]:
        # FastMCP has no public list of its custom routes.
        for route in self._server._get_additional_http_routes():
            yield getattr(route, "path", "?"), getattr(route, "endpoint", None)

    async def decision(self, operation: Operation, principal: Principal | None) -> Decision | None:
        """The decision on the component an operation names; None when FastMCP knows none of that name."""
        component = await self._find(operation)
        return None if component is None else decide(await rule_of(component), principal)

    async def _find(self, operation: Operation) -> FastMCPComponent | None:
        target = operation.target or ""
        if operation.method == "tools/call":
            return await self._server.get_tool(target)
        if operation.method == "prompts/get":
            return await self._server.get_prompt(target)
        return await self._server.get_resource(target) or await self._server.get_resource_template(target)


async def rule_of(component: FastMCPComponent) -> Requirement | None:
    """The rule on a component's function, looked up through mounted servers."""
    inner = getattr(component, "_server", None)
    if not isinstance(inner, FastMCP):
        return requirement_of(getattr(component, "fn", None))
    # A mounted server's components are wrapped without their functions; the wrapper knows what it wraps.
    child: FastMCPComponent | None
    if isinstance(component, Tool):
        child = await inner.get_tool(_original(component, "name"))
    elif isinstance(component, Prompt):
        child = await inner.get_prompt(_original(component, "name"))
    elif isinstance(component, Resource):
        child = await inner.get_resource(_original(component, "uri"))
    else:
        child = await inner.get_resource_template(_original(component, "uri_template"))
    return None if child is None else await rule_of(child)


def _original(component: FastMCPComponent, what: str) -> str:
    return str(getattr(component, f"_original_{what}"))


def _access_token(principal: Principal) -> AccessToken:
    # Without the token itself: no tool needs it, and none can pass it on (MCP security: no token passthrough).
    return AccessToken(
        token="",
        client_id=principal.client_id or "",
        scopes=sorted(principal.scopes),
        subject=principal.subject,
        expires_at=int(principal.expires_at),
    )


class _AccessMiddleware(Middleware):
    """The same decision as the gate's, for lists and, once more, for calls."""

    def __init__(self, bridge: FastMCPBridge) -> None:
        self._bridge = bridge

    async def _allowed(self, method: str, target: str) -> bool:
        decision = await self._bridge.decision(Operation(method, target), PRINCIPAL.get())
        return decision is None or decision.answer is Answer.ALLOW

    async def _visible(self, components: Sequence[C]) -> list[C]:
        caller = PRINCIPAL.get()
        return [c for c in components if decide(await rule_of(c), caller).answer is not Answer.DENY]

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """Leave out denied tools; say of the others which security schemes they take."""
        return [await _with_schemes(tool) for tool in await self._visible(await call_next(context))]

    async def on_list_prompts(
        self,
        context: MiddlewareContext[mcp_types.ListPromptsRequest],
        call_next: CallNext[mcp_types.ListPromptsRequest, Sequence[Prompt]],
    ) -> Sequence[Prompt]:
        """Leave out denied prompts."""
        return await self._visible(await call_next(context))

    async def on_list_resources(
        self,
        context: MiddlewareContext[mcp_types.ListResourcesRequest],
        call_next: CallNext[mcp_types.ListResourcesRequest, Sequence[Resource]],
    ) -> Sequence[Resource]:
        """Leave out denied resources."""
        return await self._visible(await call_next(context))

    async def on_list_resource_templates(
        self,
        context: MiddlewareContext[mcp_types.ListResourceTemplatesRequest],
        call_next: CallNext[mcp_types.ListResourceTemplatesRequest, Sequence[ResourceTemplate]],
    ) -> Sequence[ResourceTemplate]:
        """Leave out denied resource templates."""
        return await self._visible(await call_next(context))

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run an allowed tool; answer a denied one exactly as FastMCP answers an unknown one."""
        name = context.message.name
        if not await self._allowed("tools/call", name):
            raise NotFoundError(f"Unknown tool: {name!r}")
        return await call_next(context)

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Render an allowed prompt; a denied one is unknown."""
        name = context.message.name
        if not await self._allowed("prompts/get", name):
            raise NotFoundError(f"Unknown prompt: {name!r}")
        return await call_next(context)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Read an allowed resource; a denied one is unknown."""
        uri = str(context.message.uri)
        if not await self._allowed("resources/read", uri):
            raise NotFoundError(f"Unknown resource: {uri!r}")
        return await call_next(context)


async def _with_schemes(tool: Tool) -> Tool:
    """A copy of the tool whose ``_meta.securitySchemes`` says how it is authorised (OpenAI, plugins/build/auth)."""
    rule = await rule_of(tool)
    if rule is None or rule.public:
        schemes: list[dict[str, Any]] = [{"type": "noauth"}]
    else:
        schemes = [{"type": "oauth2", "scopes": sorted(rule.scopes)}]
    return tool.model_copy(update={"meta": {**(tool.meta or {}), "securitySchemes": schemes}})
