"""What the desk and every server answer alike: the issuer's document, JSON 404, and access from browsers.

RFC 8414, section 3, and CORS (Fetch, section 3.2). Nothing here depends on who asks; no cookie or token is looked at.
"""

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatelodge.app.answers import problem_answer, unavailable_answer
from gatelodge.core.codes import Code
from gatelodge.issuer.metadata import IssuerMismatch, IssuerUnavailable, MetadataSource, curate

__all__ = ["DOCUMENT", "Endpoint", "issuer_document", "not_found", "shared"]

Endpoint = Callable[[Request], Awaitable[Response]]

DOCUMENT = {"cache-control": "max-age=60"}
# The headers that browser clients add to these requests; how long, in seconds, they may remember that.
_HEADERS = "content-type, mcp-protocol-version"
_PREFLIGHT = {"access-control-max-age": "3600"}


def shared(path: str, methods: list[str], endpoint: Endpoint, *, also: str | None = None) -> Route:
    """A route that any browser origin may use; ``also`` names one more header that it may send."""
    headers = f"{_HEADERS}, {also}" if also else _HEADERS

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            allowed = {"access-control-allow-methods": ", ".join(methods), "access-control-allow-headers": headers}
            response = Response(status_code=204, headers={**allowed, **_PREFLIGHT})
        else:
            response = await endpoint(request)
        response.headers["access-control-allow-origin"] = "*"
        return response

    return Route(path, answer, methods=[*methods, "OPTIONS"])


def issuer_document(
    metadata: MetadataSource, scopes: Callable[[], Iterable[str]], *, client_documents: bool = False
) -> Endpoint:
    """An endpoint that serves the authorization server's metadata, curated for these scopes (RFC 8414)."""

    async def document(_: Request) -> Response:
        try:
            curated = curate(await metadata.raw(), scopes=scopes(), client_documents=client_documents)
            return JSONResponse(curated, headers=DOCUMENT)
        except (IssuerUnavailable, IssuerMismatch) as error:
            return unavailable_answer(error)

    return document


async def not_found(_: Request) -> Response:
    """404 in JSON: some clients take an HTML page for metadata."""
    return problem_answer(Code.NOT_FOUND)
