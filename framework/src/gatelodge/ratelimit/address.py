"""The address that a request counts for.

Invariants: ``X-Forwarded-For`` is believed only as far as trusted proxies wrote it: from the right, up to the first
address that is none of them; what a client wrote itself is further left. A whole /64 of IPv6 is one address, for one
subscriber has all of it.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

__all__ = ["caller", "network"]


def caller(scope: Mapping[str, Any], trusted: frozenset[str]) -> str:
    """What counts as the address of whoever asks, from an ASGI scope; the peer where no trusted proxy says more."""
    client = scope.get("client")
    # Where a server listens on IPv6 for both, a proxy's IPv4 address comes in this form.
    address = str(client[0]).lower().removeprefix("::ffff:") if client else ""
    if address not in trusted:
        return network(address)
    named = (
        b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1").split(",")
    )
    while address in trusted and named:
        before = named.pop().strip()
        if not before:
            break
        address = before
    return network(address)


def network(address: str) -> str:
    """What counts as one address; ``unknown`` for what is none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found.packed, 64), strict=False))
    return str(found)
