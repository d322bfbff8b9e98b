"""Catalogue F02, TLS: a key server that cannot prove who it is is not believed, and is not asked in clear instead.

A real TLS server on loopback with certificates of its own; the client is the product's, with the product's checks.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from protected import ISSUER
from results import record

from conformance.keys.fault_server import FaultServer
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.keys import KeySource, KeysUnavailable
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.discovery import keycloak_metadata
from gatelodge.testing.tokens import TokenFactory

COMMAND = ".venv/bin/pytest tests/conformance/keys/test_tls.py"

# The fault, and what the log must say of it.
FAULTS = {
    "expired": "certificate has expired",
    "not yet valid": "certificate is not yet valid",
    "another host": "IP address mismatch",
    "unknown authority": "unable to get local issuer certificate",
    "self-signed": "self-signed certificate",
    "old protocol": "PROTOCOL_VERSION",
    "cut off": "EOF occurred|Connection reset|ConnectError|ReadError",
    "no TLS": "WRONG_VERSION_NUMBER|record layer failure",
}


class Authority:
    """A certificate authority of this test; its certificates are for 127.0.0.1 and good today unless told otherwise."""

    def __init__(self, folder: Path, name: str = "authority of a test") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._built(self._name, self._key, (-1, 2)).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.file = folder / "ca.pem"
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def server(self, *, days: tuple[int, int] = (-1, 2), host: str = "127.0.0.1", itself: bool = False) -> Path:
        """A file with key and certificate of a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "key server")])
        built = self._built(name, key, days, issuer=name if itself else None).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False
        )
        file = self.folder / "server.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        signed = built.sign(key if itself else self._key, hashes.SHA256())
        file.write_bytes(pem + signed.public_bytes(Encoding.PEM))
        return file

    def _built(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days: tuple[int, int],
        issuer: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
        )


def _context(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _faulty(fault: str, authority: Authority) -> ssl.SSLContext | None:
    """The server's side of a fault; None where it does not speak TLS."""
    match fault:
        case "expired":
            return _context(authority.server(days=(-3, -1)))
        case "not yet valid":
            return _context(authority.server(days=(1, 3)))
        case "another host":
            return _context(authority.server(host="127.0.0.2"))
        case "unknown authority":
            folder = authority.folder / "other"
            folder.mkdir()
            return _context(Authority(folder, "a stranger").server())
        case "self-signed":
            return _context(authority.server(itself=True))
        case _:
            return None


@asynccontextmanager
async def listening(
    port: int, served: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object], context: ssl.SSLContext | None
) -> AsyncIterator[int]:
    """A server on loopback for a while; the port stays the same from one to the next."""
    server = await asyncio.start_server(served, "127.0.0.1", port, ssl=context)  # type: ignore[arg-type]
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


# What is sent to the client's first flight by one that does not get through a handshake: nothing, the alert of a server
# that speaks TLS 1.0 only (RFC 8446, section 6.2: protocol_version), and an answer in clear.
_UNFINISHED = {
    "cut off": b"",
    "old protocol": b"\x15\x03\x01\x00\x02\x02\x46",
    "no TLS": b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
}


def _unfinished(answer: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    return serve


def _served(fault: str, good: FaultServer) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    return _unfinished(_UNFINISHED[fault]) if fault in _UNFINISHED else good.serve


@pytest.fixture
async def trusting(tmp_path: Path) -> AsyncIterator[tuple[Authority, Outbound]]:
    """An authority, and a client that trusts it and nobody else."""
    authority = Authority(tmp_path)
    outbound = Outbound(ca_file=authority.file)
    yield authority, outbound
    await outbound.aclose()


def source(port: int, outbound: Outbound, clock: ManualClock) -> KeySource:
    config = IssuerConfig(ISSUER, internal_url=f"https://127.0.0.1:{port}/realms/mcp")
    return KeySource(outbound, config, MetadataSource(outbound, config, clock), clock)


def well(tokens: TokenFactory) -> FaultServer:
    """What a good key server says."""
    server = FaultServer(0)
    server.publish(ISSUER, keycloak_metadata(ISSUER, scopes=()), tokens.jwks())
    return server


@pytest.mark.requirement("RFC8414-6.1-tls")
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_tls_fault_leaves_the_good_keys_and_is_named_in_the_log(
    trusting: tuple[Authority, Outbound],
    tokens: TokenFactory,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    authority, outbound = trusting
    good = well(tokens)
    async with listening(0, good.serve, _context(authority.server())) as port:
        keys = source(port, outbound, clock)
        passed = [await keys.find(tokens.kid(), "RS256")]
    asked = len(good.requests)
    caplog.set_level(logging.WARNING, logger="gatelodge")
    async with listening(port, _served(fault, good), _faulty(fault, authority)):
        for _ in range(3):
            clock.advance(150)
            passed.append(await keys.find(tokens.kid(), "RS256"))
            await keys.aclose()
    assert len(good.requests) == asked, "a request was made to a server that is not the issuer's"
    said = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert said, "nothing was logged"
    assert all(any(cause in line for cause in FAULTS[fault].split("|")) for line in said), said
    async with listening(port, good.serve, _context(authority.server())):
        clock.advance(300)
        tokens.rotate()
        good.publish(ISSUER, keycloak_metadata(ISSUER, scopes=()), tokens.jwks())
        passed.append(await keys.find(tokens.kid(), "RS256"))
        await keys.aclose()
    record(
        15,
        name=f"TLS fault at the key server: {fault}",
        tried=5,
        passed=len(passed),
        figure=f"{5 - len(passed)} valid requests failed",
        command=COMMAND,
        negative_control="a cold process with the same fault has no keys",
    )


@pytest.mark.requirement("RFC8414-6.1-tls")
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_cold_process_with_a_tls_fault_says_503_and_recovers(
    trusting: tuple[Authority, Outbound], tokens: TokenFactory, clock: ManualClock, fault: str
) -> None:
    authority, outbound = trusting
    good = well(tokens)
    async with listening(0, _served(fault, good), _faulty(fault, authority)) as port:
        keys = source(port, outbound, clock)
        with pytest.raises(KeysUnavailable) as caught:
            await keys.find(tokens.kid(), "RS256")
    assert caught.value.status == 503
    assert good.requests == []
    async with listening(port, good.serve, _context(authority.server())):
        clock.advance(caught.value.retry_after)
        assert await keys.find(tokens.kid(), "RS256")
        await keys.aclose()


async def test_a_client_that_checks_nothing_would_take_such_keys(
    tokens: TokenFactory, clock: ManualClock, tmp_path: Path
) -> None:
    """The negative control: the same server, and a client that trusts whoever signed it."""
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    outbound = Outbound(ca_file=stranger.file)
    good = well(tokens)
    async with listening(0, good.serve, _context(stranger.server())) as port:
        keys = source(port, outbound, clock)
        assert await keys.find(tokens.kid(), "RS256")
        await keys.aclose()
    await outbound.aclose()
