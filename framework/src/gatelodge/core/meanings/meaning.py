"""What one error code means on every wire, and the JSON-RPC codes it may have.

JSON-RPC 2.0, section 5.1; MCP 2026-07-28 leaves -32000 to -32019 to implementations, of which the SDK takes the first
two, and gives -32020 and what follows itself.
"""

from dataclasses import dataclass

__all__ = [
    "HEADER_MISMATCH",
    "INTERNAL",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "LIMITED",
    "LINK_REQUIRED",
    "REFUSED",
    "UNAVAILABLE",
    "UPSTREAM",
    "Meaning",
]

INVALID_REQUEST, INVALID_PARAMS, INTERNAL = -32600, -32602, -32603
# Of MCP: headers and body differ (2026-07-28), a URL has to be opened first (2025-11-25).
HEADER_MISMATCH, LINK_REQUIRED = -32020, -32042
# Ours: the caller may not; too often; not now; something behind this server.
REFUSED, LIMITED, UNAVAILABLE, UPSTREAM = -32010, -32011, -32012, -32013


@dataclass(frozen=True, slots=True)
class Meaning:
    """HTTP status, JSON-RPC code, public text, likely cause, next step (``hint``); each text is one a stranger may read."""

    status: int
    rpc: int
    text: str
    cause: str
    hint: str
