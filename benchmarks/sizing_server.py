"""The sample and one more tool, ``hold``, whose answer is an open stream: the sample itself has none that stays open."""

import asyncio
from typing import Any

from fastmcp import Context, FastMCP

from gatelodge import load_settings, protect, requires
from sample.corpus import Corpus
from sample.index import Index
from sample.library import Library
from sample.notes import Notes
from sample.server import create_server
from sample.settings import Settings

__all__ = ["app"]


def _server() -> FastMCP[Any]:
    settings = load_settings(Settings)
    notes = Notes(settings.state_dir / "notes.sqlite3")
    mcp = create_server(Library(Corpus(settings.corpus_dir), notes, Index(settings.language)))

    @mcp.tool
    @requires("deep-research:read")
    async def hold(context: Context) -> str:
        """Report once, then wait until the caller goes away."""
        await context.report_progress(1, 2)
        await asyncio.Event().wait()
        return "never"

    return mcp


app = protect(_server())
