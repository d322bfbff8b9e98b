"""Which log messages each caller wants (``logging/setLevel`` of MCP up to 2025-11-25), kept without sessions.

FastMCP keeps the level by session and, without sessions, one level for everybody: a caller's choice would silence the
messages of all others; and a mounted server has a store of its own, which nobody ever writes to. Invariant: a caller's
choice changes nothing for another one; the store is bounded.
"""

from typing import Any

from fastmcp import FastMCP
from fastmcp.server.providers.fastmcp_provider import FastMCPProvider
from fastmcp.server.providers.wrapped_provider import _WrappedProvider
from mcp_types import LoggingLevel

from gatelodge.app.context import PRINCIPAL

__all__ = ["CallerLogLevels", "share"]

# Beyond that, who chose first gets every message again.
CALLERS = 10_000


class CallerLogLevels(dict[str, LoggingLevel]):
    """Stands in for FastMCP's store; whatever key it is asked with, the entry is that of the request's caller."""

    def __setitem__(self, key: str, level: LoggingLevel) -> None:
        """Remember the caller's level; a stranger's is not kept, for all strangers are one."""
        caller = _caller()
        if caller is None:
            return
        self.pop(caller, None)
        super().__setitem__(caller, level)
        if len(self) > CALLERS:
            del self[next(iter(self))]

    def get(self, _key: str, default: Any = None, /) -> Any:
        """The level that the caller chose, else ``default``."""
        caller = _caller()
        return default if caller is None else super().get(caller, default)


def share(levels: CallerLogLevels, server: FastMCP[Any]) -> None:
    """Make ``levels`` the store of a server and of all that are mounted in it now."""
    if server._client_log_levels is levels:
        return
    server._client_log_levels = levels
    for provider in server.providers:
        # Mounted under a name of its own, a server stands inside a wrapper.
        inner = provider
        while isinstance(inner, _WrappedProvider):
            inner = inner._inner
        if isinstance(inner, FastMCPProvider):
            share(levels, inner.server)


def _caller() -> str | None:
    principal = PRINCIPAL.get()
    # The client counts too: two programs of one user choose for themselves.
    return None if principal is None else "\n".join((principal.issuer, principal.subject, principal.client_id or ""))
