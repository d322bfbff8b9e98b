"""The id of the request that is being answered, the same on its log lines, its answer and its audit events.

W3C Trace Context, section 3.2 (``traceparent``). An id that a client sends is taken over only when it is well formed,
so that it can stand in a log line or a header as it is.
"""

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar

from gatelodge.observability.redaction import redact

__all__ = ["HEADER", "REQUEST_ID", "chosen_request_id", "current_request_id", "new_request_id", "trace_id_of"]

HEADER = "X-Request-Id"

# Set for the time of one request by ``app/observing``, nowhere else.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

# No ``$``: it also matches before a line feed at the end.
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._-]{8,64}\Z")
# A later version may carry more after the flags; version ff is forbidden.
_TRACEPARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?\Z")
_NO_TRACE, _NO_SPAN = b"0" * 32, b"0" * 16


def current_request_id() -> str | None:
    """The id of the request at hand; None outside of one."""
    return REQUEST_ID.get()


def new_request_id() -> str:
    """A random id, 32 hex digits (128 bits), in the form of a trace id."""
    return secrets.token_hex(16)


def trace_id_of(traceparent: bytes) -> str | None:
    """The trace id in a ``traceparent`` value; None unless the value is valid."""
    match = _TRACEPARENT.match(traceparent.strip())
    if match is None or match[2] == _NO_TRACE or match[3] == _NO_SPAN:
        return None
    if match[1] == b"00" and match[4]:
        return None
    return match[2].decode()


def chosen_request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id for a request with these ASGI headers (names in lower case).

    A well-formed ``X-Request-Id`` that was sent once; else the trace id of ``traceparent``; else a new one.
    """
    given: bytes | None = None
    trace: bytes | None = None
    several = False
    for name, value in headers:
        if name == b"x-request-id":
            several = given is not None
            given = value
        elif name == b"traceparent":
            trace = value
    if given is not None and not several and _WELL_FORMED.match(given):
        # It stands in log lines as it is, so what looks like a credential is not taken over.
        text = given.decode()
        if redact(text) == text:
            return text
    return (trace_id_of(trace) if trace is not None else None) or new_request_id()
