"""A pool of connections: kept between requests, closed at the end, and never to an address inside (M13)."""

import asyncio
from collections.abc import Sequence

import pytest
from raw_upstream import raw_upstream
from results import record

from gatelodge.outbound.client import Outbound, UpstreamUnreachable
from gatelodge.outbound.pool import PoolConfig, PooledTransport

INSIDE = (
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1"),
    *("::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::"),
    *("168.63.129.16", "255.255.255.255", "198.18.0.1", "ff02::1"),
)
# Hosts as they may stand in a URL; the system's resolver reads some of them as loopback.
SPELLED = ("127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "localhost", "[::1]", "[::ffff:127.0.0.1]")


async def test_a_host_that_leads_inside_is_never_connected_to() -> None:
    tried = refused = 0
    async with raw_upstream() as raw:
        port = raw.url.rsplit(":", 1)[1]
        for address in INSIDE:
            for found in ([address], ["93.184.216.34", address]):

                async def resolver(_host: str, _port: int, found: Sequence[str] = tuple(found)) -> Sequence[str]:
                    return found

                outbound = Outbound(transport=PooledTransport(PoolConfig(), resolver=resolver), timeout=60)
                with pytest.raises(UpstreamUnreachable, match="not public") as caught:
                    await outbound.request("GET", f"http://api.example:{port}/", headers={"authorization": "canary"})
                refused += not caught.value.sent
                tried += 1
                await outbound.aclose()
        outbound = Outbound(transport=PooledTransport(PoolConfig()), timeout=60)
        for host in SPELLED:
            with pytest.raises(UpstreamUnreachable) as caught:
                await outbound.request("GET", f"http://{host}:{port}/", headers={"authorization": "canary"})
            refused += not caught.value.sent
            tried += 1
        await outbound.aclose()
        assert raw.connections == 0
    assert refused == tried
    record(
        11,
        "hosts of providers that lead inside",
        tried=tried,
        passed=refused,
        figure="0 connections",
        command=".venv/bin/pytest framework/tests/outbound/test_pool.py",
        negative_control="with the host among the operator's own the same request arrives",
    )


async def test_the_operators_own_hosts_are_reached_wherever_they_are() -> None:
    async with raw_upstream() as raw:
        outbound = Outbound(transport=PooledTransport(PoolConfig(), own=["127.0.0.1"]))
        assert (await outbound.request("GET", raw.url)).status == 200
        await outbound.aclose()
        assert raw.connections == 1


async def test_a_name_is_resolved_for_each_connection_and_not_trusted_from_before() -> None:
    answers = [["127.0.0.1"]]

    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return answers[0]

    outbound = Outbound(transport=PooledTransport(PoolConfig(), resolver=resolver))
    with pytest.raises(UpstreamUnreachable, match=r"127\.0\.0\.1"):
        await outbound.request("GET", "http://rebind.example/")
    answers[0] = ["no address"]
    with pytest.raises(UpstreamUnreachable, match="no address"):
        await outbound.request("GET", "http://rebind.example/")
    await outbound.aclose()


async def test_a_checked_address_that_does_not_answer_leads_to_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_upstream() as raw:
        port = raw.url.rsplit(":", 1)[1]

        async def resolver(_host: str, _port: int) -> Sequence[str]:
            return ["127.0.0.2", "127.0.0.1"]

        # Both stand for public addresses; nothing listens at the first.
        monkeypatch.setattr("gatelodge.outbound.guard.is_public", lambda _: True)
        outbound = Outbound(transport=PooledTransport(PoolConfig(), resolver=resolver))
        assert (await outbound.request("GET", f"http://api.example:{port}/")).status == 200
        assert dict(raw.asked[0].headers)["host"] == f"api.example:{port}"
        await outbound.aclose()


async def test_connections_are_kept_bounded_and_closed() -> None:
    async with raw_upstream() as raw:
        outbound = Outbound(transport=PooledTransport(PoolConfig(connections=3, idle=3), own=["127.0.0.1"]))
        for _ in range(10):
            await outbound.request("GET", raw.url)
        assert raw.connections == 1
        await asyncio.gather(*(outbound.request("GET", raw.url) for _ in range(30)))
        assert raw.connections <= 3 + 1
        await outbound.aclose()


async def test_connections_beyond_the_idle_ones_are_closed_after_a_burst_and_not_within_it() -> None:
    async with raw_upstream() as raw:
        outbound = Outbound(transport=PooledTransport(PoolConfig(connections=20, idle=5), own=["127.0.0.1"]))
        await asyncio.gather(*(outbound.request("GET", raw.url) for _ in range(200)))
        assert raw.connections == 20
        # Five are left, so that the next twenty at once need fifteen more.
        await asyncio.gather(*(outbound.request("GET", raw.url) for _ in range(20)))
        assert raw.connections == 20 + 15
        await outbound.aclose()


async def test_cookies_of_an_answer_are_not_kept() -> None:
    from raw_upstream import answer

    async with raw_upstream() as raw:
        raw.otherwise = answer(200, {}, {"set-cookie": "session=canary; Path=/"})
        outbound = Outbound(transport=PooledTransport(PoolConfig(), own=["127.0.0.1"]))
        for _ in range(2):
            await outbound.request("GET", raw.url)
        await outbound.aclose()
        assert "canary" not in raw.asked[1].everything


async def test_a_private_authority_is_trusted_besides_the_public_ones(tmp_path) -> None:  # type: ignore[no-untyped-def]
    missing = tmp_path / "ca.pem"
    with pytest.raises(FileNotFoundError):
        PooledTransport(PoolConfig(), ca_file=missing)
