"""The public name resolves, and to this kind of address: clients on the internet cannot reach a private one."""

import asyncio
import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from gatelodge.core.urls import is_loopback
from gatelodge.ops.doctor.facts import Facts
from gatelodge.ops.doctor.finding import Check, Finding, healthy, problem, warning

__all__ = ["CHECK"]


async def _examine(facts: Facts) -> Finding:
    host = urlsplit(facts.mcp_url).hostname or ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError as error:
        return problem(
            f"{host} does not resolve: {error.strerror or error}",
            fix="Add an A or AAAA record for the host, or use the name that has one.",
            command=f"getent ahosts {host}",
        )
    addresses = sorted({str(entry[4][0]) for entry in found})
    said = f"{host} is {', '.join(addresses)}"
    if is_loopback(host):
        return healthy(f"{said}: for clients on this machine")
    private = [address for address in addresses if not ip_address(address.partition("%")[0]).is_global]
    if private:
        return warning(
            f"{said}: {', '.join(private)} cannot be reached from the internet",
            fix="ChatGPT and claude.ai call from outside: give the name a public address, or use a tunnel.",
            command=f"getent ahosts {host}",
        )
    return healthy(said)


CHECK = Check("dns", "Public name", _examine)
