"""Reading one JSON-RPC request body before FastMCP does, to know what it asks for.

Not here: validation of the protocol; FastMCP answers what is wrong with a message.
"""

import json
from dataclasses import dataclass
from typing import Any

from starlette.types import Message, Receive

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["BodyMalformed", "BodyTooLarge", "ClientGone", "Operation", "parse_operation", "read_body", "replay"]

# The limit of the MCP SDK (mcp.server.transport_security), applied before we parse.
MAX_BODY = 4 * 1024 * 1024

_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri", "resources/subscribe": "uri"}


class BodyTooLarge(GatelodgeError):
    """The body exceeds ``MAX_BODY`` bytes."""

    code = Code.BODY_TOO_LARGE


class BodyMalformed(GatelodgeError):
    """The body is no single JSON-RPC object, or says one thing twice."""

    code = Code.BODY_MALFORMED


@dataclass(frozen=True, slots=True)
class Operation:
    """A JSON-RPC method with the name or URI of the component it is about, when it has one."""

    method: str
    target: str | None = None


class ClientGone(Exception):
    """The client went away before its request was whole; there is nobody to answer."""


async def read_body(receive: Receive, limit: int = MAX_BODY) -> bytes:
    """The whole body. Raises: BodyTooLarge, ClientGone."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"request body over {limit} bytes")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives ``body`` once and then whatever the client does next (its disconnect)."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again


def parse_operation(body: bytes) -> Operation | None:
    """The operation a body asks for; None for a response or a body without a method.

    Raises: BodyMalformed.
    """
    try:
        message = json.loads(body, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise BodyMalformed("request body is not usable JSON") from error
    if not isinstance(message, dict):
        raise BodyMalformed("request body is no JSON object")
    method = message.get("method")
    if not isinstance(method, str):
        return None
    params = message.get("params")
    target = params.get(_NAMED[method]) if method in _NAMED and isinstance(params, dict) else None
    return Operation(method, target if isinstance(target, str) else None)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two parsers may keep different ones of two equal names; what we decide on must be what FastMCP runs.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found
