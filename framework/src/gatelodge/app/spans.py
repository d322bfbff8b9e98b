"""The spans of one request: the server's, continued from who called, and the tool call's in it.

W3C Trace Context; MCP 2026-07-28: ``_meta.traceparent`` goes before the HTTP header, for the header is the hop's and the
member is the caller's. Invariant: the server's span begins when the request came, although an MCP request's parent is
known only once its body was read.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from gatelodge.app.context import OPERATION_KEY
from gatelodge.app.message import Operation
from gatelodge.observability.current import CURRENT, Current
from gatelodge.observability.request_id import current_request_id
from gatelodge.observability.tracing import flush, parent_in, start_tracing, tracer
from gatelodge.observability.traffic import known_method

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["TracedCalls", "end_span", "name_span", "server_span", "traces"]

_FAILED = 500


def server_span(scope: Scope, began: int, *, name: str, meta: Mapping[str, Any] | None = None) -> "Span":
    """The request's span, begun at this wall time (nanoseconds)."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - only where traces are on

    parent = (parent_in(meta) if meta else None) or parent_in(scope["headers"])
    about = {"http.request.method": scope["method"], "gatelodge.request_id": current_request_id() or ""}
    return tracer().start_span(name, context=parent, kind=SpanKind.SERVER, attributes=about, start_time=began)


def name_span(name: str) -> None:
    """Name the current request's span by its endpoint, ``GET /notes/{name}``; nothing without traces."""
    seen = CURRENT.get()
    if seen is not None and seen.span is not None:
        seen.span.update_name(name)


def end_span(span: "Span", seen: Current, route: str, status: int) -> None:
    """What is known at the end, and the end."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - only where traces are on

    span.set_attributes({"http.route": route, "http.response.status_code": status})
    if seen.user is not None:
        span.set_attribute("user.hash", seen.user)
    if status >= _FAILED or not status:
        span.set_status(StatusCode.ERROR)
    span.end()


@asynccontextmanager
async def traces(endpoint: str | None, service: str) -> AsyncIterator[None]:
    """While a process serves: its spans go to ``endpoint``, if there is one. Raises: TracesUnavailable."""
    if endpoint is None:
        yield
        return
    start_tracing(endpoint, service, version("gatelodge"))
    try:
        yield
    finally:
        await asyncio.to_thread(flush)


class TracedCalls:
    """Between the gate and the endpoint: the server's span, now that its parent is known, and the call's in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen, operation = CURRENT.get(), scope.get(OPERATION_KEY)
        if seen is None or not isinstance(operation, Operation):
            await self._app(scope, receive, send)
            return
        with _spans(scope, seen, operation):
            await self._app(scope, receive, send)


@contextmanager
def _spans(scope: Scope, seen: Current, operation: Operation) -> Iterator[None]:
    from opentelemetry import trace  # noqa: PLC0415 - only where traces are on

    params = operation.message.get("params") if operation.message is not None else None
    meta = params.get("_meta") if isinstance(params, Mapping) else None
    meta = meta if isinstance(meta, Mapping) else None
    seen.span = server_span(scope, seen.began, name=f"mcp {known_method(operation.method)}", meta=meta)
    with trace.use_span(seen.span, record_exception=False, set_status_on_exception=False):
        if seen.tool is None:
            yield
            return
        about = {"mcp.method.name": operation.method, "gen_ai.tool.name": seen.tool}
        with tracer().start_as_current_span(
            f"tools/call {seen.tool}", attributes=about, record_exception=False, set_status_on_exception=False
        ):
            yield
