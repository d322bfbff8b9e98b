"""Jira, Notion, Slack, GitHub and Coda over each user's own linked accounts: ``workspace:app`` is the ASGI app."""

from typing import Any

__all__ = ["PACKS", "app"]

PACKS = ("jira", "notion", "slack", "channels", "github", "coda")


def __getattr__(name: str) -> Any:
    # Lazy, so that importing the package needs no settings.
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from workspace.main import app  # noqa: PLC0415 - see above

    return app
