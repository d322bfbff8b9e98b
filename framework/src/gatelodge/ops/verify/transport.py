"""The connection to the server: trust, and what TLS negotiates.

Every request may use a connection of its own: a client's next request may come from another machine.
"""

import asyncio
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx

__all__ = ["negotiated", "open_transport"]

_SECONDS = 10.0


def open_transport(ca_file: Path | None) -> httpx.AsyncBaseTransport:
    """A transport that trusts ``ca_file``, or what the machine trusts."""
    return httpx.AsyncHTTPTransport(
        verify=_trust(ca_file),
        trust_env=False,
        # No connection is kept: state that a server ties to one must not go unseen.
        limits=httpx.Limits(max_keepalive_connections=0),
    )


async def negotiated(url: str, ca_file: Path | None) -> dict[str, str]:
    """``alpn``: what the server chooses of HTTP/2 and HTTP/1.1; empty when there is no TLS or no connection."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return {}
    context = _trust(ca_file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
    except (OSError, TimeoutError):
        return {}
    chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.close()
    return {"alpn": chosen} if chosen else {}


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
