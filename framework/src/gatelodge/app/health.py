"""``/health``, ``/health/live``, ``/health/ready`` and ``/status``: open to everyone, the same for everyone.

Invariant: an answer has a fixed set of members and tells of no part a name but our own, no address, version or error
text. ``live`` asks nothing; the others ask what ``observability.health`` lets them. Their status codes are what load
balancers go by: only ``ready`` is ever 503.
"""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatelodge.app.answers import problem_answer
from gatelodge.app.health_models import Auth, Live, Part, Ready, Status
from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.observability.health import Health, Told

__all__ = ["HEALTH", "STOPPING_KEY", "Process", "health_paths", "health_routes"]

HEALTH = ("/health", "/health/live", "/health/ready", "/status")
# In a request's scope: whether the server was told to stop. An application with a readiness of its own may look there.
STOPPING_KEY = "gatelodge.stopping"
_KEPT = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Process:
    """What a process says of itself: its name, how callers sign in, and where linked accounts are kept."""

    service: Callable[[], str]
    mode: str
    token_storage: str
    clock: Clock


def health_paths(base: str = "") -> frozenset[str]:
    """The paths; below a server's own path they are public, at the root they are for who runs the process."""
    return frozenset(start + path for start in ("", base) for path in HEALTH)


def health_routes(health: Health, process: Process, base: str = "") -> list[Route]:
    """The routes of ``health_paths``."""

    async def live(_: Request) -> Response:
        return _json(Live(status="live").model_dump())

    async def ready(request: Request) -> Response:
        if request.scope.get(STOPPING_KEY):
            return problem_answer(Code.SERVER_STOPPING)
        told = await health.look()
        parts = {each.check.name: _part(each) for each in told}
        down = next((each for each in told if each.check.needed and not each.up), None)
        if down is None:
            return _json(Ready(status="ready", checks=parts).model_dump())
        more: dict[str, Any] = {"status": 503, "waiting_for": down.check.means}
        more["checks"] = {name: part.model_dump() for name, part in parts.items()}
        return problem_answer(down.code or Code.UPSTREAM_UNREACHABLE, **more)

    async def status(_: Request) -> Response:
        now = datetime.fromtimestamp(process.clock.now(), UTC)
        answer = Status(
            status=health.overall(await health.look()),
            service=process.service(),
            version=importlib.metadata.version("gatelodge"),
            auth=Auth(mode=process.mode, tokenStorage=process.token_storage),
            timestamp=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        )
        return _json(answer.model_dump())

    endpoints = dict(zip(HEALTH, (status, live, ready, status), strict=True))
    return [Route(start + path, answer) for start in dict.fromkeys(("", base)) for path, answer in endpoints.items()]


def _part(told: Told) -> Part:
    if told.up is None:
        return Part(status="unknown")
    if not told.up:
        return Part(status="down" if told.check.needed else "degraded")
    age, latency = told.age or 0.0, told.latency or 0.0
    return Part(status="up", age_seconds=round(age), latency_ms=round(latency * 1000))


def _json(body: dict[str, Any]) -> Response:
    return JSONResponse(body, headers=_KEPT)
