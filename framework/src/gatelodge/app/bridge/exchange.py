"""One tool call, answered with JSON, or with a stream once there is more to say.

MCP 2025-11-25 and 2026-07-28, transports: the server chooses between one JSON object and an event stream. Without
sessions the SDK's older way starts a server task, five streams and an event stream for every call, and takes twice the
time; its newer way starts two tasks and a stream. Here the same handlers run (``serve_one`` of the SDK) in the request's
own task. Progress and log messages go out as they come. Not here: which calls are run like this (``short_calls``); all
else takes the SDK's own way.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from fastmcp.server.http import StreamableHTTPASGIApp
from mcp.server.runner import modern_error_data, serve_one
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import ErrorData, JSONRPCNotification, ProgressToken, RequestId
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelodge.app.bridge.protocol_errors import in_our_form, with_our_errors
from gatelodge.app.bridge.short_calls import short_call

__all__ = ["PING", "with_short_calls"]

# Seconds of silence after which a client or a proxy might think that nobody is there; the SDK's own in both eras.
PING = 15.0
# Seconds after which a call is looked after: that its client is still there, and hears something.
SOON = 0.02

_STREAM = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
]


def with_short_calls(endpoint: StreamableHTTPASGIApp) -> ASGIApp:
    """FastMCP's endpoint, but for plain tool calls."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        manager = endpoint.session_manager
        called, request = None, Request(scope, receive)
        if manager is not None and manager.stateless and not manager.json_response:
            called = short_call(request, manager.app)
        if manager is None or called is None:
            await endpoint(scope, receive, with_our_errors(send))
            return
        # The gate has read the whole body and gives it again, in one piece; tools may ask their request for it.
        request._body = (await receive())["body"]
        message, answer = called.message, _Answer(send)
        context = _Context(answer, message.id, request, progress_token_from_params(message.params), called.newer)
        with anyio.CancelScope() as cancelled:
            async with _attended(receive, answer, cancelled):
                try:
                    result = await serve_one(
                        manager.app,
                        context,
                        message.method,
                        message.params,
                        connection=called.connection,
                        lifespan_state=manager._lifespan_state,
                    )
                except Exception as error:  # noqa: BLE001 - the outermost edge of a handler: whatever it is, JSON-RPC answers
                    failed = modern_error_data(error)
                    status = ERROR_CODE_HTTP_STATUS.get(failed.code, 200) if called.newer else 200
                    told = in_our_form(_members(failed), answer.status(status))
                    await answer.last({"jsonrpc": "2.0", "id": message.id, "error": told}, status)
                else:
                    await answer.last({"jsonrpc": "2.0", "id": message.id, "result": result})

    return serve


@asynccontextmanager
async def _attended(receive: Receive, answer: "_Answer", call: anyio.CancelScope) -> AsyncIterator[None]:
    """Look after a call that takes longer than most: only then is a second task worth its cost."""
    attendants: list[asyncio.Task[None]] = []

    def begin() -> None:
        attendants.append(asyncio.create_task(_attend(receive, answer, call)))

    timer = asyncio.get_running_loop().call_later(SOON, begin)
    try:
        yield
    finally:
        timer.cancel()
        for attendant in attendants:
            # Nothing is sent or received for this request after its end.
            if not attendant.done():
                attendant.cancel()
                await asyncio.wait([attendant])


async def _attend(receive: Receive, answer: "_Answer", call: anyio.CancelScope) -> None:
    """Cancel the call when its client goes; until then break every long silence."""
    while True:
        with anyio.move_on_after(PING) as silence:
            if (await receive())["type"] == "http.disconnect":
                call.cancel()
                return
        if silence.cancelled_caught:
            await answer.part(b": ping\r\n\r\n")


@dataclass(slots=True)
class _Answer:
    """One HTTP answer; it becomes an event stream with the first part that is not the last."""

    send: Send
    _streams: bool = False
    # A tool may report from several tasks at once.
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def part(self, event: bytes) -> None:
        """An event or a comment, the start of the stream before the first."""
        async with self._lock:
            if not self._streams:
                self._streams = True
                await self.send({"type": "http.response.start", "status": 200, "headers": _STREAM})
            await self.send({"type": "http.response.body", "body": event, "more_body": True})

    def status(self, last: int) -> int:
        """The status that the answer has when ``last`` is that of its last part."""
        return 200 if self._streams else last

    async def last(self, message: Mapping[str, Any], status: int = 200) -> None:
        """The answer itself; ``status`` counts where no stream has begun."""
        body = _json(message)
        async with self._lock:
            if self._streams:
                body = _event(body)
            else:
                headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
                await self.send({"type": "http.response.start", "status": status, "headers": headers})
            await self.send({"type": "http.response.body", "body": body})


@dataclass(slots=True)
class _Context:
    """The SDK's ``DispatchContext`` of one call: what a handler sends meanwhile goes into the same answer."""

    answer: _Answer
    request_id: RequestId
    request: Request
    progress_token: ProgressToken | None
    newer: bool
    can_send_request: bool = False
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)

    @property
    def transport(self) -> TransportContext:
        """Without a session, an answer of the client's would find nobody: no requests to it."""
        headers = self.request.headers if self.newer else None
        return TransportContext(kind="streamable-http", can_send_request=False, headers=headers)

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
        await self.answer.part(_event(_json(message.model_dump(mode="json", by_alias=True, exclude_none=True))))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress, if the client asked for it."""
        if self.progress_token is None:
            return
        more = {"total": total, "message": message}
        params = {"progressToken": self.progress_token, "progress": progress}
        await self.notify("notifications/progress", params | {k: v for k, v in more.items() if v is not None})


def _json(message: Mapping[str, Any]) -> bytes:
    # As ASCII: an id or a text may hold half a surrogate pair, which UTF-8 cannot write.
    return json.dumps(message, separators=(",", ":")).encode()


def _members(error: ErrorData) -> dict[str, Any]:
    return error.model_dump(mode="json", by_alias=True, exclude_none=True)


def _event(message: bytes) -> bytes:
    return b"event: message\r\ndata: " + message + b"\r\n\r\n"
