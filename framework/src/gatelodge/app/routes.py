"""What a server answers besides MCP: metadata documents, health, and JSON 404 for other well-known paths.

RFC 9728, section 3 (path form and root form of one document) and RFC 8414, section 3 on the server's own origin, for
clients that look there. All of it is readable without a token and from any browser origin.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatelodge.app.answers import unavailable_answer
from gatelodge.core.urls import path_of
from gatelodge.issuer.keys import KeySource, KeysUnavailable
from gatelodge.issuer.metadata import IssuerMismatch, IssuerUnavailable, MetadataSource, curate

__all__ = ["PUBLIC_HEADERS", "issuer_document", "server_routes"]

# Browser tools read these documents cross-origin; they hold nothing that depends on who asks.
PUBLIC_HEADERS: Mapping[str, str] = {"access-control-allow-origin": "*", "cache-control": "max-age=60"}

_Endpoint = Callable[[Request], Awaitable[Response]]


def server_routes(
    *,
    public_url: str,
    resource_document: Callable[[], dict[str, Any]],
    resource_paths: tuple[str, ...],
    metadata: MetadataSource,
    scopes: Callable[[], Iterable[str]],
    keys: KeySource,
) -> list[Route]:
    """The routes of one MCP server next to its MCP endpoint."""
    path = path_of(public_url)
    issuer_paths = ("/.well-known/oauth-authorization-server", f"/.well-known/oauth-authorization-server{path}")

    async def resource(_: Request) -> Response:
        return JSONResponse(resource_document(), headers=dict(PUBLIC_HEADERS))

    async def ready(_: Request) -> Response:
        try:
            await keys.warm()
        except (KeysUnavailable, IssuerUnavailable, IssuerMismatch) as error:
            return JSONResponse(
                {"status": "not ready", "waiting_for": "authorization server", "reason": error.public}, 503
            )
        return JSONResponse({"status": "ready"})

    return [
        *(_readable(found, resource) for found in resource_paths),
        *(_readable(found, issuer_document(metadata, scopes)) for found in issuer_paths),
        Route("/health/live", _live),
        Route("/health/ready", ready),
        # Some clients take an HTML page with status 200 for metadata; whatever else they try must be JSON.
        Route("/.well-known/{rest:path}", _not_found),
    ]


def issuer_document(metadata: MetadataSource, scopes: Callable[[], Iterable[str]]) -> _Endpoint:
    """An endpoint that serves the authorization server's metadata, curated for these scopes (RFC 8414)."""

    async def document(_: Request) -> Response:
        try:
            return JSONResponse(curate(await metadata.raw(), scopes=scopes()), headers=dict(PUBLIC_HEADERS))
        except (IssuerUnavailable, IssuerMismatch) as error:
            return unavailable_answer(error)

    return document


def _readable(path: str, endpoint: _Endpoint) -> Route:
    async def answer(request: Request) -> Response:
        return _preflight() if request.method == "OPTIONS" else await endpoint(request)

    return Route(path, answer, methods=["GET", "HEAD", "OPTIONS"])


def _preflight() -> Response:
    allowed = {"access-control-allow-methods": "GET, HEAD", "access-control-allow-headers": "*"}
    return Response(status_code=204, headers={**PUBLIC_HEADERS, **allowed})


async def _live(_: Request) -> Response:
    return JSONResponse({"status": "live"})


async def _not_found(_: Request) -> Response:
    return JSONResponse({"error": "not_found"}, 404)
