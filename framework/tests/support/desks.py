"""The desk in process with an account at a realm that has clients, and documents on a shelf."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from administered_realm import SECRET, AdministeredRealm
from registering_realm import INTERNAL, ISSUER
from shelf import Shelf
from starlette.applications import Starlette

from gatelodge.app.desk.create import create_desk
from gatelodge.core.secret import Secret
from gatelodge.settings.desk import DeskSettings
from gatelodge.testing.clock import ManualClock

BASE = "https://localhost:8443"


@dataclass
class Desk:
    """A desk and what surrounds it."""

    app: Starlette
    http: httpx2.AsyncClient
    realm: AdministeredRealm
    shelf: Shelf
    clock: ManualClock


@dataclass
class Desks:
    """Makes desks on one state folder."""

    state: Path

    @asynccontextmanager
    async def running(self, *, realm: AdministeredRealm | None = None, **values: Any) -> AsyncIterator[Desk]:
        """A desk; ``values`` are settings."""
        realm, shelf, clock = realm or AdministeredRealm(), Shelf(), ManualClock()
        given = {
            "issuer": ISSUER,
            "issuer_internal_url": INTERNAL,
            "desk_secret": Secret(SECRET),
            "client_document_hosts": frozenset({"good.example", "chatgpt.com"}),
            "state_dir": self.state,
            **values,
        }
        app = create_desk(DeskSettings(**given), outbound=realm.outbound(), guarded=shelf, clock=clock)
        transport = httpx2.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url=BASE) as http,
        ):
            yield Desk(app, http, realm, shelf, clock)
