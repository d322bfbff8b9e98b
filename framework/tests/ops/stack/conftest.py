"""Real small things to start: HTTP servers in this process, a checkout with an empty state folder, bounded waits."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gatelodge.ops.stack.layout import Layout

CHECKOUT = Path(__file__).resolve().parents[4]


class Backend:
    """An HTTP server that answers every request with what it got, as JSON; ``gate`` holds back the rest of a stream.

    ``requests`` counts all but Traefik's own; with ``hang_up`` it closes the connection in place of an answer; ``ready``
    is what it says to Traefik, which asks the desk, and servers where there are two. ``status`` is for the others: a
    question of Traefik's that meets it would take the backend out for the next test.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.requests = 0
        self.hang_up = False
        self.ready = True
        self.gate = threading.Event()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 0
            methods: ClassVar[tuple[str, ...]] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

            def __getattr__(self, attribute: str) -> Any:
                if attribute.removeprefix("do_") in self.methods:
                    return lambda: backend.answer(self)
                raise AttributeError(attribute)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("content-length") or 0))
        if "x-forwarded-for" not in request.headers and request.path.startswith("/health/"):
            request.send_response(200 if self.ready else 503)
            request.send_header("content-length", "0")
            request.end_headers()
            return
        self.requests += 1
        if self.hang_up:
            request.close_connection = True
            return
        if request.path.startswith("/mcp") and request.command == "POST":
            self._stream(request)
            return
        body = json.dumps(
            {
                "backend": self.name,
                "method": request.command,
                "target": request.path,
                "headers": {name.lower(): value for name, value in request.headers.items()},
            }
        ).encode()
        request.send_response(self.status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def _stream(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-type", "text/event-stream")
        request.send_header("transfer-encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"f\r\ndata: first\r\n\r\n\r\n")
        self.gate.wait(60)
        request.wfile.write(b"e\r\ndata: last\r\n\r\n\r\n0\r\n\r\n")

    def close(self) -> None:
        self.gate.set()
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(checkout=CHECKOUT, state=tmp_path / "state")
    made.create()
    return made


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], object]], None]:
    """Wait until a condition holds; fails after a minute."""
    pause = threading.Event()

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            pause.wait(0.02)

    return wait


@pytest.fixture(scope="module")
def backend() -> Iterator[Callable[[str], Backend]]:
    made: list[Backend] = []

    def make(name: str) -> Backend:
        made.append(Backend(name))
        return made[-1]

    yield make
    for each in made:
        each.close()
