"""Refuse requests that a browser was tricked into sending (MCP 2026-07-28, transports: DNS rebinding).

Host must name this server, Origin may be absent or must be allowed. Both are compared whole, with no pattern.
Nothing is read from X-Forwarded-*: what a proxy adds cannot widen this. Not here: CORS answers (``app``).
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import host_of, is_loopback

__all__ = ["HostRefused", "OriginGuard", "OriginRefused"]

_ORIGIN = re.compile(rb"https?://(.+)")
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}


class OriginRefused(GatelodgeError):
    """A browser page of another site sent this request."""

    code = Code.ORIGIN_REFUSED


class HostRefused(GatelodgeError):
    """The request names another host, none or two."""

    code = Code.HOST_REFUSED


class OriginGuard:
    """The allowed Host and Origin values of one server, fixed at start.

    ``allow_loopback``: any loopback host and origin, on any port, for local tools. ``extra_hosts``: more host names,
    on any port, such as those that probes use.
    """

    def __init__(
        self,
        public_url: str,
        allowed_origins: frozenset[str] = frozenset(),
        allow_loopback: bool = False,
        extra_hosts: Iterable[str] = (),
    ) -> None:
        scheme, bare, authorities = _authorities(public_url)
        self._authorities = frozenset(authority.lower().encode() for authority in authorities)
        self._names = frozenset(name.lower() for name in extra_hosts)
        # A browser leaves the default port out of Origin (RFC 6454, section 6.1).
        self._origins = frozenset(origin.encode() for origin in {f"{scheme}://{bare}", *allowed_origins})
        self._allow_loopback = allow_loopback

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Pass or raise, from ASGI's raw headers. Raises: HostRefused (421), OriginRefused (403)."""
        hosts: list[bytes] = []
        origins: list[bytes] = []
        for name, value in headers:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
        if len(hosts) != 1 or not self._host_allowed(hosts[0]):
            raise HostRefused("Host is missing, there twice, or not the public URL's")
        if origins and (len(origins) > 1 or not self._origin_allowed(origins[0])):
            raise OriginRefused("Origin is there twice, or neither the public one nor allowed")

    def _host_allowed(self, authority: bytes) -> bool:
        if authority.lower() in self._authorities:
            return True
        host = host_of(authority)
        return host is not None and (host in self._names or (self._allow_loopback and is_loopback(host)))

    def _origin_allowed(self, origin: bytes) -> bool:
        if origin in self._origins:
            return True
        web = _ORIGIN.fullmatch(origin)
        host = host_of(web[1]) if self._allow_loopback and web is not None else None
        return host is not None and is_loopback(host)


def _authorities(url: str) -> tuple[str, str, set[str]]:
    """Scheme, authority without a default port, and every way to write that authority in Host."""
    parts = urlsplit(url)
    port = _DEFAULT_PORTS.get(parts.scheme, "")
    bare = parts.netloc.removesuffix(port)
    # RFC 9110, section 7.2: a client may write the scheme's default port or leave it out.
    stated = parts.port is not None and bare == parts.netloc
    return parts.scheme, bare, {bare} if stated else {bare, bare + port}
