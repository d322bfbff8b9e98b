"""The outermost layer of every application: a request's id, its figures, its one line in the log, its span.

Invariants: every answer carries ``X-Request-Id``, refusals and failures too; a line has no query string, and of a path
what a stranger sent is bounded and clean; what is done for a chunk of an answer is one addition. Pure ASGI.

Not here: what a figure is called (``observability``), classes of routes (``route_classes``), spans' contents (``spans``).
"""

import logging
import re
from contextlib import nullcontext
from functools import lru_cache
from time import perf_counter, time_ns
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatelodge.access.decide import Decision
from gatelodge.app.context import OPERATION_KEY
from gatelodge.app.message import Operation
from gatelodge.app.route_classes import MCP, PROBES, RouteClasses
from gatelodge.app.spans import TracedCalls, end_span, server_span
from gatelodge.audit.actor import of_service, of_user
from gatelodge.core.codes import Code
from gatelodge.core.identity import Principal
from gatelodge.observability.current import CURRENT, Current
from gatelodge.observability.logs import CLEAN
from gatelodge.observability.metrics import access_decided, error_answered, token_verdict
from gatelodge.observability.redaction import redact
from gatelodge.observability.request_id import REQUEST_ID, chosen_request_id
from gatelodge.observability.traffic import (
    known_method,
    mcp_request,
    route_figures,
    stream_began,
    stream_ended,
    tool_call,
)

__all__ = ["Calls", "MetricsWitness", "Observed", "ObservedApplication"]

_log = logging.getLogger("gatelodge.access")
_LONGEST_PATH = 200
_ID = b"x-request-id"
_REFUSED = 400
# Every error of ours has its code in its body, whatever the form of that.
_CODE = re.compile(rb'(?:"code": ?"|<code>)([a-z_]{3,40})["<]')
_CODES = frozenset(code.value for code in Code)


