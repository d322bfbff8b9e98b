"""Hosts of clients' documents for tests: one scripted in this process, one real TLS server on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

__all__ = ["Redirected", "Site", "certificate", "resolver_of", "serve_tls"]

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Site(httpx2.AsyncBaseTransport):
    """Answers by path, each asked for counted; a path without an answer is an outage, ``gate`` holds answers back."""

    def __init__(self) -> None:
        self.answers: dict[str, httpx2.Response] = {}
        self.asked: list[httpx2.Request] = []
        self.reached = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        path = request.extensions["target"].decode()
        if path not in self.answers:
            raise httpx2.ConnectError("away")
        answer = self.answers[path]
        if answer.headers.get("etag") and request.headers.get("if-none-match") == answer.headers["etag"]:
            answer = httpx2.Response(304, headers={"etag": answer.headers["etag"]})
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=httpx2.ByteStream(answer.content))


class Redirected(httpx2.AsyncHTTPTransport):
    """Real connections, but whatever address is asked for: they end at a port of loopback, and are written down."""

    def __init__(self, port: int, ca_file: Path) -> None:
        super().__init__(
            verify=ssl.create_default_context(cafile=str(ca_file)),
            trust_env=False,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )
        self.connected: list[str] = []
        self._port = port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.connected.append(request.url.host)
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await super().handle_async_request(request)


def resolver_of(*rounds: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A resolver that gives another list each time it is asked, and the last one for ever."""
    left = list(rounds)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@asynccontextmanager
async def serve_tls(folder: Path, host: str, script: Script) -> AsyncIterator[tuple[int, Path]]:
    """A TLS server on loopback with a certificate of ``host``: its port and the file of its authority."""
    certified = certificate(folder, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified)
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await script(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            running.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], certified
    finally:
        server.close()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await server.wait_closed()


def certificate(folder: Path, host: str) -> Path:
    """A new certificate of ``host`` that is its own authority, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path
