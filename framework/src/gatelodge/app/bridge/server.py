"""One FastMCP server as the gate sees it: its components' rules, its scopes, and its HTTP application."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken
from fastmcp.utilities.components import FastMCPComponent
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.types import Receive, Scope, Send

from gatelodge.access.decide import Decision, decide
from gatelodge.access.requirement import Requirement, requirement_of
from gatelodge.app.bridge.middleware import AccessMiddleware
from gatelodge.app.bridge.rules import rule_of
from gatelodge.app.context import PRINCIPAL_KEY
from gatelodge.app.message import Operation
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.identity import Principal

__all__ = ["ComponentUndeclared", "FastMCPBridge"]


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
        server.add_middleware(AccessMiddleware(self.decision))
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


def _access_token(principal: Principal) -> AccessToken:
    # Without the token itself: no tool needs it, and none can pass it on (MCP security: no token passthrough).
    return AccessToken(
        token="",
        client_id=principal.client_id or "",
        scopes=sorted(principal.scopes),
        subject=principal.subject,
        expires_at=int(principal.expires_at),
    )
