"""A protected server with one tool that works for a while and says so: what shows whether a proxy holds answers back."""

import asyncio
from typing import Any

from fastmcp import Context, FastMCP

from gatelodge import protect, requires

mcp: FastMCP[Any] = FastMCP("slow")


@mcp.tool(annotations={"readOnlyHint": True})
@requires("deep-research:read")
async def report(context: Context) -> str:
    """Report, work for a second, answer."""
    await context.report_progress(1, 2, "working")
    await asyncio.sleep(1)
    return "done"


app = protect(mcp)
