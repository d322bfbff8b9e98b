"""A protected server for what the sample has no tool for: streams that wait for the reader, roles, a public tool."""

import asyncio
from typing import Any

from fastmcp import Context, FastMCP

from gatelodge import protect, public, requires

mcp: FastMCP[Any] = FastMCP("probe")
permits = asyncio.Semaphore(0)


@mcp.tool
@requires("deep-research:read")
async def stream(events: int, context: Context) -> int:
    """Send ``events`` progress notifications; each but the first waits until the reader has seen the one before."""
    for number in range(events):
        await context.report_progress(number + 1, events, f"event {number + 1}")
        await permits.acquire()
    return events


@mcp.tool
@requires("deep-research:read")
async def release() -> bool:
    """Let a stream go on by one event."""
    permits.release()
    return True


@mcp.tool
@public
async def add(a: int, b: int) -> int:
    """Add two numbers; open to everyone."""
    return a + b


@mcp.tool
@requires("deep-research:read", roles=["no-such-role"])
async def hidden() -> str:
    """Nobody here has this role."""
    return "hidden"


app = protect(mcp)
