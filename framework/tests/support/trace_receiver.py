"""A receiver of OTLP on a real socket, and a server in a process of its own that exports to it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["Receiver", "receiver", "serving"]

# Headers by their names in small letters, and a body: status and JSON.
Endpoint = Callable[[dict[str, str], bytes], tuple[int, bytes]]


class Receiver(ThreadingHTTPServer):
    """Takes OTLP, and stands for a provider too."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.exports: list[ExportTraceServiceRequest] = []
        self.raw: list[bytes] = []
        self.asked: list[dict[str, str]] = []
        # What the provider answers, by path; all else is answered with nothing.
        self.provider: dict[str, Endpoint] = {}

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> dict[str, Span]:
        """All spans by name."""
        resources = [resource for export in self.exports for resource in export.resource_spans]
        return {span.name: span for r in resources for scope in r.scope_spans for span in scope.spans}


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path in self.server.provider:
            return self._provided(body)
        assert self.headers["content-type"] == "application/x-protobuf"
        self.server.raw.append(body)
        self.server.exports.append(ExportTraceServiceRequest.FromString(body))
        return self._answer()

    def do_GET(self) -> None:
        self.server.asked.append(self._named())
        if self.path in self.server.provider:
            return self._provided(b"")
        return self._answer()

    def _named(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _provided(self, body: bytes) -> None:
        self._answer(*self.server.provider[self.path](self._named(), body))

    def _answer(self, status: int = 200, content: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def serving(folder: Path, receiver: Receiver, source: str, **environment: str) -> Iterator[str]:
    """A server's base URL; at the end it is stopped in order, and has sent what it had."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    (folder / "small.py").write_text(source)
    ours = {
        "GATELODGE_PUBLIC_URL": f"http://127.0.0.1:{port}/mcp",
        "GATELODGE_ISSUER": "https://localhost:8443/realms/mcp",
        "GATELODGE_ISSUER_INTERNAL_URL": "http://127.0.0.1:9/realms/mcp",
        "GATELODGE_PORT": str(port),
        "GATELODGE_TRACES_ENDPOINT": f"{receiver.url}/v1/traces",
        "PROVIDER": receiver.url,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "gatelodge", "serve", "small:app"],
        cwd=folder,
        env={**os.environ, **ours, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "Uvicorn running" in line:
                    break
            yield f"http://127.0.0.1:{port}"
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        finally:
            process.kill()
