"""Whether a request came straight from this machine, or through something in between (RFC 7239; RFC 9110, 7.6.3).

Behind a proxy or a tunnel on this machine every caller has a loopback address, so the address alone says nothing.
Not here: what follows from it. A relay that passes bytes only, such as ``ssh -R``, leaves no trace in a request.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gatelodge.core.urls import is_loopback

__all__ = ["is_direct"]

# What proxies, tunnels and content networks add to a request that they pass on.
_PREFIXES: tuple[bytes, ...] = (
    *(b"x-forwarded", b"x-original-", b"x-envoy-", b"x-amz", b"x-appengine-", b"x-azure-", b"x-vercel-", b"x-arr-"),
    *(b"cf-", b"fly-", b"fastly-", b"akamai-", b"tailscale-", b"ngrok-", b"x-tunnel-", b"x-nf-"),
)
_NAMES = frozenset(
    {
        b"forwarded",
        b"forwarded-for",
        b"via",
        b"cdn-loop",
        b"true-client-ip",
        b"client-ip",
        b"remote-addr",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-forwarder-for",
        b"x-host",
        b"x-proxyuser-ip",
        b"x-real-ip",
        b"x-remote-addr",
        b"x-remote-ip",
        b"x-request-start",
    }
)


def is_direct(scope: Mapping[str, Any]) -> bool:
    """Whether peer and own address of an ASGI scope are loopback and no header tells of a hop in between."""
    return _loopback(scope.get("client")) and _loopback(scope.get("server")) and not _forwarded(scope["headers"])


def _forwarded(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    # ASGI gives names in lower case; a server that does not must not open this door.
    names = (name.lower() for name, _ in headers)
    return any(name in _NAMES or name.startswith(_PREFIXES) for name in names)


def _loopback(address: object) -> bool:
    # None: a Unix socket or a server that does not say, which is what a proxy's upstream looks like.
    return (
        isinstance(address, list | tuple) and bool(address) and isinstance(address[0], str) and is_loopback(address[0])
    )
