"""Running an ASGI application under uvicorn with the settings this project stands for.

Bound to loopback unless told otherwise, one pinned HTTP parser that gives up on slow clients, no server header, no
access log with query strings, and no trust in forwarding headers.
"""

import gc
import importlib
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from gatelodge.app.slow_clients import Limits, guarded
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.observability.logs import configure_logging

__all__ = ["ApplicationUnusable", "load_application", "run", "server_config"]

# Seconds an open stream may go on after SIGTERM before it is cut.
GRACE = 5


class ApplicationUnusable(GatelodgeError):
    """The named application cannot be imported or is no ASGI application."""

    code = Code.SETTINGS_INVALID


def load_application(name: str) -> ASGIApp:
    """The object that ``module:attribute`` names, looked up from the current folder too.

    Raises: ApplicationUnusable.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ApplicationUnusable(f"{name!r} is not of the form module:attribute (example: sample:app)")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that the application itself lacks is another fault than the application's own absence.
        raise ApplicationUnusable(f"cannot import {error.name!r} for {name!r}; is it installed?") from error
    found: Any = getattr(module, attribute, None)
    if not callable(found):
        raise ApplicationUnusable(f"module {module_name!r} has no ASGI application {attribute!r}")
    application: ASGIApp = found
    return application


def run(application: ASGIApp, *, bind: str, port: int, limits: Limits | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Returns the process's exit code."""
    configure_logging()
    server = _Server(server_config(application, bind=bind, port=port, limits=limits))
    server.run()
    return 0 if server.started else 3


class _Server(uvicorn.Server):
    """Leaves what start-up made out of every later garbage collection."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Modules and schemas stay for good; looking through them again stops all requests for tens of milliseconds.
        gc.collect()
        gc.freeze()


def server_config(application: ASGIApp, *, bind: str, port: int, limits: Limits | None = None) -> uvicorn.Config:
    """uvicorn's configuration as this project serves with it."""
    limits = limits or Limits()
    return uvicorn.Config(
        application,
        host=bind,
        port=port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=guarded(limits),
        ws="none",
        timeout_keep_alive=limits.idle,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE,
    )
