"""FastMCP's own spans off, where a process has ours: theirs record the texts of exceptions, and a client id as the user.

Trace context still goes through FastMCP, so that what a tool's author records is part of the caller's trace.
"""

import fastmcp

__all__ = ["without_own_spans"]


def without_own_spans() -> None:
    """For the whole process."""
    fastmcp.settings.telemetry_mode = "propagation_only"
