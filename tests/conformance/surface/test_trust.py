"""What a request says of itself is not believed: Host, forwarding headers, and the size of its body."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from surface import HOST, PUBLIC_URL, Seen, Surface, call, edge, surface

LIMIT = 4 * 1024 * 1024
_SPOOFED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "6666",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil.example",
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=http",
    "X_Forwarded_For": "6.6.6.6",
    "X_Forwarded_Host": "evil.example",
    "X-Real-Ip": "6.6.6.6",
    "X-Original-Url": "/evil",
    "X-Rewrite-Url": "/evil",
    "X-Host": "evil.example",
    "Proxy-Connection": "evil",
}
_READABLE = (
    "/mcp",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/health/live",
    "/d/nothing",
)


@pytest.fixture(scope="module")
def served() -> Iterator[Surface]:
    with surface() as running:
        yield running


def ask(port: int, data: bytes) -> bytes:
    """Everything that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        received = b""
        try:
            wire.sendall(data)
            while chunk := wire.recv(65536):
                received += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
    return received


def get(path: str, host: str = HOST, extra: str = "", version: str = "1.1") -> bytes:
    """A request of one path."""
    return f"GET {path} HTTP/{version}\r\nHost: {host}\r\n{extra}Connection: close\r\n\r\n".encode()


def without_date(answer: bytes) -> bytes:
    return re.sub(rb"date: [^\r]*\r\n", b"", answer)


@pytest.mark.parametrize("path", _READABLE)
def test_no_answer_depends_on_forwarding_headers(served: Surface, path: str) -> None:
    spoofed = "".join(f"{name}: {value}\r\n" for name, value in _SPOOFED.items())
    # The one header of these requests that an answer repeats.
    named = "X-Request-Id: same-in-both\r\n"
    answer = ask(served.port, get(path, extra=named + spoofed))
    assert without_date(answer) == without_date(ask(served.port, get(path, extra=named)))
    assert answer.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("name", _SPOOFED)
def test_the_client_and_the_scheme_are_the_connections_own(served: Surface, name: str) -> None:
    ask(served.port, get("/d/spoofed", extra=f"{name}: {_SPOOFED[name]}\r\n"))
    seen = served.records[-1]
    assert (seen.client[0], seen.scheme, seen.raw_path) == ("127.0.0.1", "http", b"/d/spoofed")


_HOSTS = [
    "evil.example", "EVIL.example", f"{HOST}.evil.example", f"evil.{HOST}", "localhost:8443@evil.example", "localhost.",
    "127.0.0.1", "127.0.0.1:8443", "[::1]:8443", "localhost:1", "localhost", f"{HOST}/public?x=", f"{HOST}#", f"{HOST}, a",
    "*", "localhost:*", "localhost:8443:8443", "localhost%00:8443", "",
]  # fmt: skip


@pytest.mark.parametrize("host", _HOSTS)
def test_another_host_is_refused_and_never_repeated(served: Surface, host: str) -> None:
    for path in _READABLE:
        if path == "/health/live":
            continue
        answer = ask(served.port, get(path, host))
        assert answer.startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 ")), path
        assert b"evil" not in answer.lower()
    # Probes come by address; what health answers is constant.
    assert b"evil" not in ask(served.port, get("/health/live", host)).lower()


