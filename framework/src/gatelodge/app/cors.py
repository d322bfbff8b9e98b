"""Access from browser pages of other origins: which of them, and what they may read (Fetch, section 3.2).

Invariant: no credentials of a browser count across origins; a page sends its own token.
"""

from collections.abc import Callable, Iterable
from typing import cast

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gatelodge.settings.server import ServerSettings

__all__ = ["with_cors"]

_LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


def with_cors(app: ASGIApp, settings: ServerSettings, methods: Iterable[str]) -> ASGIApp:
    """``app`` with answers for pages of the allowed origins."""
    wrap = cast(Callable[..., ASGIApp], CORSMiddleware)
    return wrap(
        app,
        allow_origins=sorted(settings.allowed_origins),
        allow_origin_regex=_LOOPBACK_ORIGIN if settings.mode == "development" else None,
        allow_methods=list(methods),
        allow_headers=["*"],
        expose_headers=["WWW-Authenticate", "Mcp-Session-Id"],
    )
