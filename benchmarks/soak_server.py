"""The server of the soak: a tool that only reads, one that may write, and one that streams."""

import asyncio
from typing import Annotated, Any

from fastmcp import Context, FastMCP
from pydantic import Field
from servers import SCOPE

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

    @mcp.tool(annotations={"readOnlyHint": True})
    @requires(SCOPE)
    async def count(
        events: Annotated[int, Field(ge=1, le=100)], pause: Annotated[float, Field(ge=0, le=1)], context: Context
    ) -> int:
        """Report progress so many times, with a pause in seconds after each."""
        for number in range(events):
            await context.report_progress(number + 1, events, f"event {number + 1}")
            await asyncio.sleep(pause)
        return events

    return mcp


app = protect(_server())
