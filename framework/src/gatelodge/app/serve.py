"""Running an ASGI application under uvicorn with the settings this project stands for.

Bound to loopback unless told otherwise, one pinned HTTP parser, no server header, no access log with query strings,
and no trust in forwarding headers.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.observability.logs import configure_logging

__all__ = ["ApplicationUnusable", "load_application", "run"]

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


def run(application: ASGIApp, *, bind: str, port: int) -> int:
    """Serve until SIGINT or SIGTERM. Returns the process's exit code."""
    configure_logging()
    config = uvicorn.Config(
        application,
        host=bind,
        port=port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 3
