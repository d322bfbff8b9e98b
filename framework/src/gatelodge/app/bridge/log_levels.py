"""Which log messages each caller wants (``logging/setLevel`` of MCP up to 2025-11-25), kept without sessions.

FastMCP keeps the level by session and, without sessions, one level for everybody: a caller's choice would silence the
messages of all others. Invariant: a caller's choice changes nothing for another one; the store is bounded.
"""

from typing import Any

from mcp_types import LoggingLevel

from gatelodge.app.context import PRINCIPAL

__all__ = ["CallerLogLevels"]

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


def _caller() -> str | None:
    principal = PRINCIPAL.get()
    # The client counts too: two programs of one user choose for themselves.
    return None if principal is None else "\n".join((principal.issuer, principal.subject, principal.client_id or ""))
