"""The outbound client against a real server on loopback: bounds, redirects, failures."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from raw_upstream import RawRequest, raw_upstream, silent

from gatelodge.outbound.client import Answer, Began, Outbound, UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.outbound.pool import PoolConfig, PooledTransport
from gatelodge.outbound.traced import TracedTransport


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = {
            "/object": (200, b'{"a": 1}'),
            "/list": (200, b"[1]"),
            "/text": (200, b"hello"),
            "/deep": (200, b"[" * 100_000),
            "/error": (500, b'{"a": 1}'),
            "/moved": (302, b""),
            "/large": (200, b"x" * 2048),
        }[self.path.partition("?")[0]]
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/object")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def client() -> AsyncIterator[Outbound]:
    outbound = Outbound(max_bytes=1024 * 1024)
    yield outbound
    await outbound.aclose()


async def test_a_json_object_is_read(base: str, client: Outbound) -> None:
    assert await client.get_json(f"{base}/object") == {"a": 1}


@pytest.mark.parametrize("path", ["/list", "/text", "/deep", "/error", "/moved"])
async def test_anything_but_a_json_object_with_status_200_is_unusable(base: str, client: Outbound, path: str) -> None:
    with pytest.raises(UpstreamAnswerUnusable):
        await client.get_json(base + path)


async def test_a_redirect_is_returned_and_not_followed(base: str, client: Outbound) -> None:
    answer = await client.request("GET", f"{base}/moved")
    assert (answer.status, answer.headers["location"]) == (302, "/object")


async def test_an_answer_over_the_cap_is_refused(base: str) -> None:
    outbound = Outbound(max_bytes=1000)
    with pytest.raises(UpstreamAnswerUnusable, match="over 1000 bytes"):
        await outbound.request("GET", f"{base}/large")
    await outbound.aclose()


async def test_a_closed_port_is_unreachable(client: Outbound) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UpstreamUnreachable, match=str(port)):
        await client.request("GET", f"http://127.0.0.1:{port}/")


async def test_proxy_variables_of_the_environment_are_ignored(
    base: str, client: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert (await client.request("GET", f"{base}/text")).body == b"hello"


async def test_an_error_names_host_and_path_and_nothing_that_was_searched_for(base: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://somebody:word@127.0.0.1:{free.getsockname()[1]}"
    outbound = Outbound(max_bytes=10)
    for url in (f"{base}/large?q=private+words", f"{closed}/search?q=private+words#private", "http://[/x?q=private"):
        for ask in (outbound.request("GET", url), outbound.get_json(url)):
            with pytest.raises((UpstreamUnreachable, UpstreamAnswerUnusable)) as told:
                await ask
            assert "private" not in str(told.value)
            assert "somebody" not in str(told.value)
    with pytest.raises(UpstreamAnswerUnusable, match="/error: status 500") as told:
        await outbound.get_json(f"{base}/error?q=private")
    assert "private" not in str(told.value)
    await outbound.aclose()


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        Outbound(ca_file=broken)


def test_an_answer_says_what_is_wrong_with_it() -> None:
    with pytest.raises(UpstreamAnswerUnusable, match="no object"):
        Answer(200, {}, b"1").json_object()


@pytest.mark.parametrize("traced", [False, True])
async def test_a_request_that_its_caller_ends_says_whether_bytes_of_it_left(traced: bool) -> None:
    pool = PooledTransport(PoolConfig(connections=1), own=["127.0.0.1"])
    outbound = Outbound(timeout=3600, transport=TracedTransport(pool) if traced else pool)
    arrived = asyncio.Event()

    async def hang(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await silent(request, writer)

    async with raw_upstream() as raw:
        raw.otherwise = hang
        first, second = Began(), Began()
        asking = asyncio.create_task(outbound.request("POST", raw.url, content=b"x", began=first))
        await arrived.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await outbound.request("POST", raw.url, content=b"x", began=second)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert (first.yes, second.yes) == (True, False), "the second waited for the only connection"
        await outbound.aclose()


async def test_of_a_transport_that_tells_nothing_each_request_counts_as_sent() -> None:
    async def breaks(*_: object) -> None:
        raise httpx2.ReadError("cut")

    outbound = Outbound(transport=httpx2.ASGITransport(breaks))
    with pytest.raises(UpstreamUnreachable) as cut:
        await outbound.request("POST", "http://inside.example/")
    assert cut.value.sent
    await outbound.aclose()
