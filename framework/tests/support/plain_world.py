"""The plain application's surroundings: an issuer whose tokens name it, and a server that it runs under."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from protected import ISSUER
from starlette.types import ASGIApp

from gatelodge import auth_middleware
from gatelodge.app.serve import server_config
from gatelodge.core.clock import Clock, SystemClock
from gatelodge.settings.server import ServerSettings
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

__all__ = ["RESOURCE", "World", "running"]

RESOURCE = "https://notes.example.com/api"
HOST = {"host": "notes.example.com"}


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    """The application under uvicorn on a free port; the client names the public host."""
    server = uvicorn.Server(server_config(app, bind="127.0.0.1", port=0))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the server ended"
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=HOST, trust_env=False, timeout=60
        ) as http:
            yield http
    finally:
        server.should_exit = True
        await task


class World:
    """An issuer, its tokens, and settings that trust it."""

    def __init__(self, folder: Path, clock: Clock | None = None, **more: Any) -> None:
        self.clock = clock or SystemClock()
        self.tokens = TokenFactory(ISSUER, RESOURCE, self.clock)
        self.issuer = FakeIssuer(self.tokens, scopes=("notes:read", "notes:write"))
        given = {"public_url": RESOURCE, "issuer": ISSUER, "state_dir": folder, **more}
        self.settings = ServerSettings(**given)

    def wrapped(self, app: ASGIApp, **more: Any) -> ASGIApp:
        given: dict[str, Any] = {
            "service_name": "notes",
            "settings": self.settings,
            "outbound": self.issuer.outbound(),
            "clock": self.clock,
        }
        return auth_middleware(**{**given, **more})(app)

    def bearer(self, *scopes: str, **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens.token(scope=' '.join(scopes), **claims)}"}
