"""The tool that streams: progress notifications with a pause after each, for the servers that measure streams."""

import asyncio
from typing import Annotated, Any

from fastmcp import Context, FastMCP
from pydantic import Field

from gatelodge import requires

__all__ = ["add_streaming"]


def add_streaming(mcp: FastMCP[Any], name: str, scope: str, *, reads: bool = False) -> None:
    """Give a server the tool, under this name and for those who have ``scope``; ``reads``: it is said to change nothing."""

    @mcp.tool(name=name, annotations={"readOnlyHint": True} if reads else None)
    @requires(scope)
    async def stream(
        events: Annotated[int, Field(ge=1, le=100)], pause: Annotated[float, Field(ge=0, le=1)], context: Context
    ) -> int:
        """Send ``events`` progress notifications, ``pause`` seconds after each."""
        for number in range(events):
            await context.report_progress(number + 1, events, f"event {number + 1}")
            await asyncio.sleep(pause)
        return events
