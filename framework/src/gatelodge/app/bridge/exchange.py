"""One tool call of the older era, answered as the SDK answers the newer one: JSON, or a stream once there is more to say.

MCP 2025-11-25, transports, "Sending messages to the server": the server chooses between one JSON object and an event
stream. Without sessions the SDK's older way starts a server task, five streams and an event stream for every call, and
takes twice the time; here the same handlers run (``serve_one`` of the SDK) in the request's own task. Progress and log
messages go out as they come. Invariant: what is not exactly a tool call as the SDK would accept it takes the SDK's own
way. Not here: the newer era, and every other method.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from fastmcp.server.http import StreamableHTTPASGIApp
from mcp.server.connection import Connection
from mcp.server.runner import serve_one
from mcp.server.streamable_http import check_accept_headers
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data, progress_token_from_params
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    DEFAULT_NEGOTIATED_VERSION,
    INTERNAL_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    ProgressToken,
    RequestId,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelodge.app.context import OPERATION_KEY
from gatelodge.app.message import Operation

__all__ = ["PING", "with_short_calls"]

logger = logging.getLogger(__name__)

# Seconds of silence after which a client or a proxy might think that nobody is there; the SDK's own in both eras.
PING = 15.0

_STREAM = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
]


def with_short_calls(endpoint: StreamableHTTPASGIApp) -> ASGIApp:
    """FastMCP's endpoint, but for tool calls of the older era."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        called = _call(scope.get(OPERATION_KEY), request)
        manager = endpoint.session_manager
        if called is None or manager is None or not manager.stateless or manager.json_response:
            await endpoint(scope, receive, send)
            return
        context = _Context(_Answer(send), called.id, request, progress_token_from_params(called.params))
        version = request.headers.get("mcp-protocol-version", DEFAULT_NEGOTIATED_VERSION)
        # What the SDK makes for a request without a session in this era.
        connection = Connection.from_envelope(version, None, None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_attend, receive, context.answer, tasks.cancel_scope)
            message: JSONRPCResponse | JSONRPCError
            try:
                result = await serve_one(
                    manager.app,
                    context,
                    called.method,
                    called.params,
                    connection=connection,
                    lifespan_state=manager._lifespan_state,
                )
                message = JSONRPCResponse(jsonrpc="2.0", id=called.id, result=result)
            except Exception as error:  # noqa: BLE001 - the outermost edge of a handler: whatever it is, JSON-RPC answers
                message = JSONRPCError(jsonrpc="2.0", id=called.id, error=_told(error))
            await context.answer.last(message)
            tasks.cancel_scope.cancel()

    return serve


def _call(operation: Operation | None, request: Request) -> JSONRPCRequest | None:
    """The tool call of the older era that this request is; None for anything else, whatever is wrong with it."""
    if operation is None or operation.method != "tools/call" or operation.notification:
        return None
    version = request.headers.get("mcp-protocol-version")
    if version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
        return None
    if check_accept_headers(request) != (True, True) or request.headers.get("content-type") != "application/json":
        return None
    try:
        return JSONRPCRequest.model_validate(operation.message)
    except ValidationError:
        return None


def _told(error: Exception) -> ErrorData:
    known = handler_exception_to_error_data(error)
    if known is not None:
        return known
    logger.error("a handler failed", exc_info=error)
    return ErrorData(code=INTERNAL_ERROR, message="Internal server error")


async def _attend(receive: Receive, answer: "_Answer", scope: anyio.CancelScope) -> None:
    """Cancel the call when its client goes; until then break every long silence."""
    while True:
        with anyio.move_on_after(PING) as silence:
            if (await receive())["type"] == "http.disconnect":
                scope.cancel()
                return
        if silence.cancelled_caught:
            await answer.part(b": ping\r\n\r\n")


@dataclass(slots=True)
class _Answer:
    """One HTTP answer; it becomes an event stream with the first part that is not the last."""

    send: Send
    _streams: bool = False
    # A tool may report from several tasks at once.
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def part(self, event: bytes) -> None:
        """An event or a comment, the start of the stream before the first."""
        async with self._lock:
            if not self._streams:
                self._streams = True
                await self.send({"type": "http.response.start", "status": 200, "headers": _STREAM})
            await self.send({"type": "http.response.body", "body": event, "more_body": True})

    async def last(self, message: JSONRPCResponse | JSONRPCError) -> None:
        """The answer itself."""
        body = _json(message)
        async with self._lock:
            if self._streams:
                body = _event(body)
            else:
                headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
                await self.send({"type": "http.response.start", "status": 200, "headers": headers})
            await self.send({"type": "http.response.body", "body": body})


@dataclass(slots=True)
class _Context:
    """The SDK's ``DispatchContext`` of one call: what a handler sends meanwhile goes into the same answer."""

    answer: _Answer
    request_id: RequestId
    request: Request
    progress_token: ProgressToken | None
    can_send_request: bool = False
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)

    @property
    def transport(self) -> TransportContext:
        """Without a session, an answer of the client's would find nobody: no requests to it."""
        return TransportContext(kind="streamable-http", can_send_request=False)

    @property
    def message_metadata(self) -> ServerMessageMetadata:
        """Where FastMCP finds the HTTP request."""
        return ServerMessageMetadata(request_context=self.request)

    async def send_raw_request(
        self,
        method: str,
        params: Mapping[str, Any] | None,  # noqa: ARG002
        opts: CallOptions | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Raises: NoBackChannelError, always."""
        raise NoBackChannelError(method)

    async def notify(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        opts: CallOptions | None = None,  # noqa: ARG002
    ) -> None:
        """Send a notification to the client."""
        message = JSONRPCNotification(jsonrpc="2.0", method=method, params=None if params is None else dict(params))
        await self.answer.part(_event(_json(message)))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress, if the client asked for it."""
        if self.progress_token is None:
            return
        more = {"total": total, "message": message}
        params = {"progressToken": self.progress_token, "progress": progress}
        await self.notify("notifications/progress", params | {k: v for k, v in more.items() if v is not None})


def _json(message: JSONRPCResponse | JSONRPCError | JSONRPCNotification) -> bytes:
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode()


def _event(message: bytes) -> bytes:
    return b"event: message\r\ndata: " + message + b"\r\n\r\n"
