"""What is known so far about the request at hand, for its log lines, its figures and its span.

Made by ``app/observing`` for the time of one request; whoever learns something adds it. Not here: the request's id.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

__all__ = ["CURRENT", "Current", "current"]


@dataclass(slots=True)
class Current:
    """One request. ``user`` is the digest of (issuer, subject), as in the audit trail.

    ``method`` is the JSON-RPC method, as sent; ``tool`` one that exists and may run.
    While traces are on, ``began`` is a wall time in nanoseconds and ``span`` the request's own, once its parent is known.
    """

    user: str | None = None
    method: str | None = None
    tool: str | None = None
    span: Any = None
    began: int = 0


CURRENT: ContextVar[Current | None] = ContextVar("current_request", default=None)


def current() -> Current | None:
    """The request at hand; None outside of one."""
    return CURRENT.get()
