"""Host and Origin: who a browser may be made to talk to."""

import pytest

from gatelodge.resource_server.origin import HostRefused, OriginGuard, OriginRefused

PUBLIC = "https://mcp.example/mcp"
CLOSED = OriginGuard(PUBLIC, frozenset({"https://inspector.example"}))
LOCAL = OriginGuard("https://localhost:8443/mcp", allow_loopback=True)


def check(guard: OriginGuard, *, host: str | bytes | None = "mcp.example", origin: str | bytes | None = None) -> None:
    headers: list[tuple[bytes, bytes]] = [(b"accept", b"*/*")]
    for name, value in ((b"host", host), (b"origin", origin)):
        if value is not None:
            headers.append((name, value.encode() if isinstance(value, str) else value))
    guard.check(headers)


@pytest.mark.parametrize("host", ["mcp.example", "MCP.Example", "mcp.example:443"])
@pytest.mark.parametrize("origin", [None, "https://mcp.example", "https://inspector.example"])
def test_the_public_host_with_no_or_an_allowed_origin_passes(host: str, origin: str | None) -> None:
    check(CLOSED, host=host, origin=origin)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "mcp.example.",
        "mcp.example.evil.example",
        "evil-mcp.example",
        "mcp.example:8443",
        "mcp.example:80",
        "mcp.example:",
        "mcp.example/public?x=",
        "mcp.example@evil.example",
        "mcp.example, evil.example",
        "127.0.0.1",
        "127.0.0.1:8000",
        "localhost",
        "localhost:8000",
        "[::1]:8000",
        b"mcp.example\xff",
    ],
)
def test_another_host_is_refused(host: str | bytes | None) -> None:
    with pytest.raises(HostRefused) as caught:
        check(CLOSED, host=host)
    assert caught.value.status == 421


def test_two_hosts_are_refused_even_when_both_are_right() -> None:
    with pytest.raises(HostRefused):
        CLOSED.check([(b"host", b"mcp.example"), (b"host", b"mcp.example")])


@pytest.mark.requirement("MCP26-HTTP-origin", "MCP25-HTTP-origin")
@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://evil.example",
        "https://mcp.example.evil.example",
        "http://mcp.example",
        "https://mcp.example:443",
        "https://mcp.example/",
        "https://MCP.example",
        "mcp.example",
        "https://mcp.example https://evil.example",
        "http://localhost:6274",
        "http://127.0.0.1",
        b"https://mcp.example\xff",
    ],
)
def test_another_origin_is_refused(origin: str | bytes) -> None:
    with pytest.raises(OriginRefused) as caught:
        check(CLOSED, origin=origin)
    assert caught.value.status == 403


def test_two_origins_are_refused_even_when_both_are_allowed() -> None:
    origin = (b"origin", b"https://mcp.example")
    with pytest.raises(OriginRefused):
        CLOSED.check([(b"host", b"mcp.example"), origin, origin])


@pytest.mark.parametrize(
    "host", ["localhost:8443", "LOCALHOST:8443", "localhost", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000", "[::1]"]
)
def test_loopback_hosts_pass_on_any_port_when_allowed(host: str) -> None:
    check(LOCAL, host=host)


@pytest.mark.parametrize(
    "origin", ["https://localhost:8443", "http://localhost:6274", "http://127.0.0.1", "http://[::1]:6274"]
)
def test_loopback_origins_pass_on_any_port_when_allowed(origin: str) -> None:
    check(LOCAL, host="localhost:8443", origin=origin)


@pytest.mark.parametrize(
    "host",
    [
        "localhost.evil.example",
        "localhost:*",
        "localhost:",
        "localhost:123456",
        "localhost.",
        "127.1",
        "0x7f.1",
        "127.0.0.1.evil.example",
        "::1",
        "[::1",
        "0.0.0.0",  # noqa: S104 - an attack, nothing binds
        "169.254.169.254",
        "localhost/x",
        "a@localhost",
    ],
)
def test_what_only_looks_like_loopback_is_refused_as_host_and_as_origin(host: str) -> None:
    with pytest.raises(HostRefused):
        check(LOCAL, host=host)
    with pytest.raises(OriginRefused):
        check(LOCAL, host="localhost:8443", origin=f"http://{host}")


@pytest.mark.parametrize(
    "origin",
    ["null", "file://localhost", "ftp://localhost", "localhost", "http://", "evil://localhost", "http://localhost\nx"],
)
def test_an_origin_that_is_no_web_page_is_refused_on_loopback_too(origin: str) -> None:
    with pytest.raises(OriginRefused):
        check(LOCAL, host="localhost:8443", origin=origin)


def test_extra_hosts_pass_on_any_port_and_open_no_origin() -> None:
    guard = OriginGuard(PUBLIC, extra_hosts=("127.0.0.1", "LocalHost"))
    check(guard, host="127.0.0.1:8000")
    check(guard, host="localhost")
    check(guard, host="LOCALHOST:1")
    with pytest.raises(HostRefused):
        check(guard, host="127.0.0.2")
    with pytest.raises(OriginRefused):
        check(guard, origin="http://127.0.0.1:8000")


def test_a_public_url_with_the_default_port_written_out_is_the_same_place() -> None:
    guard = OriginGuard("https://mcp.example:443/mcp")
    check(guard, host="mcp.example", origin="https://mcp.example")
    check(guard, host="mcp.example:443")


@pytest.mark.requirement("MCP26-AUTH-16b")
def test_a_host_is_compared_without_regard_to_case_on_either_side() -> None:
    check(OriginGuard("https://MCP.Example/mcp"), host="mcp.example")


def test_the_default_port_of_another_scheme_is_not_this_place() -> None:
    with pytest.raises(HostRefused):
        check(OriginGuard("http://localhost/mcp"), host="localhost:443")
    check(OriginGuard("http://localhost/mcp"), host="localhost:80")


@pytest.mark.requirement("RFC9700-4.13-proxy-headers")
def test_forwarding_headers_change_nothing() -> None:
    with pytest.raises(HostRefused):
        CLOSED.check([(b"host", b"evil.example"), (b"x-forwarded-host", b"mcp.example")])