@pytest.mark.parametrize("hosts", ["", f"Host: {HOST}\r\nHost: evil.example\r\n", f"Host: {HOST}\r\nHost: {HOST}\r\n"])
@pytest.mark.parametrize("path", _READABLE)
def test_no_host_and_two_hosts_are_refused(served: Surface, hosts: str, path: str) -> None:
    answer = ask(served.port, f"GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.requirement("RFC9728-3.3-resource-equals")
def test_every_url_in_an_answer_is_the_configured_one(served: Surface) -> None:
    # Another spelling of the same host: what is built from it would show the capitals.
    host = HOST.upper()
    for path in _READABLE:
        answer = ask(served.port, get(path, host))
        assert host.encode() not in answer
        for url in re.findall(rb"https?://[^\"\s,\\]+", answer):
            assert url.startswith((b"https://localhost:8443/", b"https://"))
    document = json.loads(ask(served.port, get(_READABLE[2], host)).partition(b"\r\n\r\n")[2])
    assert document["resource"] == PUBLIC_URL


def chunks(size: int, piece: int = 65_536) -> bytes:
    """A chunked body of that size."""
    full, rest = divmod(size, piece)
    body = (b"%x\r\n" % piece + b" " * piece + b"\r\n") * full
    return body + (b"%x\r\n" % rest + b" " * rest + b"\r\n" if rest else b"") + b"0\r\n\r\n"


def _chunked(served: Surface, body: bytes, token: bool = True) -> bytes:
    head = call(served.bearer(), "whoami", {"canary": "x"}, extra="Transfer-Encoding: chunked\r\nConnection: close\r\n")
    head = re.sub(rb"Content-Length: \d+\r\n", b"", head.partition(b"\r\n\r\n")[0]) + b"\r\n\r\n"
    if not token:
        head = re.sub(rb"Authorization: [^\r]+\r\n", b"", head)
    return ask(served.port, head + body)


def test_a_chunked_body_over_the_limit_is_refused_unparsed(served: Surface) -> None:
    at = _chunked(served, chunks(LIMIT))
    over = _chunked(served, chunks(LIMIT + 1))
    # Spaces are no JSON: what is read whole is 400, what is over the limit never gets that far.
    assert at.startswith(b"HTTP/1.1 400 ")
    assert over.startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_without_end_is_cut_off(served: Surface) -> None:
    body = chunks(40 * 1024 * 1024).removesuffix(b"0\r\n\r\n")
    answer = _chunked(served, body)
    # A client that goes on sending may lose the answer in the reset, but is never served.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
    assert len(served.records[-1].body) <= LIMIT + 2 * 1024 * 1024


def test_a_strangers_body_is_not_read(served: Surface) -> None:
    answer = _chunked(served, chunks(LIMIT * 2), token=False)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 401 ")
    assert served.records[-1].body == b""


def test_forwarding_headers_through_traefik_are_traefiks_and_change_nothing(tmp_path: Path, served: Surface) -> None:
    spoofed = "".join(f"{name}: {value}\r\n" for name, value in _SPOOFED.items())
    with edge(tmp_path, served.port) as front:
        for path in _READABLE:
            with (
                socket.create_connection(("127.0.0.1", front.port), timeout=60) as plain,
                front.context.wrap_socket(plain, server_hostname="localhost") as wire,
            ):
                wire.sendall(get(path, extra=spoofed))
                while wire.recv(65536):
                    pass
            _as_traefik_sent_it(served.records[-1], path)


def _as_traefik_sent_it(seen: Seen, path: str) -> None:
    values = [value for name, value in seen.headers if name != b"host"]
    assert (seen.path, seen.client[0], seen.scheme) == (path, "127.0.0.1", "http")
    assert not [value for value in values if b"evil" in value or b"6.6.6.6" in value]


@pytest.mark.requirement("MCP26-AUTH-06")
@pytest.mark.parametrize("path", ["/mcp%0a", "/mcp%0A/", "/mcp/%0a", "/mcp%0a%0a"])
def test_no_spelling_of_the_endpoint_passes_by_the_gate_even_under_bare_uvicorn(path: str) -> None:
    # Starlette's routes end in "$", which matches before a line feed too: FastMCP once answered these without a token.
    body = b'{"jsonrpc":"2.0","id":1,"method":"initialize"}'
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    raw = f"{head}Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with surface(bare=True) as bare, surface() as guarded:
        assert ask(bare.port, raw).startswith(b"HTTP/1.1 401 ")
        assert ask(guarded.port, raw).startswith(b"HTTP/1.1 400 ")
