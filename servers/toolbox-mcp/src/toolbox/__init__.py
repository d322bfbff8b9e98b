"""A server whose tools differ by who asks: ``toolbox:app`` is the ASGI app."""

from typing import Any

__all__ = ["PACKS", "app"]

# Of GitHub's pack this one tool and the prompt about it.
PACKS = ("github.get_github_user_info", "github.github_user_summary")


def __getattr__(name: str) -> Any:
    # Lazy, so that importing the package needs no settings.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from toolbox.main import app  # noqa: PLC0415 - see above

    return app
