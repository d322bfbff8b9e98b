"""What the SDK refuses, in the one form of our errors: the code, its next step and the request id in JSON-RPC's ``data``.

JSON-RPC 2.0, section 5.1 leaves ``data`` to the server. Invariant: status, JSON-RPC code, id and message stay the SDK's, and
so do the members of ``data`` that MCP asks for; what a handler let fall is told in constant words. Each is counted once:
by its status where that says that it is an error (``observing``), else here. Not here: results (``tool_errors``).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.types import Message, Send

from gatelodge.core.codes import Code
from gatelodge.core.meanings.meaning import HEADER_MISMATCH, INTERNAL
from gatelodge.core.problem import problem
from gatelodge.observability.metrics import error_answered
from gatelodge.observability.request_id import current_request_id

__all__ = ["in_our_form", "with_our_errors"]

_REFUSED = 400
# What the SDK's older era answers when a handler raises what is no error of MCP: the exception's text.
_LET_FALL = 0
_UNKNOWN = ("Unknown ", "Resource not found")
_CODES = {405: Code.METHOD_NOT_ALLOWED, 413: Code.BODY_TOO_LARGE}
_KNOWN = frozenset(code.value for code in Code)
_ERROR = b'"error":'
_EVENT = re.compile(rb"\Aevent: message\r?\ndata: (.+?)\r?\n\r?\n\Z", re.DOTALL)


def in_our_form(error: Mapping[str, Any], status: int = 200) -> dict[str, Any]:
    """An error of JSON-RPC, its ``data`` with the members of a problem."""
    data, rpc, message = error.get("data"), error["code"], error["message"]
    if not isinstance(data, dict):
        # A bare value repeats what the message says, or what the caller sent.
        data = {}
    if not _is_ours(data):
        if rpc in {_LET_FALL, INTERNAL}:
            rpc, message, data = INTERNAL, "Internal server error", {}
        code = _code(rpc, message, status)
        told = problem(code, current_request_id(), status=status if status >= _REFUSED else None)
        if code is Code.PROTOCOL_REFUSED:
            told["detail"] = message
        data = data | told
    if status < _REFUSED:
        error_answered(data["code"])
    return {"code": rpc, "message": message, "data": data}


def with_our_errors(send: Send) -> Send:
    """A send that puts errors in our form, for answers of one body or of events of one message each."""
    started: Message | None = None
    streams = False

    async def told(message: Message) -> None:
        nonlocal started, streams
        if message["type"] == "http.response.start":
            streams = any(
                name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"]
            )
            if not streams:
                started = message
                return
        elif streams and _ERROR in message.get("body", b""):
            message = {**message, "body": _event(message["body"])}
        elif started is not None:
            start, started = started, None
            body, whole = message.get("body", b""), not message.get("more_body", False)
            if whole and body and (start["status"] >= _REFUSED or _ERROR in body):
                told_body = _answer(body, start["status"])
                if told_body != body:
                    message = {**message, "body": told_body}
                    start = {**start, "headers": _headers(start["headers"], len(told_body))}
            await send(start)
        await send(message)

    return told


def _event(event: bytes) -> bytes:
    found = _EVENT.match(event)
    message = None if found is None else _error_in(found[1])
    if message is None:
        return event
    message["error"] = in_our_form(message["error"])
    return b"event: message\r\ndata: " + _json(message) + b"\r\n\r\n"


def _answer(body: bytes, status: int) -> bytes:
    message = _error_in(body)
    if message is None:
        if status < _REFUSED or body.startswith(b"{"):
            return body
        # The SDK's checks of a request's headers answer with a bare text.
        message = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": body.decode(errors="replace")}}
    message["error"] = in_our_form(message["error"], status)
    return _json(message)


def _error_in(text: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(text)
    except ValueError:
        return None
    error = message.get("error") if isinstance(message, dict) else None
    return message if isinstance(error, dict) and {"code", "message"} <= error.keys() else None


def _headers(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    kept = [header for header in headers if header[0] not in {b"content-length", b"content-type"}]
    return [*kept, (b"content-type", b"application/json"), (b"content-length", b"%d" % length)]


def _json(message: Mapping[str, Any]) -> bytes:
    # As ASCII: an id or a text may hold half a surrogate pair, which UTF-8 cannot write.
    return json.dumps(message, separators=(",", ":")).encode()


def _is_ours(data: Mapping[str, Any]) -> bool:
    code = data.get("code")
    return isinstance(code, str) and code in _KNOWN and "hint" in data


def _code(rpc: int, message: str, status: int) -> Code:
    if rpc == INTERNAL:
        return Code.INTERNAL_ERROR
    if rpc == HEADER_MISMATCH:
        return Code.HEADER_MISMATCH
    if status in _CODES:
        return _CODES[status]
    return Code.NOT_FOUND if message.startswith(_UNKNOWN) else Code.PROTOCOL_REFUSED
