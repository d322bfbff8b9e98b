"""Reading one JSON-RPC request body before FastMCP does, to know what it asks for.

Not here: validation of the protocol; FastMCP answers what is wrong with a message.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message, Receive

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.strict_json import no_twins

__all__ = [
    "ENDPOINT",
    "ENDPOINT_READ",
    "BodyMalformed",
    "BodyTooLarge",
    "ClientGone",
    "Operation",
    "about",
    "parse_operation",
    "read_body",
    "replay",
    "version_of",
]

# The limit of the MCP SDK (mcp.server.transport_security), applied before we parse.
MAX_BODY = 4 * 1024 * 1024

# In the place of a JSON-RPC method: an HTTP endpoint that is not MCP's. A message with such a method names no component.
ENDPOINT, ENDPOINT_READ = "endpoint", "endpoint/read"

# Methods about one component, with the parameter that names it.
_NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "resources/subscribe": "uri",
    "resources/unsubscribe": "uri",
}
_REFERENCES = {"ref/prompt": "name", "ref/resource": "uri"}
_KINDS: dict[str | None, str] = {
    "tools/call": "tool",
    "prompts/get": "prompt",
    "resources/read": "resource",
    "resources/subscribe": "resource",
    "resources/unsubscribe": "resource",
    "ref/prompt": "prompt",
    "ref/resource": "template",
    ENDPOINT: "endpoint",
    ENDPOINT_READ: "endpoint",
}
# MCP 2026-07-28, per-request protocol fields: without both FastMCP refuses the request as a whole.
_REVISION = "io.modelcontextprotocol/protocolVersion"
_ENVELOPE = (_REVISION, "io.modelcontextprotocol/clientCapabilities")


class BodyTooLarge(GatelodgeError):
    """The body exceeds ``MAX_BODY`` bytes."""

    code = Code.BODY_TOO_LARGE


class BodyMalformed(GatelodgeError):
    """The body is no single JSON-RPC object, or says one thing twice."""

    code = Code.BODY_MALFORMED


@dataclass(frozen=True, slots=True)
class Operation:
    """A JSON-RPC method with the name or URI of the component it is about, when it has one.

    ``reference`` is the type of a completion's reference. ``request_id`` is None for a notification and for an
    unusable id. ``enveloped``: the per-request fields of MCP 2026-07-28 are there, ``revision`` is the one they name.
    ``version`` is FastMCP's, of a component. ``message`` is the whole body as parsed.
    """

    method: str
    target: str | None = None
    reference: str | None = None
    request_id: str | int | None = None
    notification: bool = False
    enveloped: bool = False
    version: str | None = None
    revision: object = None
    message: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def kind(self) -> str | None:
        """What the target is: ``tool``, ``prompt``, ``resource``, ``endpoint`` or, in a completion, ``template``."""
        return _KINDS.get(self.reference if self.method == "completion/complete" else self.method)


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
        # Of two equal names parsers may keep different ones; what we decide on must be what FastMCP runs.
        message = json.loads(body, object_pairs_hook=no_twins)
    except (ValueError, RecursionError) as error:
        raise BodyMalformed("request body is not usable JSON") from error
    if not isinstance(message, dict):
        raise BodyMalformed("request body is no JSON object")
    method = message.get("method")
    if not isinstance(method, str):
        return None
    found = message.get("params")
    params = found if isinstance(found, dict) else {}
    reference, target = about(method, params)
    request_id, meta = message.get("id"), params.get("_meta")
    return Operation(
        method,
        target if isinstance(target, str) else None,
        reference if isinstance(reference, str) else None,
        request_id if isinstance(request_id, str | int) and not isinstance(request_id, bool) else None,
        "id" not in message and message.get("jsonrpc") == "2.0",
        isinstance(meta, dict) and all(key in meta for key in _ENVELOPE),
        version_of(meta) if isinstance(meta, dict) else None,
        meta.get(_REVISION) if isinstance(meta, dict) else None,
        message,
    )


def about(method: str, params: Mapping[str, Any]) -> tuple[object, object]:
    """The type of the reference, in a completion, and the name or URI of the component; unchecked, as they came."""
    if method in _NAMED:
        return None, params.get(_NAMED[method])
    ref = params.get("ref")
    if method != "completion/complete" or not isinstance(ref, dict):
        return None, None
    kind = ref.get("type")
    return kind, ref.get(_REFERENCES[kind]) if isinstance(kind, str) and kind in _REFERENCES else None


def version_of(meta: Mapping[str, Any] | None) -> str | None:
    """The component version that FastMCP will take; each version of a component has a rule of its own."""
    asked = meta.get("fastmcp") if meta else None
    version = asked.get("version") if isinstance(asked, Mapping) else None
    return version if isinstance(version, str) else None
