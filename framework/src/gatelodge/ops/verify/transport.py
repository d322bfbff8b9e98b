"""The connection to the server: whether there is one, trust, and what TLS negotiates.

Every request may use a connection of its own: a client's next request may come from another machine.
"""

import asyncio
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import is_loopback

__all__ = ["NoServer", "TrustUnusable", "check_reachable", "negotiated", "open_transport"]

_SECONDS = 10.0


class NoServer(GatelodgeError):
    """Nothing takes connections where the URL leads: there is nothing to verify."""

    code = Code.UPSTREAM_UNREACHABLE


class TrustUnusable(GatelodgeError):
    """The file of authorities holds none."""

    code = Code.SETTINGS_INVALID


async def check_reachable(url: str) -> None:
    """Connect once, without TLS. Raises: NoServer."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    # UnicodeError: a host that is no name, such as one with an empty label.
    except (OSError, UnicodeError) as error:
        hint = "Look at host and port; a server behind a firewall must be verified from where it can be reached."
        if is_loopback(host):
            hint = "Start it first: the local stack by gatelodge up, which prints its MCP URL."
        raise NoServer(f"nothing answers at {host}, port {port}: {_reason(error)}", hint=hint) from error
    writer.close()


def open_transport(ca_file: Path | None) -> httpx2.AsyncBaseTransport:
    """A transport that trusts ``ca_file``, or what the machine trusts."""
    return httpx2.AsyncHTTPTransport(
        verify=_trust(ca_file),
        trust_env=False,
        # No connection is kept: state that a server ties to one must not go unseen.
        limits=httpx2.Limits(max_keepalive_connections=0),
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
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise TrustUnusable(
            f"{ca_file} holds no certificate authority that can be read: {error}",
            hint="Give --ca-file a PEM file (-----BEGIN CERTIFICATE-----).",
        ) from error


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, TimeoutError):
        return f"no connection within {_SECONDS:.0f} s"
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return "the host has no address"
    return "the connection is refused" if isinstance(error, ConnectionRefusedError) else str(error)
