"""A protected FastMCP server in process, with a fake issuer's tokens and the real checks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastmcp import FastMCP
from protected import ISSUER, PUBLIC_URL, Serve, Served

from gatelodge import protect
from gatelodge.settings import ServerSettings
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """A function that protects a server, starts it and gives the client."""
    async with AsyncExitStack() as stack:

        async def start(mcp: FastMCP[Any], **settings: Any) -> Served:
            clock = ManualClock()
            tokens = TokenFactory(ISSUER, PUBLIC_URL, clock)
            issuer = FakeIssuer(tokens, scopes=("notes:read", "notes:write"))
            values = {"public_url": PUBLIC_URL, "issuer": ISSUER, "state_dir": tmp_path, **settings}
            app = protect(mcp, ServerSettings(**values), outbound=issuer.outbound(), clock=clock)
            await stack.enter_async_context(_running(app))
            http = await stack.enter_async_context(
                httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://localhost:8443")
            )
            return Served(http, tokens, issuer, clock)

        yield start


@asynccontextmanager
async def _running(app: Any) -> AsyncIterator[None]:
    """Start and stop in one task of its own, as a server does: cancel scopes may not change tasks."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.router.lifespan_context(app):
            started.set()
            await stop.wait()

    task = asyncio.create_task(live())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
    yield
    stop.set()
    await task
