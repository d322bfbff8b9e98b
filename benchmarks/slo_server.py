"""The server that `gatelodge slo run` starts beside a stack, for what the sample has no tool for: streams.

`app` is protected; `python slo_server.py PORT` serves the same FastMCP server without any auth, under the same
uvicorn, on loopback, to be compared with.
"""

import asyncio
import sys
from typing import Annotated, Any

from fastmcp import Context, FastMCP
from pydantic import Field

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

    @mcp.tool
    @requires("deep-research:read")
    async def stream(
        events: Annotated[int, Field(ge=1, le=100)], pause: Annotated[float, Field(ge=0, le=1)], context: Context
    ) -> int:
        """Send ``events`` progress notifications, ``pause`` seconds after each."""
        for number in range(events):
            await context.report_progress(number + 1, events, f"event {number + 1}")
            await asyncio.sleep(pause)
        return events

    return mcp


if __name__ == "__main__":
    run(create_server().http_app(path="/mcp", stateless_http=True), bind="127.0.0.1", port=int(sys.argv[1]))
else:
    app = protect(create_server())
