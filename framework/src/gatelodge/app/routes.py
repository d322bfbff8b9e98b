"""What a server answers besides MCP: metadata documents, health, and JSON 404 for other well-known paths.

RFC 9728, section 3 (path form and root form of one document) and RFC 8414, section 3 on the server's own origin, for
clients that look there. All of it is readable without a token and from any browser origin.
"""

from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatelodge.app.documents import DOCUMENT, health_routes, issuer_document, not_found, shared
from gatelodge.core.urls import path_of
from gatelodge.issuer.keys import KeySource
from gatelodge.issuer.metadata import MetadataSource

__all__ = ["server_routes"]

_READ = ["GET", "HEAD"]


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
    root = "/.well-known/oauth-authorization-server"

    async def resource(_: Request) -> Response:
        return JSONResponse(resource_document(), headers=DOCUMENT)

    return [
        *(shared(path, _READ, resource) for path in resource_paths),
        *(shared(path, _READ, issuer_document(metadata, scopes)) for path in (root, root + path_of(public_url))),
        *health_routes(keys.warm),
        Route("/.well-known/{rest:path}", not_found),
    ]
