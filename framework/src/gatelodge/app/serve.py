"""Running an ASGI application under uvicorn with the settings this project stands for.

Bound to loopback unless told otherwise, one pinned HTTP parser that gives up on slow clients, no server header, no
access log with query strings, and no trust in forwarding headers. Invariant: a stop first says so (``/health/ready`` is
503), then serves on for ``Stop.drain`` seconds, and only then takes no connection and lets open answers end.
"""

import asyncio
import gc
import importlib
import importlib.metadata
import logging
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from gatelodge.app.backlog import BACKLOG_KEY, Backlog
from gatelodge.app.health import STOPPING_KEY
from gatelodge.app.slow_clients import Limits, guarded
from gatelodge.core.clock import SystemClock
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.observability.config import ObservabilityConfig
from gatelodge.observability.exposition import Exposition
from gatelodge.observability.logs import configure_logging
from gatelodge.observability.metrics import built

__all__ = ["ApplicationUnusable", "Stop", "load_application", "run", "server_config"]


# One for each connection; a replica runs out of processor or memory long before (docs/guides/sizing.md).
_OPEN_FILES = 65_536
_FEW_FILES = 1024
_NAME_IT = "Name what protect() returned as MODULE:NAME, such as sample:app."

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stop:
    """How a server ends after SIGTERM, in seconds."""

    drain: float = 0
    """How long it still serves while it says that it is not ready: what a load balancer needs to notice."""
    grace: int = 5
    """After that: how long open answers may go on before they are cut."""


class ApplicationUnusable(GatelodgeError):
    """The named application cannot be imported or is no ASGI application."""

    code = Code.SETTINGS_INVALID


def load_application(name: str) -> ASGIApp:
    """The object that ``module:attribute`` names, looked up from the current folder too.

    Raises: ApplicationUnusable.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ApplicationUnusable(f"{name!r} is not of the form module:attribute", hint=_NAME_IT)
    sys.path.insert(0, str(Path.cwd()))
    # Nothing of what is made here is garbage: looking for it takes a sixth of the import's time.
    gc.disable()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that the application itself lacks is another fault than the application's own absence.
        raise ApplicationUnusable(
            f"cannot import {error.name!r} for {name!r}",
            hint=f"Install {error.name} in this environment, or start in the folder that has it.",
        ) from error
    finally:
        gc.enable()
    found: Any = getattr(module, attribute, None)
    if not callable(found):
        raise ApplicationUnusable(f"module {module_name!r} has no ASGI application {attribute!r}", hint=_NAME_IT)
    application: ASGIApp = found
    return application


def run(
    application: ASGIApp,
    *,
    bind: str,
    port: int,
    limits: Limits | None = None,
    stop: Stop | None = None,
    observability: ObservabilityConfig | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM. Returns the process's exit code."""
    seen = observability or ObservabilityConfig()
    configure_logging(seen.logs)
    built(seen.part, importlib.metadata.version("gatelodge"))
    _raise_open_files()
    stop = stop or Stop()
    draining = _Draining(application)
    config = server_config(draining, bind=bind, port=port, limits=limits, grace=stop.grace)
    server = _Server(config, draining, stop.drain, metrics=_metrics_server(seen))
    server.run()
    return 0 if server.started and not server.refused else 3


def _raise_open_files() -> None:
    """Take what the hard limit allows: at its limit a server closes new connections without a word, probes included."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on every platform

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != resource.RLIM_INFINITY and soft < _FEW_FILES:
        logger.warning("at most %d files may be open, one for each connection; next step: raise ulimit -n", soft)


class _Draining:
    """The application, which is told that the process is to stop, so that it is not ready, and who waits to connect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.stopping = False
        self.backlog = Backlog(SystemClock())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[BACKLOG_KEY], scope[STOPPING_KEY] = self.backlog, self.stopping
        await self._app(scope, receive, send)


class _Server(uvicorn.Server):
    """Leaves what start-up made out of every later garbage collection, and drains before it stops."""

    def __init__(
        self, config: uvicorn.Config, application: _Draining, drain: float, *, metrics: uvicorn.Server | None = None
    ) -> None:
        super().__init__(config)
        self._application, self._drain, self._metrics = application, drain, metrics
        self.refused = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers if self.started else ():
            self._application.backlog.watch(listening.fileno() for listening in server.sockets)
        # Modules and schemas stay for good; looking through them again stops all requests for tens of milliseconds.
        gc.collect()
        gc.freeze()
        if self.started and self._metrics is not None:
            try:
                await self._metrics.startup()
            except SystemExit:
                # Its port is taken, which it has said: this server ends in order instead of on the spot.
                self.should_exit = self.refused = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._application.stopping = True
        end = asyncio.get_running_loop().time() + self._drain
        turn = 0
        # A second SIGINT ends the wait.
        while asyncio.get_running_loop().time() < end and not self.force_exit:
            await self.on_tick(turn)
            turn += 1
            await asyncio.sleep(0.1)
        # The kernel would go on taking connections at a socket of which there is another descriptor.
        self._application.backlog.close()
        await super().shutdown(sockets)
        if self._metrics is not None and self._metrics.started:
            # Last: what the end looked like can still be read.
            await self._metrics.shutdown()


def _metrics_server(seen: ObservabilityConfig) -> uvicorn.Server | None:
    """What serves the figures, on the same loop; its signals are the main server's."""
    if not seen.metrics_port:
        return None
    application = Exposition(seen.metrics_bind, seen.metrics_hosts)
    config = server_config(application, bind=seen.metrics_bind, port=seen.metrics_port)
    config.lifespan = "off"
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    return server


def server_config(
    application: ASGIApp, *, bind: str, port: int, limits: Limits | None = None, grace: int = 5
) -> uvicorn.Config:
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
        timeout_graceful_shutdown=grace,
    )
