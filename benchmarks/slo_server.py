"""The server that `gatelodge slo run` starts beside a stack, for what the sample has no tool for: streams.

`app` is protected; `python slo_server.py PORT` serves the same FastMCP server without any auth, under the same
uvicorn, on loopback, to be compared with.
"""

import sys
from typing import Any

from fastmcp import FastMCP
from streaming import add_streaming

from gatelodge import protect, requires
from gatelodge.app.serve import run

__all__ = ["create_server"]


def create_server() -> FastMCP[Any]:
    """Two tools: a small one, and one that streams."""
    mcp: FastMCP[Any] = FastMCP("slo")

    @mcp.tool
    @requires("deep-research:read")
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    add_streaming(mcp, "stream", "deep-research:read")
    return mcp


if __name__ == "__main__":
    run(create_server().http_app(path="/mcp", stateless_http=True), bind="127.0.0.1", port=int(sys.argv[1]))
else:
    app = protect(create_server())
