"""Keeps the wire logs of HTTP libraries silent while they carry codes, cookies and tokens.

Invariant: inside the block no record of those libraries is written, whatever level the process logs at.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_wire"]

# httpx and httpx2 log whole URLs, their cores whole answer headers; the SDK logs the traceback of what it then raises.
_WIRE = (
    "httpx",
    "httpx2",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "mcp.client.auth.oauth2",
)


@contextmanager
def quiet_wire() -> Iterator[None]:
    """Drop records of the wire loggers until the block ends. Nests."""
    loggers = [logging.getLogger(name) for name in _WIRE]
    # A filter object per block: an inner block must not end the silence of an outer one.
    block = _Silence()
    for logger in loggers:
        logger.addFilter(block)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(block)


class _Silence(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - every record
        return False
