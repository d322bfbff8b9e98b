"""The server: its name, what it says of itself, and its packs."""

from typing import Any

from fastmcp import FastMCP

from gatelodge import protect
from workspace import PACKS

__all__ = ["app", "mcp"]

mcp: FastMCP[Any] = FastMCP(
    "workspace",
    version="0.1.0",
    instructions="Works with the caller's own accounts. A tool that needs one which is not linked gives a link to do so.",
)
app = protect(mcp, packs=PACKS)
