"""A server with packs in process, its settings from the environment as a person gives them."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from lifespan import alive
from protected import Served
from starlette.applications import Starlette

from gatelodge import protect
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

ORIGIN = "https://localhost:8443"
URL, ISSUER = f"{ORIGIN}/workspace/mcp", f"{ORIGIN}/realms/mcp"
GITHUB = {"GATELODGE_GITHUB_CLIENT_ID": "client", "GATELODGE_GITHUB_CLIENT_SECRET": "canary-secret"}

Start = Callable[..., Awaitable[Served]]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Sets the variables of such a server, and no other of ours; its folder has no ``.env``."""

    def settle(**more: str) -> None:
        for name in [name for name in os.environ if name.startswith(("GATELODGE_", "CODA_", "POSTGRES_"))]:
            monkeypatch.delenv(name)
        monkeypatch.chdir(tmp_path)
        given = {
            "GATELODGE_PUBLIC_URL": URL,
            "GATELODGE_ISSUER": ISSUER,
            "GATELODGE_STATE_DIR": str(tmp_path / "state"),
            **more,
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)

    return settle


@pytest.fixture
async def start(environment: Callable[..., None]) -> AsyncIterator[Start]:
    """A function that starts a server with packs and gives its client; ``apps`` of it are the applications."""
    async with AsyncExitStack() as stack:

        async def begin(*packs: str, apps: list[Starlette] | None = None, **variables: str) -> Served:
            environment(**variables)
            clock = ManualClock()
            tokens = TokenFactory(ISSUER, URL, clock)
            issuer = FakeIssuer(tokens, scopes=("workspace:read", "workspace:write"))
            mcp: FastMCP[Any] = FastMCP("workspace")
            app = protect(mcp, packs=packs, outbound=issuer.outbound(), clock=clock)
            if apps is not None:
                apps.append(app)
            await stack.enter_async_context(alive(app))
            transport = httpx2.ASGITransport(app=app)
            http = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url=ORIGIN))
            return Served(http, tokens, issuer, clock)

        yield begin
