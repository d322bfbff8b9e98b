"""A deep-research MCP server behind OAuth 2.1: ``sample:app`` is the ASGI app.

Made to be copied. Start reading in ``server.py``; ``main.py`` puts the parts together.
"""

from typing import Any

__all__ = ["app"]


def __getattr__(name: str) -> Any:
    # Lazy, so that importing one module of the package (in a test, say) needs no settings.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sample.main import app  # noqa: PLC0415 - see above

    return app
