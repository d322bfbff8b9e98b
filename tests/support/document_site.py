"""Two hosts of client documents for the running stack, one allowed and one not, and a client that waits for its code.

Both hosts are one TLS server on loopback, reached by the desk through ``GATELODGE_CLIENT_DOCUMENT_LOCAL_HOSTS``.
"""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from document_host import certificate
from shelf import document

__all__ = ["ALLOWED", "STRANGER", "DocumentSite", "listening", "serve_documents"]

ALLOWED = "client.documents.example"
STRANGER = "stranger.documents.example"
_VENDORS = ("chatgpt.com", "claude.ai", "vscode.dev")


@dataclass
class DocumentSite:
    """``bodies`` by URL; ``asked`` are the URLs and headers of what was fetched."""

    port: int
    ca_file: Path
    bodies: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """The settings with which a desk reaches both hosts, and asks about the second one."""
        return {
            "GATELODGE_CA_FILE": str(self.ca_file),
            "GATELODGE_CLIENT_DOCUMENTS": "open",
            # Every browser of the tests comes from one address.
            "GATELODGE_NEW_DOCUMENTS_PER_ADDRESS": "600",
            "GATELODGE_CLIENT_DOCUMENT_HOSTS": ",".join((ALLOWED, *_VENDORS)),
            # The site has no certificate of the vendors' hosts: those are away, wherever the tests run.
            "GATELODGE_CLIENT_DOCUMENT_LOCAL_HOSTS": ",".join(
                f"{host}=127.0.0.1:{self.port}" for host in (ALLOWED, STRANGER, *_VENDORS)
            ),
        }

    def put(self, path: str, *, host: str = ALLOWED, **members: Any) -> str:
        """Publish a document; gives its client_id."""
        client_id = f"https://{host}/{path}"
        self.answer(client_id, document(client_id, **members))
        return client_id

    def answer(self, url: str, body: Mapping[str, Any] | bytes, status: int = 200) -> None:
        """What a URL gives."""
        self.bodies[url] = (status, body if isinstance(body, bytes) else json.dumps(body).encode())


@contextmanager
def serve_documents(folder: Path) -> Iterator[DocumentSite]:
    """The site, until the block ends."""
    certified = certificate(folder, "*.documents.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified)
    site = DocumentSite(0, certified)

    class Handler(_Quiet):
        def do_GET(self) -> None:
            url = f"https://{self.headers['host']}{self.path}"
            site.asked.append((url, {name.lower(): value for name, value in self.headers.items()}))
            status, body = site.bodies.get(url, (404, b""))
            self.reply(status, body, "application/json")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        site.port = server.server_port
        with _threaded(server):
            yield site


@contextmanager
def listening(page: bytes = b"linked") -> Iterator[tuple[int, list[str]]]:
    """A client's listener on loopback: its port, and the targets that were called."""
    targets: list[str] = []

    class Handler(_Quiet):
        def do_GET(self) -> None:
            targets.append(self.path)
            self.reply(200, page, "text/html")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, _threaded(server):
        yield server.server_port, targets


class _Quiet(BaseHTTPRequestHandler):
    def reply(self, status: int, body: bytes, kind: str) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing."""


@contextmanager
def _threaded(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
