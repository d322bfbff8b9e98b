"""Every route of connected accounts, for an application to serve in front of its others.

Invariant: our errors end here as an answer of the route's kind, a page or JSON; other origins read only what a front end
of the exact list asks for with an access token, never with a cookie. Not here: the handlers.
"""

import logging
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gatelodge.connections.accounts import Accounts
from gatelodge.connections.api import Api, answered
from gatelodge.connections.callback import Callback
from gatelodge.connections.parts import Handler, WebParts
from gatelodge.connections.visits import Visits
from gatelodge.connections.web_errors import limit_headers, log_refusal
from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError

__all__ = ["connection_routes"]

_log = logging.getLogger(__name__)
_CORS_AGE = 600


def connection_routes(parts: WebParts, clock: Clock) -> list[Route]:
    """The routes below the server's base path."""
    base, accounts_path = parts.place.base, parts.place.accounts
    visits, api, accounts = Visits(parts), Api(parts), Accounts(parts, clock)
    callback = Callback(parts, visits)
    shared: dict[str, Any] = {"middleware": [_cors(parts)]}

    def page(path: str, handler: Handler, method: str = "GET") -> Route:
        return Route(path, _paged(handler, parts), methods=[method])

    return [
        Route(
            f"{base}/api/auth/{{provider}}/url",
            _served(_counted(api.url, parts), parts),
            methods=["GET", "OPTIONS"],
            **shared,
        ),
        page(f"{base}/api/auth/{{provider}}/callback", _counted(callback.receive, parts)),
        Route(f"{base}/api/connections", _served(api.list, parts), methods=["GET", "OPTIONS"], **shared),
        Route(
            f"{base}/api/connections/{{provider}}", _served(api.unlink, parts), methods=["DELETE", "OPTIONS"], **shared
        ),
        page(accounts_path, accounts.show),
        page(f"{accounts_path}/sign-in", _counted(visits.sign_in, parts)),
        page(f"{accounts_path}/callback", _counted(visits.callback, parts)),
        page(f"{accounts_path}/sign-out", visits.sign_out, "POST"),
        page(f"{accounts_path}/style.css", parts.pages.style),
        page(f"{accounts_path}/{{provider}}/link", _counted(accounts.link, parts), "POST"),
        page(f"{accounts_path}/{{provider}}/unlink", accounts.unlink, "POST"),
        page(f"{accounts_path}/{{provider}}/token", accounts.token, "POST"),
    ]


def _cors(parts: WebParts) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=sorted(parts.allowed_origins),
        allow_methods=["GET", "DELETE"],
        allow_headers=["authorization"],
        expose_headers=["www-authenticate", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"],
        allow_credentials=False,
        max_age=_CORS_AGE,
    )


def _counted(handler: Handler, parts: WebParts) -> Handler:
    async def serve(request: Request) -> Response:
        if parts.limits is not None and request.method != "OPTIONS":
            await parts.limits.asked(request)
        return await handler(request)

    return serve


def _served(handler: Handler, parts: WebParts) -> Handler:
    inner = answered(handler, parts)

    async def serve(request: Request) -> Response:
        # A preflight is answered before this.
        return Response(status_code=204) if request.method == "OPTIONS" else await inner(request)

    return serve


def _paged(handler: Handler, parts: WebParts) -> Handler:
    async def serve(request: Request) -> Response:
        try:
            return await handler(request)
        except GatelodgeError as error:
            log_refusal(_log, request, error)
            meaning = error.code.meaning
            answer = parts.pages.outcome(
                error.status, "That did not work", meaning.text, hint=meaning.hint, code=error.code.value
            )
            answer.headers.update(limit_headers(error))
            return answer

    return serve
