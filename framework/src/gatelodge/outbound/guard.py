"""GET of URLs that a stranger chose, kept away from internal addresses (RFC 6890; catalogue of attacks, SSRF).

Invariant: the address that is connected to is one that was checked, for every name is resolved once and the connection
goes to the result; one address that is not public refuses the host. No redirect is followed, no cookie is kept, no
connection is used twice, the certificate is checked for the host of the URL, and the whole fetch has one time limit.

Not here: which hosts are worth asking, and what the answer means (``registration.documents``).
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path

import httpx2

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.outbound.client import Answer, UpstreamUnreachable, whole

__all__ = ["AddressRefused", "GuardedOutbound", "Resolver", "is_public", "public_addresses", "resolve"]

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

# The special-purpose registries of IANA, and one address that a cloud answers on inside its machines.
_CLOSED_4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "168.63.129.16/32"),
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
# Teredo and 6to4 hide an IPv4 address and are switched off everywhere: nothing that has one is worth asking.
_CLOSED_6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "3ffe::/16"))
)
_MAPPED = IPv6Network("::ffff:0:0/96")
# What a network without IPv4 gives for an IPv4 host (RFC 6052, section 2.1).
_NAT64 = IPv6Network("64:ff9b::/96")

_URL = re.compile(r"https://(?P<host>[A-Za-z0-9.-]+)(?::443)?(?P<target>/[\x21\x22\x24-\x5b\x5d-\x7e]*)")
MAX_ADDRESSES = 32
MAX_TRIES = 3


class AddressRefused(GatelodgeError):
    """The URL's host is no name, resolves to an address that is not public, or to none."""

    code = Code.ADDRESS_REFUSED


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is on the public internet; a mapped or translated one is what it stands for."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    if address in _MAPPED or address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_6 and not any(address in network for network in _CLOSED_6)


class GuardedOutbound:
    """GET of strangers' https URLs: every resolved address checked, the connection goes to a checked one.

    ``timeout`` is in seconds, of the whole fetch. ``ca_file`` is trusted besides the public authorities.
    ``local_hosts`` (host to address and port) are reached as they are: for development only.
    """

    def __init__(
        self,
        *,
        resolver: Resolver | None = None,
        ca_file: Path | None = None,
        timeout: float = 3.0,
        local_hosts: Mapping[str, tuple[str, int]] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        verify = httpx2.create_ssl_context(trust_env=False)
        if ca_file:
            verify.load_verify_locations(cafile=str(ca_file))
        self._resolver = resolver or resolve
        self._timeout = timeout
        self._local = dict(local_hosts or {})
        # Below httpx2's client, which keeps cookies. A connection that was kept would be shared by all hosts of one
        # address, although its certificate was checked for one of them.
        self._transport = transport or httpx2.AsyncHTTPTransport(
            verify=verify, trust_env=False, limits=httpx2.Limits(max_connections=100, max_keepalive_connections=0)
        )

    async def get(self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None) -> Answer:
        """GET ``url`` once and read the whole answer, whatever its status.

        Raises: AddressRefused, UpstreamUnreachable, UpstreamAnswerUnusable.
        """
        match = _URL.fullmatch(url)
        if match is None:
            raise AddressRefused("the URL is not https://host/path on the usual port")
        host, target = match["host"], match["target"]
        try:
            async with asyncio.timeout(self._timeout):
                addresses, port = await self._addresses(host)
                response = await self._connect(host, addresses, port, target, headers or {})
                try:
                    return await whole(response, f"GET from {host}", max_bytes)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise UpstreamUnreachable(f"GET from {host}: no whole answer within {self._timeout:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UpstreamUnreachable(f"GET from {host}: {type(error).__name__}: {error}") from error

    async def aclose(self) -> None:
        """Close what is open."""
        await self._transport.aclose()

    async def _addresses(self, host: str) -> tuple[list[str], int]:
        """Checked addresses of a host, IPv4 first, and the port. Raises: AddressRefused, UpstreamUnreachable."""
        if host in self._local:
            address, port = self._local[host]
            return [address], port
        return await public_addresses(host, 443, self._resolver), 443

    async def _connect(
        self, host: str, addresses: Sequence[str], port: int, target: str, headers: Mapping[str, str]
    ) -> httpx2.Response:
        """The answer of the first address that takes a connection; its body is not read yet."""
        # So that an address that is silent leaves time for the next one.
        share = self._timeout / len(addresses)
        waits = {"connect": share, "read": self._timeout, "write": self._timeout, "pool": self._timeout}
        sent = {"host": host, "connection": "close", "accept-encoding": "identity", **headers}
        for address in addresses:
            authority = f"[{address}]" if ":" in address else address
            request = httpx2.Request(
                "GET",
                f"https://{authority}:{port}/",
                headers=sent,
                # The target goes out as it was checked; httpx2 would write some of it in another way.
                extensions={"sni_hostname": host, "timeout": waits, "target": target.encode("ascii")},
            )
            try:
                return await self._transport.handle_async_request(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if address == addresses[-1]:
                    raise
        raise AddressRefused(f"{host} has no address to try")


async def public_addresses(host: str, port: int, resolver: Resolver) -> list[str]:
    """Addresses of a host, IPv4 first, all of them checked. Raises: AddressRefused, UpstreamUnreachable."""
    try:
        texts = await resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise UpstreamUnreachable(f"{host} cannot be resolved: {error}") from error
    try:
        found = list(dict.fromkeys(map(ip_address, texts[:MAX_ADDRESSES])))
    except ValueError as error:
        raise AddressRefused(f"{host} resolves to something that is no address") from error
    closed = [str(address) for address in found if not is_public(address)]
    if closed or not found:
        raise AddressRefused(f"{host} resolves to {', '.join(closed) or 'nothing'}, which is not public")
    return [str(address) for address in sorted(found, key=lambda address: address.version)[:MAX_TRIES]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a name as the machine's resolver gives them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
