"""The Worker under workerd before a recording server: which paths pass, which headers, what the container is given."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
import yaml
from native_stack import CHECKOUT

from e2e.cloudflare.project import PASSED, Project, configuration

HOST = "mcp.example.com"
SECRET = {"GATELODGE_A_SECRET": "kept-by-wrangler"}
TRAEFIK = yaml.safe_load((CHECKOUT / "infra" / "traefik" / "dynamic.yaml").read_text(encoding="utf-8"))["http"]

STRANGE = [
    "/",
    "/admin",
    "/internal/metrics",
    "/realms/mcp/protocol/openid-connect/auth",
    "/realms/master/protocol/openid-connect/auth",
    "/mcpx",
    "/mcp/x",
    "//mcp",
    "/MCP",
    "/%6dcp",
    "/mcp%2f",
    "/.well-known/",
    "/.well-known/oauth-authorization-server/realms/mcp",
    "/.well-known/oauth-protected-resource/other",
    "/d/",
    "/d/a/b",
    "/d/..%2f..%2fetc",
    "/health/live/x",
]


class Listener(ThreadingHTTPServer):
    """Answers every request and keeps what came."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.go_on = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        # The Container class asks by names of its own whether the port answers.
        if self.headers["host"] == HOST:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.seen.append((self.command, self.path, headers, body))
        if self.path.endswith("?stream"):
            self._stream()
            return
        moved = self.path.endswith("?moved")
        self.send_response(307 if moved else 200)
        if moved:
            self.send_header("location", "/elsewhere")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def _stream(self) -> None:
        """One event, and a second one that says whether the reader of the first asked for it in time."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.wfile.flush()
        self.wfile.write(b"data: asked for\n\n" if self.server.go_on.wait(60) else b"data: too late\n\n")

    do_POST = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - the names http.server calls

    def log_message(self, *_: object) -> None:
        """Nothing: the test keeps what came."""


@dataclass
class Worker:
    """The Worker's client and the server behind it."""

    http: httpx2.Client
    listener: Listener = field(repr=False)


@contextmanager
def running(bundled: Project, folder: Path) -> Iterator[Worker]:
    """The Worker with the vars of the configuration and a secret, before a listener."""
    with Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with (
                bundled.served(_address(listener), folder, configuration()["vars"] | SECRET) as url,
                httpx2.Client(base_url=url, headers={"host": HOST}, trust_env=False, timeout=60) as http,
            ):
                yield Worker(http, listener)
        finally:
            listener.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def worker(bundled: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with running(bundled, tmp_path_factory.mktemp("worker")) as found:
        yield found


def _address(listener: socketserver.TCPServer) -> str:
    return "{}:{}".format(*listener.server_address)


def test_an_unknown_path_is_404_and_starts_no_container(bundled: Project, tmp_path: Path) -> None:
    with running(bundled, tmp_path) as worker:
        for path in STRANGE:
            answer = worker.http.get(path)
            assert (answer.status_code, answer.json()) == (404, {"error": "not_found"}), path
        assert worker.http.get("/test/started").json() == {"started": [], "ports": []}
        assert worker.listener.seen == []


@pytest.mark.parametrize("path", PASSED)
def test_a_path_of_the_server_reaches_it_unchanged(worker: Worker, path: str) -> None:
    worker.listener.seen.clear()
    assert worker.http.get(f"{path}?a=1&b=%2F").text == "ok"
    ((method, seen, headers, _),) = worker.listener.seen
    assert (method, seen) == ("GET", f"{path}?a=1&b=%2F")
    assert headers["host"] == HOST


def test_the_container_is_started_once_with_vars_and_secrets_as_its_environment(worker: Worker) -> None:
    worker.http.get("/mcp")
    told = worker.http.get("/test/started").json()
    assert [start["env"] for start in told["started"]] == [configuration()["vars"] | SECRET]
    assert told["started"][0]["enableInternet"] is True
    assert told["ports"] == [8000]


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_methods_and_bodies_pass(worker: Worker, method: str) -> None:
    worker.listener.seen.clear()
    body = b"\x00\xff" * 40_000 if method == "POST" else b""
    assert worker.http.request(method, "/mcp", content=body).status_code == 200
    ((seen, _, _, got),) = worker.listener.seen
    assert (seen, got) == (method, body)


def test_an_event_arrives_before_the_next_one_is_made(worker: Worker) -> None:
    worker.listener.go_on.clear()
    with worker.http.stream("POST", "/mcp?stream", content=b"{}") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        parts = answer.iter_raw()
        seen = [next(parts)]
        worker.listener.go_on.set()
        seen += parts
    assert seen == [b"data: first\n\n", b"data: asked for\n\n"]


def test_a_redirect_of_the_server_is_passed_on_and_not_followed(worker: Worker) -> None:
    worker.listener.seen.clear()
    answer = worker.http.get("/mcp?moved")
    assert (answer.status_code, answer.headers["location"]) == (307, "/elsewhere")
    assert len(worker.listener.seen) == 1


def test_forwarding_headers_of_a_client_are_removed_and_all_others_stay(worker: Worker) -> None:
    listed = TRAEFIK["middlewares"]["client-headers"]["headers"]["customRequestHeaders"]
    own = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Server"]
    removed = [*listed, *own, "X-Real-Ip", "X-Forwarded-Anything", "Cf-Container-Target-Port"]
    kept = {"authorization": "Bearer t", "mcp-protocol-version": "2026-07-28", "origin": "https://a.example"}
    kept |= {"cf-access-jwt-assertion": "j", "accept": "text/event-stream", "mcp-name": "search"}
    worker.listener.seen.clear()
    assert worker.http.get("/mcp", headers=dict.fromkeys(removed, "9") | kept).status_code == 200
    ((_, _, headers, _),) = worker.listener.seen
    assert [name for name in removed if name.lower() in headers] == []
    assert {name: headers.get(name) for name in kept} == kept
    assert worker.http.get("/test/started").json()["ports"] == [8000]


def test_the_worker_serves_the_paths_that_traefik_gives_the_server() -> None:
    rule = TRAEFIK["routers"]["server"]["rule"]
    named = {part.split("`")[1] for part in rule.split("||")}
    assert {path for path in named if not path.endswith("/")} <= set(PASSED)
    assert {path for path in named if path.endswith("/")} == {"/mcp/", "/.well-known/", "/d/"}
