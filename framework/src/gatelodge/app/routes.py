"""What a server answers besides MCP: metadata documents, health, and JSON 404 for other well-known paths.

RFC 9728, section 3 (path form and root form of one document) and RFC 8414, section 3 on the server's own origin, for
clients that look there. All of it is readable without a token and from any browser origin.
"""

from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatelodge.app.documents import DOCUMENT, issuer_document, not_found, shared
from gatelodge.core.urls import path_of
from gatelodge.issuer.metadata import MetadataSource

__all__ = ["issuer_paths", "server_routes"]

_READ = ["GET", "HEAD"]
_ANY = [*_READ, "POST", "PUT", "PATCH", "DELETE"]


def server_routes(
    *,
    public_url: str,
    resource_document: Callable[[], dict[str, Any]],
    resource_paths: tuple[str, ...],
    metadata: MetadataSource | None,
    scopes: Callable[[], Iterable[str]],
    health: Iterable[Route],
) -> list[Route]:
    """The routes of one MCP server next to its MCP endpoint.

    ``metadata`` is the authorization server's, None where clients have none to go to.
    """
    path = path_of(public_url)

    async def resource(_: Request) -> Response:
        return JSONResponse(resource_document(), headers=DOCUMENT)

    issuer = not_found if metadata is None else issuer_document(metadata, scopes)
    return [
        *(shared(known, _READ, resource) for known in resource_paths),
        *(shared(known, _READ, issuer) for known in issuer_paths(path)),
        *health,
        *(shared(f"{base}/.well-known{rest}", _ANY, not_found) for base in ("", path) for rest in ("", "/{rest:path}")),
    ]


def issuer_paths(path: str) -> tuple[str, ...]:
    """Where clients look that take the server's own origin, or its URL, for the authorization server.

    MCP authorization, authorization server metadata discovery: of a URL with a path both documents path-inserted, and
    the OpenID one path-appended; of an origin both at the root. The last form is what RFC 8414 replaced, still tried.
    """
    names = ("oauth-authorization-server", "openid-configuration")
    inserted = tuple(f"/.well-known/{name}{suffix}" for name in names for suffix in ("", path))
    return inserted + tuple(f"{path}/.well-known/{name}" for name in names)
