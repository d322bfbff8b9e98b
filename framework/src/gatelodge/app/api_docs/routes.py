"""``/openapi.json`` and ``/docs``: made once, when first asked for, and the same for everyone.

Invariant: the page has no script and loads nothing; its policy names the one style by its digest.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gatelodge.app.api_docs.server import DOCS, OPENAPI
from gatelodge.app.documents import DOCUMENT, shared

__all__ = ["description_routes", "page"]

_LOADER = PackageLoader("gatelodge.app.api_docs")
_PAGES = Environment(loader=_LOADER, autoescape=True, undefined=StrictUndefined, auto_reload=False)
_STYLE = _LOADER.get_source(_PAGES, "style.css")[0]
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
_HEADERS = {
    **DOCUMENT,
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def description_routes(base: str, make: Callable[[], dict[str, Any]]) -> list[Route]:
    """The routes below ``base``; ``make`` gives the document, once the application has all its routes."""

    kept: list[tuple[bytes, str]] = []
    first = asyncio.Lock()

    def made() -> tuple[bytes, str]:
        document = make()
        return json.dumps(document, ensure_ascii=False).encode(), page(document)

    async def once() -> tuple[bytes, str]:
        async with first:
            if not kept:
                # It takes a quarter of a second, in which calls would wait.
                kept.append(await asyncio.to_thread(made))
        return kept[0]

    async def openapi(_: Request) -> Response:
        return Response((await once())[0], headers=DOCUMENT, media_type="application/json")

    async def docs(_: Request) -> Response:
        return HTMLResponse((await once())[1], headers=_HEADERS)

    return [shared(base + OPENAPI, ["GET", "HEAD"], openapi), Route(base + DOCS, docs)]


def page(document: dict[str, Any]) -> str:
    """The document as HTML."""
    tags: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tags.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return _PAGES.get_template("docs.html").render(
        document=document,
        tags=tags,
        style=Markup(_STYLE),  # noqa: S704 - our own file
        dump=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    )