class ObservedApplication(Starlette):
    """Starlette with ``Observed`` outside of everything, its own answer to a failure included."""

    def __init__(self, *args: Any, classes: RouteClasses, traced: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        self._classes, self._traced = classes, traced

    def build_middleware_stack(self) -> ASGIApp:
        """As Starlette builds it, observed."""
        return Observed(super().build_middleware_stack(), self._classes, traced=self._traced)


class Observed:
    """``app`` observed; ``traced``: with spans."""

    def __init__(self, app: ASGIApp, classes: RouteClasses, *, traced: bool = False) -> None:
        self._app, self._classes, self._traced = app, classes, traced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        request_id, seen = chosen_request_id(scope["headers"]), Current()
        route = self._classes.of(scope["path"])
        figures = route_figures(route)
        answer = _Answer(send, request_id.encode(), began)
        id_before, seen_before = REQUEST_ID.set(request_id), CURRENT.set(seen)
        figures.began()
        try:
            if self._traced:
                await self._with_span(scope, receive, answer, seen, route)
            else:
                await self._app(scope, receive, answer)
        finally:
            ended = perf_counter()
            figures.ended()
            if answer.streams:
                stream_ended()
            figures.done(scope["method"], answer.status)
            figures.took(ended - began)
            if answer.status:
                figures.first(answer.first - began)
            if answer.code is not None:
                error_answered(answer.code)
            if seen.method is not None:
                mcp_request(seen.method, answer.status)
                if seen.tool is not None:
                    tool_call(seen.tool, ended - began)
            level = logging.DEBUG if route == PROBES else logging.INFO
            if _log.isEnabledFor(level):
                _tell(level, scope, route, seen, answer, ended=ended)
        # After a failure both stay, for the server's own line on it; each request has a context of its own.
        REQUEST_ID.reset(id_before)
        CURRENT.reset(seen_before)

    async def _with_span(self, scope: Scope, receive: Receive, answer: "_Answer", seen: Current, route: str) -> None:
        from opentelemetry import trace  # noqa: PLC0415 - only where traces are on

        seen.began = time_ns()
        held: Any = nullcontext()
        if route != MCP:
            seen.span = server_span(scope, seen.began, name=route)
            held = trace.use_span(seen.span, record_exception=False, set_status_on_exception=False)
        try:
            with held:
                await self._app(scope, receive, answer)
        finally:
            # Refused before its parent was known.
            span = seen.span or server_span(scope, seen.began, name=route)
            end_span(span, seen, route, answer.status)


class _Answer:
    """A send that adds the id and keeps what the line and the figures need; ``status`` 0: nothing was sent."""

    __slots__ = ("_began", "_id", "_send", "code", "first", "size", "status", "streams")

    def __init__(self, send: Send, request_id: bytes, began: float) -> None:
        self._send, self._id = send, request_id
        self._began = self.first = began
        self.status, self.size, self.streams = 0, 0, False
        self.code: str | None = None

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            body = message.get("body", b"")
            if self.status >= _REFUSED and not self.size:
                self.code = _code_in(body)
            self.size += len(body)
        elif kind == "http.response.start":
            self.first, self.status = perf_counter(), message["status"]
            headers = [header for header in message.get("headers", ()) if header[0] != _ID]
            for name, value in headers:
                if name == b"content-type" and value.startswith(b"text/event-stream"):
                    self.streams = True
                    stream_began()
            headers.append((_ID, self._id))
            message = {**message, "headers": headers}
        await self._send(message)

    @property
    def took_first(self) -> float:
        """Seconds to the first byte."""
        return self.first - self._began

    def took(self, ended: float) -> float:
        """Seconds to the end."""
        return ended - self._began


def _tell(level: int, scope: Scope, route: str, seen: Current, answer: _Answer, *, ended: float) -> None:
    """The line. Every field is ours, a number, or clean: it is not looked through once more."""
    # Of the endpoint the path is a setting, and of a method only the known ones reach an application.
    path = scope["path"] if route == MCP else redact(scope["path"][:_LONGEST_PATH])
    method = scope["method"][:10]
    fields: dict[str, Any] = {
        "method": method,
        "route": route,
        "path": path,
        "status": answer.status,
        "ms": round(answer.took(ended) * 1000, 2),
        "first_byte_ms": round(answer.took_first * 1000, 2) if answer.status else None,
        "bytes": answer.size,
    }
    if answer.code is not None:
        fields["code"] = answer.code
    if seen.method is not None:
        known = known_method(seen.method) == seen.method
        fields["mcp"] = seen.method if known else redact(seen.method[:_LONGEST_PATH])
        if seen.tool is not None:
            fields["tool"] = seen.tool
    record = logging.LogRecord(_log.name, level, "", 0, "request", (), None)
    record.__dict__[CLEAN] = fields
    # Without the walk up the stack that ``info`` does.
    _log.handle(record)


def _code_in(body: bytes) -> str | None:
    found = _CODE.search(body)
    code = found[1].decode() if found is not None else None
    return code if code in _CODES else None


class MetricsWitness:
    """Counts verdicts and decisions, and tells the request's line who asks."""

    def token(self, scope: Scope, verdict: str, principal: Principal | None) -> None:  # noqa: ARG002 - a witness's form
        """The token check ended."""
        token_verdict(verdict)
        seen = CURRENT.get()
        if principal is not None and seen is not None:
            seen.user = _actor(principal.issuer, principal.subject, principal.client_id if principal.service else None)

    async def decided(
        self,
        scope: Scope,  # noqa: ARG002 - a witness's form
        operation: Operation,
        principal: Principal | None,  # noqa: ARG002 - a witness's form
        decision: Decision | None,
    ) -> None:
        """The decision on a component."""
        # Of an endpoint that is not MCP's there is no JSON-RPC method to tell.
        seen = CURRENT.get() if operation.kind != "endpoint" else None
        if seen is not None:
            seen.method = operation.method
        if decision is None:
            access_decided("unknown", "none")
            return
        answer = decision.answer.value
        access_decided(answer, decision.rule)
        if seen is not None and answer == "allow" and operation.method == "tools/call":
            seen.tool = operation.target


class Calls:
    """Between the gate and the endpoint: which JSON-RPC method it is, also of those that no decision is about."""

    def __init__(self, app: ASGIApp, *, traced: bool = False) -> None:
        self._app = TracedCalls(app) if traced else app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        seen, operation = CURRENT.get(), scope.get(OPERATION_KEY)
        if seen is not None and operation is not None:
            seen.method = operation.method
        await self._app(scope, receive, send)


@lru_cache(maxsize=4096)
def _actor(issuer: str, subject: str, service: str | None) -> str:
    return of_user(issuer, subject) if service is None else of_service(service)
