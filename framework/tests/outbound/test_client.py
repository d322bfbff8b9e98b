"""The outbound client against a real server on loopback: bounds, redirects, failures."""

import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gatelodge.outbound.client import Answer, Outbound, UpstreamAnswerUnusable, UpstreamUnreachable


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
        }[self.path]
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


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        Outbound(ca_file=broken)


def test_an_answer_says_what_is_wrong_with_it() -> None:
    with pytest.raises(UpstreamAnswerUnusable, match="no object"):
        Answer(200, {}, b"1").json_object()
