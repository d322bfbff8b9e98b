"""The sample's server with tools of the tests: who answers, a slow one that reports, one that asks back.

``TRIAL_RELEASE`` is told by ``where``; ``broken`` is a release that never starts to serve.
"""

import asyncio
import os
import socket
import time
from typing import Any

from fastmcp import Context
from fastmcp.tools.base import ToolResult
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from gatelodge import load_settings, protect, requires
from sample.corpus import Corpus
from sample.index import Index
from sample.library import Library
from sample.notes import Notes
from sample.server import create_server
from sample.settings import Settings

RELEASE = os.environ["TRIAL_RELEASE"]
_SCHEMA: dict[str, Any] = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
_running: list[float] = []

while RELEASE == "broken":
    time.sleep(60)

_settings = load_settings(Settings)
_notes = Notes(_settings.state_dir / "notes.sqlite3")
mcp = create_server(Library(Corpus(_settings.corpus_dir, _settings.url_of), _notes, Index(_settings.language)))


def _here() -> dict[str, Any]:
    return {"replica": socket.gethostname(), "release": RELEASE, "running": len(_running)}


@mcp.tool
@requires("deep-research:read")
async def where() -> dict[str, Any]:
    """Which replica of which release answers, and how many slow calls it has at work."""
    return _here()


@mcp.tool
@requires("deep-research:read")
async def slow(seconds: float, context: Context) -> dict[str, Any]:
    """Report four times a second, then answer."""
    _running.append(seconds)
    try:
        steps = max(1, int(seconds * 4))
        for step in range(steps):
            await context.report_progress(step + 1, steps, socket.gethostname())
            await asyncio.sleep(seconds / steps)
        return _here()
    finally:
        _running.remove(seconds)


@mcp.tool
@requires("deep-research:read")
async def ask(context: Context) -> ToolResult | InputRequiredResult:
    """Ask once, with the asking replica's name as the state; answer with both names."""
    answer = (context.input_responses or {}).get("go")
    if not isinstance(answer, ElicitResult):
        form = ElicitRequest(params=ElicitRequestFormParams(message="Go on?", requested_schema=_SCHEMA))
        return InputRequiredResult(input_requests={"go": form}, request_state=socket.gethostname())
    return ToolResult(structured_content={"asked": context.request_state, "answered": socket.gethostname()})


app = protect(mcp)
