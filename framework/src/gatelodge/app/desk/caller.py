"""The address a request comes from, for limits.

Invariant: ``X-Forwarded-For`` is believed only as far as trusted proxies wrote it: from the right, up to the first
address that is none of them. What a client wrote itself is further left.
"""

from starlette.requests import Request

__all__ = ["caller"]


def caller(request: Request, trusted: frozenset[str]) -> str:
    """The address of whoever asks; the peer's own where no trusted proxy says more."""
    address = request.client.host if request.client else ""
    named = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    while address in trusted and named:
        before = named.pop().strip()
        if not before:
            break
        address = before
    return address
