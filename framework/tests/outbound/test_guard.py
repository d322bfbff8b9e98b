"""The guarded fetch: which addresses are public, and real TLS on loopback behind addresses that look public."""

import asyncio
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from document_host import Redirected, resolver_of, serve_tls

from gatelodge.outbound.client import UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.outbound.guard import AddressRefused, GuardedOutbound, is_public

HOST = "client.example.com"
URL = f"https://{HOST}/client.json"
PUBLIC = "93.184.216.34"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\n{}"


async def answer_ok(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(ANSWER)
    await writer.drain()


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
        *("224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.0.192", "203.0.113.9", "168.63.129.16"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("64:ff9b:1::808:808", "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "100::1"),
    ],
)
def test_an_address_inside_is_not_public_however_it_is_written(address: str) -> None:
    assert not is_public(ip_address(address))


async def test_a_document_is_fetched_from_the_checked_address_for_the_right_host(tmp_path: Path) -> None:
    async with serve_tls(tmp_path, HOST, answer_ok) as (port, ca_file):
        wire = Redirected(port, ca_file)
        guard = GuardedOutbound(resolver=resolver_of([PUBLIC]), transport=wire)
        answer = await guard.get(URL, max_bytes=100)
        await guard.aclose()
    assert (answer.status, answer.body, wire.connected) == (200, b"{}", [PUBLIC])


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    async with serve_tls(tmp_path, "other.example.com", answer_ok) as (port, ca_file):
        guard = GuardedOutbound(resolver=resolver_of([PUBLIC]), transport=Redirected(port, ca_file))
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await guard.get(URL, max_bytes=100)
        await guard.aclose()


async def test_a_name_that_turns_to_an_internal_address_never_gets_a_connection_there(tmp_path: Path) -> None:
    async with serve_tls(tmp_path, HOST, answer_ok) as (port, ca_file):
        wire = Redirected(port, ca_file)
        guard = GuardedOutbound(resolver=resolver_of([PUBLIC], ["127.0.0.1"]), transport=wire)
        assert (await guard.get(URL, max_bytes=100)).status == 200
        for _ in range(3):
            with pytest.raises(AddressRefused):
                await guard.get(URL, max_bytes=100)
        await guard.aclose()
    assert wire.connected == [PUBLIC]


@pytest.mark.parametrize("addresses", [[PUBLIC, "10.0.0.1"], ["::1", PUBLIC], [], ["no address"]])
async def test_one_address_that_is_not_public_refuses_the_host(addresses: list[str]) -> None:
    wire = Unreached()
    guard = GuardedOutbound(resolver=resolver_of(addresses), transport=wire)
    with pytest.raises(AddressRefused):
        await guard.get(URL, max_bytes=100)
    assert wire.connected == []


async def test_the_next_address_is_tried_when_one_takes_no_connection() -> None:
    wire = Unreached()
    guard = GuardedOutbound(resolver=resolver_of(["2606:4700::1111", PUBLIC]), transport=wire)
    with pytest.raises(UpstreamUnreachable):
        await guard.get(URL, max_bytes=100)
    assert wire.connected == [PUBLIC, "2606:4700::1111"]


async def test_a_redirect_is_an_answer_and_is_not_followed(tmp_path: Path) -> None:
    async def moved(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: https://127.0.0.1/\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with serve_tls(tmp_path, HOST, moved) as (port, ca_file):
        wire = Redirected(port, ca_file)
        guard = GuardedOutbound(resolver=resolver_of([PUBLIC]), transport=wire)
        assert (await guard.get(URL, max_bytes=100)).status == 302
        await guard.aclose()
    assert wire.connected == [PUBLIC]


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        # Each byte is in time; only the whole is not.
        await asyncio.sleep(0.02)


async def test_an_answer_that_comes_byte_by_byte_is_cut_off_at_the_limit_of_the_whole(tmp_path: Path) -> None:
    async with serve_tls(tmp_path, HOST, drip) as (port, ca_file):
        guard = GuardedOutbound(resolver=resolver_of([PUBLIC]), transport=Redirected(port, ca_file), timeout=0.4)
        with pytest.raises(UpstreamUnreachable, match=r"no whole answer within 0\.4 s"):
            await guard.get(URL, max_bytes=5000)
        await guard.aclose()


async def test_a_resolver_that_hangs_is_cut_off_too() -> None:
    async def hang(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    guard = GuardedOutbound(resolver=hang, transport=Unreached(), timeout=0.05)
    with pytest.raises(UpstreamUnreachable, match="within"):
        await guard.get(URL, max_bytes=100)


@pytest.mark.parametrize(
    "head", [b"content-length: 5000", b"transfer-encoding: chunked", b"content-encoding: gzip\r\ncontent-length: 2"]
)
async def test_a_large_or_compressed_answer_is_refused(tmp_path: Path, head: bytes) -> None:
    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n" if b"chunked" in head else b"x" * 5000
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)
        await writer.drain()

    async with serve_tls(tmp_path, HOST, script) as (port, ca_file):
        guard = GuardedOutbound(resolver=resolver_of([PUBLIC]), transport=Redirected(port, ca_file))
        with pytest.raises(UpstreamAnswerUnusable):
            await guard.get(URL, max_bytes=1000)
        await guard.aclose()


async def test_a_local_host_is_reached_where_the_developer_says(tmp_path: Path) -> None:
    async with serve_tls(tmp_path, HOST, answer_ok) as (port, ca_file):
        guard = GuardedOutbound(ca_file=ca_file, local_hosts={HOST: ("127.0.0.1", port)})
        assert (await guard.get(URL, max_bytes=100)).body == b"{}"
        await guard.aclose()


async def test_nothing_a_host_sets_comes_back_to_it(tmp_path: Path) -> None:
    wire = Unreached(httpx2.Response(200, headers={"set-cookie": "a=b"}, content=b"{}"))
    guard = GuardedOutbound(resolver=resolver_of([PUBLIC]), transport=wire)
    for _ in range(2):
        await guard.get(URL, max_bytes=100)
    assert [sorted(request.headers) for request in wire.requests] == [["accept-encoding", "connection", "host"]] * 2


class Unreached(httpx2.AsyncBaseTransport):
    """Writes down what would have been connected to; without an answer no address takes the connection."""

    def __init__(self, answer: httpx2.Response | None = None) -> None:
        self.connected: list[str] = []
        self.requests: list[httpx2.Request] = []
        self._answer = answer

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.connected.append(request.url.host)
        self.requests.append(request)
        if self._answer is None:
            raise httpx2.ConnectError("refused")
        return httpx2.Response(200, headers=self._answer.headers, stream=httpx2.ByteStream(self._answer.content))
