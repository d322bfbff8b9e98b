"""The server of the soak: a tool that only reads, one that may write, and one that streams."""

from typing import Any

from fastmcp import FastMCP
from servers import SCOPE
from streaming import add_streaming

from gatelodge import protect, requires

__all__ = ["app"]


def _server() -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("soak")

    @mcp.tool(annotations={"readOnlyHint": True})
    @requires(SCOPE)
    async def add(a: int, b: int) -> int:
        """Add two numbers; its audit event is kept in a group."""
        return a + b

    @mcp.tool
    @requires(SCOPE)
    async def keep(text: str) -> int:
        """Says nothing about reading, so its audit event is durable before it runs."""
        return len(text)

    add_streaming(mcp, "count", SCOPE, reads=True)
    return mcp


app = protect(_server())
