"""The shortest way from the gate to FastMCP's MCP endpoint, and to the schema of the tool that is called.

FastMCP's HTTP application wraps its endpoint in Starlette's error handling, routing and one middleware of its own; the
gate has done what the first two are for. And on each call of the 2026-07-28 era the SDK lists all tools through the
whole middleware chain to learn one tool's schema (for ``Mcp-Param-*`` headers), unless it has a hook to ask; the gate
has resolved that very tool. Invariant: FastMCP sees the same context, and whatever is not exactly the known case takes
FastMCP's own way. Not here: any decision.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, cast

from fastmcp import FastMCP
from fastmcp.server.http import RequestContextMiddleware, StreamableHTTPASGIApp
from fastmcp.server.middleware import Middleware
from fastmcp.server.middleware.dereference import DereferenceRefsMiddleware
from fastmcp.tools.base import Tool
from fastmcp.utilities.json_schema import dereference_refs
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelodge.app.bridge.exchange import with_short_calls
from gatelodge.app.bridge.protocol_errors import with_our_errors

__all__ = ["CALLED", "direct", "offer_schemas"]

# The tool that the gate resolved for this request, when its caller is allowed to run it.
CALLED: ContextVar[Tool | None] = ContextVar("gatelodge_called", default=None)

# What can change a listing; a middleware that has none of them cannot make a schema other than the tool's own.
_LISTING = ("__call__", "on_message", "on_request", "on_list_tools")
# FastMCP's own that look on only.
_OBSERVERS = ("error_handling", "logging", "rate_limiting", "timing")


def direct(app: Starlette, path: str) -> ASGIApp:
    """FastMCP's endpoint without the layers around it; ``app`` itself when it is not built as expected."""
    endpoint = next((r.endpoint for r in app.routes if isinstance(r, Route) and r.path == path), None)
    layers: list[object] = [layer.cls for layer in app.user_middleware]
    if not isinstance(endpoint, StreamableHTTPASGIApp) or layers != [RequestContextMiddleware]:
        return app
    wrap = cast(Callable[..., ASGIApp], RequestContextMiddleware)
    inner = wrap(with_short_calls(endpoint))

    async def enter(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await app(scope, receive, with_our_errors(send))
            return
        # What Starlette leaves for those who read the request, such as url_for in a tool.
        scope.update(app=app, router=app.router, endpoint=endpoint, path_params={})
        await inner(scope, receive, send)

    return enter


def offer_schemas(server: FastMCP[Any], *ours: type[Middleware]) -> None:
    """Answer the SDK's question for a tool's schema, where no middleware can have changed what was listed."""
    if all(_harmless(middleware, ours) for middleware in server.middleware):
        dereferences = any(type(m) is DereferenceRefsMiddleware for m in server.middleware)
        server._mcp_server.get_tool_input_schema = _Schemas(dereferences)


def _harmless(middleware: Middleware, ours: tuple[type[Middleware], ...]) -> bool:
    kind = type(middleware)
    if kind in {*ours, DereferenceRefsMiddleware}:
        return True
    package, _, module = kind.__module__.rpartition(".")
    if package == "fastmcp.server.middleware" and module in _OBSERVERS:
        return True
    return all(getattr(kind, name) is getattr(Middleware, name) for name in _LISTING)


class _Schemas:
    """From a tool's name to its input schema as this caller would see it listed; None for what is not listed."""

    def __init__(self, dereferences: bool) -> None:
        self._dereferences = dereferences
        # By identity; the original is kept beside its copy, so that no other object can have its id.
        self._copies: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    def __call__(self, name: str) -> Mapping[str, Any] | None:
        tool = CALLED.get()
        if tool is None or tool.name != name:
            return None
        schema = tool.parameters
        if not self._dereferences:
            return schema
        if id(schema) not in self._copies:
            if len(self._copies) >= 1000:
                self._copies.clear()
            self._copies[id(schema)] = (schema, dereference_refs(schema) if _refers(schema) else schema)
        return self._copies[id(schema)][1]


def _refers(schema: object) -> bool:
    if isinstance(schema, dict):
        return "$ref" in schema or "$defs" in schema or any(_refers(value) for value in schema.values())
    return isinstance(schema, list) and any(_refers(value) for value in schema)
