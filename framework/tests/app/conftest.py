"""A protected FastMCP server in process, with a fake issuer's tokens and the real checks."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from lifespan import alive
from protected import ISSUER, PUBLIC_URL, Serve, Served

from gatelodge import protect
from gatelodge.settings.server import ServerSettings
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
            await stack.enter_async_context(alive(app))
            http = await stack.enter_async_context(
                httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://localhost:8443")
            )
            return Served(http, tokens, issuer, clock)

        yield start
