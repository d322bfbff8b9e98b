"""Addresses that a client's document must not make the desk connect to (catalogue M13): none gets a connection."""

import json
import socket
from collections.abc import Iterator

import httpx2
import pytest
from document_host import Site, resolver_of
from results import record

from gatelodge.core.errors import GatelodgeError
from gatelodge.outbound.guard import AddressRefused, GuardedOutbound
from gatelodge.registration.documents.errors import DocumentError
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.store import DocumentStore
from gatelodge.testing.clock import ManualClock

COMMAND = ".venv/bin/pytest tests/conformance/attacks/test_document_addresses.py"
CONTROL = "the same fetch with a public address in place of the internal one does try to connect"
CLIENT = "https://client.example.com/c.json"
PUBLIC = "93.184.216.34"

# What a name may resolve to: every special-purpose block, and internal IPv4 addresses inside IPv6 ones.
RESOLVED = (
    *("127.0.0.1", "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "169.254.170.2", "100.100.100.200", "100.64.0.1", "192.0.0.192", "168.63.129.16"),
    "0.0.0.0",  # noqa: S104 - a payload
    *("0.1.2.3", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.251", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    *("2001:db8::1", "100::1", "3fff::1", "5f00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *(
        "::ffff:7f00:1",
        "::127.0.0.1",
        "::a9fe:a9fe",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::a00:1",
    ),
    *("64:ff9b:1::127.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:101::1", "2001::1"),
    *("2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:0:a00:1::", "2001:20::1", "::ffff:0:127.0.0.1"),
)
# Hosts as a client writes them; the machine's own resolver reads the numeric ones as addresses.
WRITTEN = (
    *(
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",  # noqa: S104 - a payload
    ),
    *("10.0.0.1", "169.254.169.254", "0xa9fea9fe", "2852039166", "localhost", "LOCALHOST", "localhost.", "127.0.0.1."),
    *(
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1%25lo]",
    ),
    *(
        "user@127.0.0.1",
        "client.example.com@127.0.0.1",
        "127.0.0.1#@client.example.com",
        "127.0.0.1?@client.example.com",
    ),
    *(
        "127.0.0.1\\@client.example.com",
        "client.example.com\\@127.0.0.1",
        "127.0.0.1:443",
        "127.0.0.1:22",
        "localhost:8080",
    ),
    *("①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "%31%32%37.0.0.1", "127.0.0.1%00.example.com", "127.0.0.1\t", ""),  # noqa: RUF001
)
URLS = (
    *("file:///etc/passwd", "gopher://127.0.0.1/_x", "http://127.0.0.1/c", "ftp://127.0.0.1/c", "//127.0.0.1/c"),
    *(
        "https:127.0.0.1/c",
        "https:/127.0.0.1/c",
        "https:\\\\127.0.0.1/c",
        "https://client.example.com/\r\nHost: localhost",
    ),
    *(
        "dict://127.0.0.1:6379/info",
        "data:application/json,{}",
        "unix:///run/x.sock",
        "https://[::1/c",
        "jar:https://a/!/",
    ),
)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Every attempt of this process to connect a socket; each one fails."""
    tried: list[object] = []

    def refuse(_socket: socket.socket, address: object) -> None:
        tried.append(address)
        raise OSError("no connections here")

    with monkeypatch.context() as patched:
        patched.setattr(socket.socket, "connect", refuse)
        yield tried


async def refused(url: str, resolves: str | None) -> bool:
    """Whether a guarded fetch of ``url`` and a look-up of the client of that id are both refused."""
    count = 0
    guard = GuardedOutbound(resolver=resolver_of([resolves]) if resolves else None)
    store = DocumentStore(guard, hosts=DocumentHosts(), clock=ManualClock(), state=None)
    try:
        await guard.get(url, max_bytes=100)
    except AddressRefused:
        count += 1
    except GatelodgeError:
        # A text that the resolver makes nothing of.
        count += resolves is None
    try:
        await store.get(url)
    except DocumentError:
        count += 1
    await store.aclose()
    await guard.aclose()
    return count == 2


async def test_no_payload_of_an_address_gets_a_connection(connected: list[object]) -> None:
    payloads: list[tuple[str, str | None]] = [(CLIENT, address) for address in RESOLVED]
    payloads += [(f"https://{host}/c.json", None) for host in WRITTEN]
    payloads += [(url, None) for url in URLS]
    passed, followed = 0, []
    for url, resolves in payloads:
        before = len(connected)
        if await refused(url, resolves) and len(connected) == before:
            passed += 1
        else:
            followed.append((url, resolves, connected[before:]))
    assert followed == []
    assert len(payloads) >= 60
    assert not await refused(CLIENT, PUBLIC)
    assert {address[0] for address in connected if isinstance(address, tuple)} == {PUBLIC}
    record(
        11,
        "addresses of client documents",
        tried=len(payloads),
        passed=passed,
        command=COMMAND,
        negative_control=CONTROL,
        figure="0 connects",
    )


@pytest.mark.parametrize(
    "where", ["https://127.0.0.1/x", "http://169.254.169.254/", "//localhost/", "file:///etc/passwd"]
)
async def test_neither_a_redirect_nor_a_key_url_leads_inside(where: str, connected: list[object]) -> None:
    site = Site()
    guard = GuardedOutbound(resolver=resolver_of([PUBLIC]), transport=site)
    store = DocumentStore(guard, hosts=DocumentHosts(), clock=ManualClock(), state=None)
    document = {
        "client_id": CLIENT,
        "redirect_uris": ["http://127.0.0.1/callback"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": where,
        "logo_uri": where,
        "client_uri": where,
    }
    site.answers = {"/c.json": httpx2.Response(302, headers={"location": where})}
    with pytest.raises(DocumentError):
        await store.get(CLIENT)
    other = CLIENT.replace("/c.json", "/d.json")
    site.answers["/d.json"] = httpx2.Response(200, content=json.dumps(document | {"client_id": other}).encode())
    with pytest.raises(DocumentError):
        await store.keys(other)
    assert [request.url.host for request in site.asked] == [PUBLIC, PUBLIC]
    assert connected == []
    await store.aclose()
