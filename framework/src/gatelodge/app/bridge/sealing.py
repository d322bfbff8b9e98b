"""The key that seals ``requestState``, kept in the state folder: replicas that share the folder open each other's.

MCP 2026-07-28, multi round-trip requests: the state that a client brings back is sealed, bound to its user, its request
and ten minutes; the SDK does that. Invariant: the key is made once, mode 0600, and every process of one server has the
same. Not here: the sealing itself.
"""

import logging
from pathlib import Path
from typing import Any

from fastmcp import FastMCP
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity

from gatelodge.core.secret import read_or_create

__all__ = ["KEY_FILE", "share_sealing"]

logger = logging.getLogger(__name__)

KEY_FILE = "request-state.key"
# 43 characters of 6 bits: 32 bytes of randomness.
_LENGTH = 43


def share_sealing(server: FastMCP[Any], folder: Path) -> None:
    """Seal with the key in ``folder``, unless the author chose a policy; without a usable folder a start keeps its own."""
    if server._request_state_security is not None:
        return
    path = folder / KEY_FILE
    try:
        key = read_or_create(path, _LENGTH).reveal()
        security = RequestStateSecurity(keys=[key])
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be used (%s): a call of several rounds ends with this process", path, error)
        return
    chain = server._mcp_server.middleware
    for position, each in enumerate(chain):
        if isinstance(each, RequestStateBoundary):
            chain[position] = RequestStateBoundary(security, default_audience=server._mcp_server.name)
