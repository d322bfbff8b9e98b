"""The one request of the benchmarks, ``tools/call add(1, 2)``, as either era of MCP writes it."""

import json
from typing import Any

__all__ = ["ERAS", "request_of"]

ERAS = ("2025-11-25", "2026-07-28")


def request_of(era: str, *, token: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers; every server is sent the same ones, token included."""
    headers = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": era,
        "authorization": f"Bearer {token}",
    }
    params: dict[str, Any] = {"name": "add", "arguments": {"a": 1, "b": 2}}
    if era == ERAS[1]:
        headers |= {"mcp-method": "tools/call", "mcp-name": "add"}
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": era,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(message).encode(), headers
