"""Which requests are tool calls that the SDK would accept as they are, in either era.

Invariant: only the plain case is recognised here, by the SDK's own checks; whatever one of them would refuse is left to
the SDK, which refuses it in its own words. Not here: running the call (``exchange``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server.connection import Connection
from mcp.server.streamable_http import check_accept_headers
from mcp.shared.inbound import (
    MCP_PARAM_HEADER_PREFIX,
    InboundLadderRejection,
    classify_inbound_request,
    find_duplicated_routing_header,
    validate_mcp_param_headers,
)
from mcp_types import DEFAULT_NEGOTIATED_VERSION, JSONRPCRequest
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError
from starlette.requests import Request

from gatelodge.app.context import OPERATION_KEY
from gatelodge.app.message import Operation

__all__ = ["ShortCall", "short_call"]

_PARAM = MCP_PARAM_HEADER_PREFIX.lower()


@dataclass(frozen=True, slots=True)
class ShortCall:
    """A tool call; ``newer``: of the era in which an error has an HTTP status of its own (MCP 2026-07-28)."""

    message: JSONRPCRequest
    connection: Connection
    newer: bool


def short_call(request: Request, server: Any) -> ShortCall | None:
    """The tool call that this request is; None for anything else, whatever is wrong with it. ``server``: the SDK's."""
    operation: Operation | None = request.scope.get(OPERATION_KEY)
    if operation is None or operation.message is None:
        return None
    if operation.method != "tools/call" or operation.notification:
        return None
    if check_accept_headers(request) != (True, True) or request.headers.get("content-type") != "application/json":
        return None
    try:
        message = JSONRPCRequest.model_validate(operation.message)
    except ValidationError:
        return None
    version = request.headers.get("mcp-protocol-version")
    if version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
        connection = _newer(request, message, operation.message, server)
        return None if connection is None else ShortCall(message, connection, newer=True)
    # What the SDK makes for a request without a session in this era.
    connection = Connection.from_envelope(version or DEFAULT_NEGOTIATED_VERSION, None, None)
    return ShortCall(message, connection, newer=False)


def _newer(request: Request, message: JSONRPCRequest, body: Mapping[str, Any], server: Any) -> Connection | None:
    if find_duplicated_routing_header(request.headers.items()) is not None:
        return None
    found = classify_inbound_request(body, headers=dict(request.headers))
    if isinstance(found, InboundLadderRejection) or not _params_agree(request, message.params or {}, server):
        return None
    return Connection.from_envelope(found.protocol_version, found.client_info, found.client_capabilities)


def _params_agree(request: Request, params: Mapping[str, Any], server: Any) -> bool:
    """Whether headers that repeat arguments agree with them; False as well where only a listing could tell."""
    name, arguments = params.get("name"), params.get("arguments") or {}
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        return False
    if not arguments and not any(header.startswith(_PARAM) for header in request.headers):
        return True
    if server.get_tool_input_schema is None:
        return False
    schema = server.get_tool_input_schema(name)
    return schema is None or validate_mcp_param_headers(schema, arguments, request.headers) is None
