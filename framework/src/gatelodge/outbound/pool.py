"""A pool of connections to hosts that the operator named, kept away from internal addresses.

Invariant: a host is resolved by us and the connection goes to a result that was checked, so that a name that is turned
to another address later reaches nothing inside (DNS rebinding). Hosts in ``own`` are the operator's, wherever they are.
A connection belongs to one host, and its certificate is checked for that.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import httpcore2
import httpx2

from gatelodge.outbound.client import UpstreamUnreachable
from gatelodge.outbound.guard import AddressRefused, Resolver, public_addresses, resolve

__all__ = ["PoolConfig", "PooledTransport"]


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """Sizes of a pool: connections at once, of these kept while nobody uses them, and for how many seconds."""

    connections: int = 100
    idle: int = 100
    idle_seconds: float = 30.0


class PooledTransport(httpx2.AsyncHTTPTransport):
    """httpx2's transport on a pool whose connections go to checked addresses; for ``Outbound(transport=...)``."""

    def __init__(
        self,
        config: PoolConfig,
        *,
        own: Iterable[str] = (),
        ca_file: Path | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        super().__init__(trust_env=False)
        verify = httpx2.create_ssl_context(trust_env=False)
        if ca_file:
            verify.load_verify_locations(cafile=str(ca_file))
        # httpx2 has no parameter for the network below its pool; httpcore2 does.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=config.connections,
            max_keepalive_connections=config.idle,
            keepalive_expiry=config.idle_seconds,
            network_backend=_Checked(frozenset(own), resolver),
        )


class _Checked(httpcore2.AsyncNetworkBackend):
    """Opens connections to checked addresses only."""

    def __init__(self, own: frozenset[str], resolver: Resolver) -> None:
        self._own, self._resolver = own, resolver
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """The first address that takes a connection."""
        addresses = [host] if host in self._own else await self._addresses(host, port)
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if address == addresses[-1]:
                    raise
        raise AssertionError("there is at least one address")

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            return await public_addresses(host, port, self._resolver)
        except (AddressRefused, UpstreamUnreachable) as error:
            # As httpx2 knows it, so that it is told as a connection that did not come about.
            raise httpcore2.ConnectError(error.detail) from error
