"""The real Traefik with the real routes, before three small servers: what gets through, and what does not.

Requests are written on the socket byte by byte: HTTP libraries would tidy up the very paths that matter here.
"""

import json
import os
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from gatelodge.core.clock import SystemClock
from gatelodge.ops.realm.files import Server as ServerFile
from gatelodge.ops.stack.authority import ensure_certificates
from gatelodge.ops.stack.binaries import find_binaries
from gatelodge.ops.stack.edge import edge_environment, render_routes, render_static
from gatelodge.ops.stack.layout import Layout
from gatelodge.ops.stack.options import StackOptions
from gatelodge.ops.stack.ports import Ports, choose_ports
from gatelodge.ops.stack.servers import ServerFolder
from gatelodge.ops.stack.versions import read_versions

_CHECKOUT = Path(__file__).resolve().parents[4]
_REGISTRATION = "/realms/mcp/clients-registrations/openid-connect"
# A further server, below a path of its own.
_WORKSPACE = ServerFolder(
    _CHECKOUT, "workspace:app", ServerFile(name="workspace", path="/workspace/mcp", scopes={"read": "Read"})
)
_METADATA = (
    "/.well-known/oauth-authorization-server/realms/mcp",
    "/realms/mcp/.well-known/oauth-authorization-server",
    "/realms/mcp/.well-known/openid-configuration",
)


class Server(Protocol):
    """What these tests use of conftest's ``Backend``."""

    status: int
    port: int
    gate: Any
    requests: int
    hang_up: bool
    ready: bool

    def close(self) -> None: ...


@dataclass
class Answer:
    """A whole answer off the wire."""

    status: int
    headers: str
    body: bytes

    @property
    def seen(self) -> dict[str, Any]:
        """What the backend says it got."""
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


@dataclass
class Edge:
    """A running Traefik and the servers behind it."""

    port: int
    context: ssl.SSLContext
    log: Path
    keycloak: Server
    desk: Server
    server: Server

    def connect(self) -> ssl.SSLSocket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        return self.context.wrap_socket(connection, server_hostname="localhost")

    def send(self, method: str, target: str | bytes, headers: str = "") -> Answer:
        raw = target.encode() if isinstance(target, str) else target
        head = f" HTTP/1.1\r\nHost: localhost:{self.port}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n"
        with self.connect() as wire:
            wire.sendall(method.encode() + b" " + raw + head.encode())
            received = b""
            while chunk := wire.recv(65536):
                received += chunk
        top, _, body = received.partition(b"\r\n\r\n")
        return Answer(int(top.split(b" ", 2)[1]), top.decode().lower(), body)


Make = Callable[[str], Server]
Until = Callable[[Callable[[], object]], None]


@contextmanager
def _running(
    state: Path, backend: Make, until: Until, second: Server | None = None, *, read_timeout: str = "60s"
) -> Iterator[Edge]:
    layout = Layout(_CHECKOUT, state)
    layout.create()
    certificates = ensure_certificates(layout.tls, SystemClock())
    keycloak, desk, server = backend("keycloak"), backend("desk"), backend("server")
    workspace = backend("workspace")
    with socket.create_server(("127.0.0.1", 0)) as free:
        public = int(free.getsockname()[1])
    chosen = choose_ports(StackOptions(layout, port=public))
    ports = Ports(public, chosen.ping, keycloak.port, chosen.management, desk.port, server.port, (workspace.port,))
    configuration, log = state / "traefik" / "traefik.yaml", layout.log("traefik")
    render_static(layout.infra, configuration, bind="127.0.0.1", ports=ports, read_timeout=read_timeout)
    render_routes(layout.infra, layout.routes, servers=(_WORKSPACE,), ports=ports)
    # The desk is in this process: while all stands still for a moment, Traefik would take it for one that hangs.
    shared = layout.routes / "dynamic.yaml"
    text = shared.read_text()
    assert text.count("timeout: 1s") == 1
    shared.write_text(text.replace("timeout: 1s", "timeout: 60s"))
    command = [
        str(find_binaries(read_versions(layout.infra / "versions.toml")).traefik),
        f"--configFile={configuration}",
    ]
    environment = dict(os.environ) | edge_environment(ports, certificates)
    if second is not None:
        environment["GATELODGE_EDGE_SERVER_2_URL"] = f"http://127.0.0.1:{second.port}"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
    ):
        context = ssl.create_default_context(cafile=str(certificates.ca_file))
        running = Edge(public, context, log, keycloak, desk, server)
        try:
            until(lambda: _up(running, ports.ping) or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield running
        finally:
            server.gate.set()
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, backend: Make, until: Until) -> Iterator[Edge]:
    # A folder name that needs care in YAML and in Go templates.
    with _running(tmp_path_factory.mktemp('state "quoted" {{x}} #1'), backend, until) as running:
        yield running


def _up(edge: Edge, ping: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ping}/ping", timeout=60) as answer:
            return bool(answer.status == 200 and edge.send("GET", "/health/live").status == 200)
    except OSError:
        return False


def test_traefik_accepts_its_configuration_without_a_warning(edge: Edge) -> None:
    problems = [line for line in edge.log.read_text().splitlines() if " WRN " in line or " ERR " in line]
    assert problems == []


@pytest.mark.parametrize(
    ("method", "target", "part"),
    [
        ("POST", _REGISTRATION, "desk"),
        ("OPTIONS", _REGISTRATION, "desk"),
        *(("GET", path, "desk") for path in _METADATA),
        ("GET", "/realms/mcp/protocol/openid-connect/auth?client_id=a%2Fb;c", "keycloak"),
        ("POST", "/realms/mcp/protocol/openid-connect/token", "keycloak"),
        ("GET", "/realms/mcp/protocol/openid-connect/certs", "keycloak"),
        ("POST", "/realms/mcp/login-actions/authenticate?session_code=x", "keycloak"),
        ("GET", "/resources/a1b2/login/keycloak.v2/css/styles.css", "keycloak"),
        ("GET", "/resources/a1b2/common/keycloak/vendor/@patternfly/x.css", "keycloak"),
        ("GET", "/mcp", "server"),
        ("GET", "/mcp/", "server"),
        ("DELETE", "/mcp", "server"),
        ("GET", "/.well-known/oauth-protected-resource", "server"),
        ("GET", "/.well-known/oauth-protected-resource/mcp", "server"),
        ("GET", "/.well-known/oauth-authorization-server", "server"),
        ("GET", "/.well-known/openid-configuration/realms/mcp", "server"),
        ("GET", "/health", "server"),
        ("GET", "/health/ready", "server"),
        ("GET", "/status", "server"),
        ("GET", "/openapi.json", "server"),
        ("GET", "/docs", "server"),
        ("GET", "/d/some-document", "server"),
        ("POST", "/workspace/mcp", "workspace"),
        ("DELETE", "/workspace/api/connections/github", "workspace"),
        ("GET", "/workspace/internals", "workspace"),
        ("GET", "/.well-known/oauth-protected-resource/workspace/mcp", "workspace"),
    ],
)
def test_a_route_leads_to_its_part_unchanged(edge: Edge, method: str, target: str, part: str) -> None:
    answer = edge.send(method, target)
    assert answer.status == 200
    assert (answer.seen["backend"], answer.seen["method"]) == (part, method)
    # Traefik turns ";" of a query into "&", as Go does; nothing else may change.
    assert answer.seen["target"] == target.replace(";", "&")


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_both_spellings_of_the_endpoint_are_answered_without_a_redirect(edge: Edge, path: str) -> None:
    assert edge.send("GET", path).seen["target"] == path


_CLOSED = [
    "/", "/admin", "/admin/", "/admin/master/console/", "/admin/realms", "/ADMIN/",
    "/realms", "/realms/", "/realms/master", "/realms/master/", "/realms/master/protocol/openid-connect/token",
    "/realms/master/.well-known/openid-configuration", "/.well-known/../realms/master/x",
    "/realms/mcp", "/realms/mcp/", "/realms/mcpx/y", "/realms/MCP/protocol/openid-connect/token",
    "/realms/mcp/clients-registrations", "/realms/mcp/clients-registrations/", "/realms/mcp/clients-registrations/default",
    "/realms/mcp/clients-registrations/default/", "/realms/mcp/clients-registrations/install/x",
    "/realms/mcp/clients-registrations/saml2-entity-descriptor", "/realms/mcp/clients-registrations/default?x=/openid-connect",
    "/realms/mcp/clients-registrations/openid-connect/", "/realms/mcp/clients-registrations/openid-connect/id/x",
    "/realms/mcp/clients-registrations/openid-connect/../default", "/realms/mcp/clients-managements/register-node",
    "/health/x", "/metrics", "/internal/x", "/api/rawdata", "/api/overview", "/dashboard/", "/ping", "/debug/pprof/",
    "/resources", "/resources/", "/js/keycloak.js", "/robots.txt", "/mcpx", "/mcp/x", "/statusx", "/docs/", "/docs/x", "/d", "/lb-check",
    # Dot segments, doubled slashes, backslashes.
    "/realms/mcp/../master/x", "/realms/mcp/./../master/x", "/resources/../admin/", "/d/../admin/", "/mcp/../admin/",
    "//admin/", "/.//admin/", "//realms//master//x", "/realms//mcp//clients-registrations//default",
    "/realms/mcp/x/../clients-registrations/default", "/realms/mcp/./clients-registrations/default",
    "/realms/mcp\\..\\master\\x", "/resources\\..\\admin", "/realms/mcp/x\\..\\..\\master",
    # Encoded.
    "/%61dmin/", "/%61%64%6d%69%6e/", "/realms/m%61ster/x", "/realms/mcp/%2e%2e/master/x", "/realms/mcp/%2E%2E/master/x",
    "/realms/mcp/.%2e/master/x", "/realms/mcp/..%2fmaster/x", "/realms/mcp/..%2Fmaster/x", "/realms%2fmaster/x",
    "/realms/mcp/%2e%2e%2fmaster/x", "/realms/mcp/..%5cmaster/x", "/realms/mcp/%5c..%5cmaster/x",
    "/realms/mcp/clients%2dregistrations/default", "/realms/mcp/clients%2Dregistrations/default",
    "/realms/mcp/%63lients-registrations/default", "/realms/mcp/clients-registrations%2fdefault",
    "/realms/mcp%2fclients-registrations/default", "/realms/mcp/%2fclients-registrations/default",
    "/realms/mcp/clients-registrations/%64efault", "/realms/mcp/CLIENTS-registrations/default",
    "/realms/mcp/%2e/clients-registrations/default", "/realms/mcp/x/%2e%2e/clients-registrations/default",
    "/realms/mcp/%252e%252e/master/x", "/realms/mcp/%25252e/x", "/realms/mcp/clients%252dregistrations/default",
    "/realms/mcp/%c0%ae%c0%ae/master/x", "/realms/mcp/%u002e/x", "/realms/mcp/a%00b", "/realms/mcp/a%0d%0ab", "/realms/mcp/a%20b",
    "/d/..%2fadmin/", "/d/%2e%2e/admin/", "/.well-known/%2e%2e/admin/", "/.well-known/..%2fadmin",
    # Matrix parameters, query and fragment tricks.
    "/realms/mcp;x=y/clients-registrations/default", "/realms/mcp/;/clients-registrations/default",
    "/realms/mcp/clients-registrations;x=y/default", "/realms/mcp/..;/master/x", "/realms/mcp/..;x=y/master/x",
    "/realms;x/master/x", "/admin;x/", "/;/admin/", "/realms/mcp/%3b/clients-registrations/default", "/realms/mcp/..%3b/master/x",
    # Of a further server all but what is for its own network.
    "/internal/tokens/github", "/internal/tokens/github?user=x", "/workspace/internal/tokens/github",
    "/workspace/internal/tokens/github?user=x", "/workspace/internal/", "/workspace//internal/tokens/github",
    "//workspace/internal/tokens/github", "/workspace/internal//tokens/github", "/workspace/./internal/tokens/github",
    "/workspace/x/../internal/tokens/github", "/workspace/internal/./tokens/github", "/workspace/internal/../internal/tokens/x",
    "/workspace/%69nternal/tokens/github", "/workspace/%69%6e%74%65%72%6e%61%6c/tokens/github", "/workspace/%2e/internal/tokens/x",
    "/workspace/x/%2e%2e/internal/tokens/x", "/%77orkspace/internal/tokens/github", "/workspace/internal/%74okens/github",
    "/workspace/internal%2ftokens/github", "/workspace/internal%2Ftokens%2Fgithub", "/workspace%2finternal/tokens/github",
    "/workspace/%2finternal/tokens/github", "/workspace/x/..%2finternal/tokens/github", "/workspace/%2e%2finternal/tokens/github",
    "/mcp/../workspace/internal/tokens/github", "/d/../workspace/internal/tokens/github", "/d/%2e%2e/workspace/internal/tokens/x",
    "/realms/mcp/%3f/../../master", "/realms/mcp/%23/../../master", "/realms/mcp/x#/../master",
]  # fmt: skip


@pytest.mark.parametrize("target", _CLOSED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_spelling_of_a_closed_path_reaches_any_part(edge: Edge, method: str, target: str) -> None:
    answer = edge.send(method, target)
    assert answer.status in {400, 404}
    assert b"backend" not in answer.body


@pytest.mark.parametrize("target", [b"/realms/mcp/\xc3\xa9", b"/realms/mcp/\xff", b"/realms/mcp/\x01", b"/\x7fadmin/"])
def test_raw_bytes_that_are_no_ascii_letters_do_not_reach_keycloak(edge: Edge, target: bytes) -> None:
    assert edge.send("GET", target).status in {400, 404}


@pytest.mark.parametrize(
    ("target", "status"), [("http://localhost/admin/", 404), ("https://evil.example/realms/master/x", 404), ("*", 404)]
)
def test_other_forms_of_the_target_open_nothing(edge: Edge, target: str, status: int) -> None:
    assert edge.send("GET", target).status == status


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "post", "POSTX"])
def test_the_registration_path_takes_two_methods_only(edge: Edge, method: str) -> None:
    answer = edge.send(method, _REGISTRATION)
    assert answer.status in {400, 404}
    assert b"backend" not in answer.body


@pytest.mark.parametrize(
    "spelling",
    ["/realms/mcp//clients-registrations/openid-connect", "/realms/mcp/./clients-registrations/x/../openid-connect"],
)
def test_another_spelling_of_the_registration_path_reaches_the_desk_in_its_one_form(edge: Edge, spelling: str) -> None:
    seen = edge.send("POST", spelling).seen
    assert (seen["backend"], seen["target"]) == ("desk", _REGISTRATION)


_SENT = {
    "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "1",
    "X-Forwarded-Server": "evil", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Uri": "/admin", "X-Forwarded-Method": "PUT",
    "X-Forwarded-Tls-Client-Cert": "evil", "X-Real-Ip": "6.6.6.6", "Forwarded": "for=6.6.6.6;host=evil.example;proto=http",
    "X-Forwarded-Scheme": "http", "X-Forwarded-Ssl": "off", "X-Forwarded-User": "evil", "X-Original-Url": "/admin",
    "X-Rewrite-Url": "/admin", "X-Original-Host": "evil.example", "X-Client-Ip": "6.6.6.6", "True-Client-Ip": "6.6.6.6",
    "Cf-Connecting-Ip": "6.6.6.6", "X-Http-Method-Override": "DELETE", "Traceparent": "evil", "X_Forwarded_For": "6.6.6.6",
    "X.Forwarded.Host": "evil.example", "X_Real_Ip": "6.6.6.6",
}  # fmt: skip


@pytest.mark.requirement("RFC9700-4.13-proxy-headers")
@pytest.mark.parametrize("target", ["/realms/mcp/x", "/mcp", _METADATA[0]])
def test_forwarding_headers_of_the_client_are_removed_and_traefiks_own_are_right(edge: Edge, target: str) -> None:
    headers = edge.send("GET", target, "".join(f"{name}: {value}\r\n" for name, value in _SENT.items())).seen["headers"]
    assert not [name for name, value in headers.items() if value in set(_SENT.values())]
    expected = {
        "x-forwarded-for": "127.0.0.1",
        "x-real-ip": "127.0.0.1",
        "x-forwarded-proto": "https",
        "x-forwarded-host": f"localhost:{edge.port}",
        "x-forwarded-port": str(edge.port),
        "host": f"localhost:{edge.port}",
    }
    assert {name: headers.get(name) for name in expected} == expected
    assert (
        not {name for name in headers if name.startswith(("forwarded", "x-forwarded-"))}
        - set(expected)
        - {"x-forwarded-server"}
    )


def test_a_client_cannot_take_traefiks_headers_away_as_hop_by_hop(edge: Edge) -> None:
    listed = "Connection: X-Forwarded-Proto, X-Forwarded-For, X-Forwarded-Host, X-Real-Ip\r\n"
    headers = edge.send("GET", "/realms/mcp/x", listed).seen["headers"]
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.1"


def test_the_servers_own_headers_pass(edge: Edge) -> None:
    own = {
        "Authorization": "Bearer x",
        "Mcp-Session-Id": "1",
        "Mcp-Protocol-Version": "2",
        "Origin": "https://a.example",
    }
    headers = edge.send("GET", "/mcp", "".join(f"{name}: {value}\r\n" for name, value in own.items())).seen["headers"]
    assert {name: headers.get(name.lower()) for name in own} == own


@pytest.mark.parametrize("path", _METADATA)
@pytest.mark.parametrize("status", [500, 503])
def test_keycloak_answers_for_the_issuer_when_the_desk_fails(edge: Edge, path: str, status: int) -> None:
    edge.desk.status = status
    try:
        answer = edge.send("GET", path)
    finally:
        edge.desk.status = 200
    assert (answer.status, answer.seen["backend"]) == (200, "keycloak")


@pytest.mark.parametrize("status", [400, 403, 500])
def test_keycloak_never_answers_a_registration_for_the_desk(edge: Edge, status: int) -> None:
    edge.desk.status = status
    try:
        answer = edge.send("POST", _REGISTRATION)
    finally:
        edge.desk.status = 200
    assert (answer.status, answer.seen["backend"]) == (status, "desk")


def _first_event(edge: Edge) -> tuple[ssl.SSLSocket, bytes]:
    wire = edge.connect()
    wire.sendall(f"POST /mcp HTTP/1.1\r\nHost: localhost:{edge.port}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    received = b""
    while b"data: first" not in received:
        chunk = wire.recv(65536)
        assert chunk, received
        received += chunk
    return wire, received


def test_an_event_arrives_before_the_answer_ends_and_uncompressed(edge: Edge) -> None:
    # The backend holds the rest back until this test has read the first event: a buffering proxy would hang here.
    edge.server.gate.clear()
    wire, received = _first_event(edge)
    with wire:
        assert b"data: last" not in received
        assert b"content-encoding" not in received.lower()
        edge.server.gate.set()
        while b"data: last" not in received:
            received += wire.recv(65536)


def test_a_stream_outlives_the_limit_on_reading_requests(tmp_path: Path, backend: Make, until: Until) -> None:
    with _running(tmp_path / "state", backend, until, read_timeout="3s") as edge:
        edge.server.gate.clear()
        wire, received = _first_event(edge)
        with wire, edge.connect() as slow:
            # A request whose header never ends is cut off by the read timeout: by then the stream has outlived it too.
            slow.sendall(b"GET /mcp HTTP/1.1\r\nHost: localh")
            while slow.recv(65536):
                pass
            edge.server.gate.set()
            while b"data: last" not in received:
                chunk = wire.recv(65536)
                assert chunk, "the stream was cut off"
                received += chunk


def test_headers_over_the_limit_are_refused(edge: Edge) -> None:
    assert edge.send("GET", "/mcp", f"X-Large: {'a' * 80_000}\r\n").status == 431
    assert edge.send("GET", "/mcp", f"Authorization: Bearer {'a' * 16_384}\r\n").status == 200


@pytest.mark.parametrize(("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1")])
def test_both_http_versions_are_offered(edge: Edge, offered: list[str], chosen: str) -> None:
    context = ssl.create_default_context(cadata="".join(ssl.DER_cert_to_PEM_cert(der) for der in _authorities(edge)))
    context.set_alpn_protocols(offered)
    with (
        socket.create_connection(("127.0.0.1", edge.port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wire,
    ):
        assert wire.selected_alpn_protocol() == chosen


def _authorities(edge: Edge) -> list[bytes]:
    return edge.context.get_ca_certs(binary_form=True)


@pytest.mark.requirement("RFC9728-7.1-tls", "MCP26-AUTH-14c")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_before_1_2_is_refused_by_the_server(edge: Edge) -> None:
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", edge.port), timeout=60) as plain,
        pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"),
    ):
        old.wrap_socket(plain, server_hostname="localhost")


def test_the_access_log_holds_no_query_and_no_header(edge: Edge, until: Until) -> None:
    edge.send(
        "GET", "/realms/mcp/logged?code=secret-code", "Authorization: Bearer secret-token\r\nCookie: a=secret\r\n"
    )
    until(lambda: "/realms/mcp/logged" in edge.log.read_text())
    assert "secret" not in edge.log.read_text()


def test_no_middleware_buffers_compresses_or_authenticates() -> None:
    text = (_CHECKOUT / "infra" / "traefik" / "dynamic.yaml").read_text()
    dynamic = yaml.safe_load(text)
    # `retry` reads requests whole and, as it is set, repeats none: the next test.
    assert {kind for each in dynamic["http"]["middlewares"].values() for kind in each} == {"headers", "retry"}
    assert all(router["entryPoints"] == ["public"] for router in dynamic["http"]["routers"].values())


# Of GET, Go's own transport repeats one that met a connection just closed, which is safe.
@pytest.mark.parametrize("fault", [500, 502, 503, 504, "hang up"])
def test_a_call_of_the_server_is_never_sent_twice(edge: Edge, fault: int | str) -> None:
    before = edge.server.requests
    try:
        if isinstance(fault, int):
            edge.server.status = fault
        else:
            edge.server.hang_up = True
        assert edge.send("POST", "/status").status == (fault if isinstance(fault, int) else 502)
    finally:
        edge.server.status, edge.server.hang_up = 200, False
    assert edge.server.requests == before + 1


def test_the_desk_gone_means_keycloaks_metadata_and_no_registration(
    tmp_path: Path, backend: Make, until: Until
) -> None:
    with _running(tmp_path / "state", backend, until) as edge:
        edge.desk.close()
        for path in _METADATA:
            answer = edge.send("GET", path)
            assert (answer.status, answer.seen["backend"]) == (200, "keycloak")
        assert edge.send("POST", _REGISTRATION).status in {502, 503}


def test_two_replicas_share_the_calls_and_none_is_sent_twice(tmp_path: Path, backend: Make, until: Until) -> None:
    second = backend("server 2")
    with _running(tmp_path / "state", backend, until, second) as edge:
        both = {"server", "server 2"}
        assert {edge.send("GET", "/status").seen["backend"] for _ in range(8)} == both
        for fault in (500, 502, 503, "hang up"):
            before = edge.server.requests + second.requests
            for replica in (edge.server, second):
                replica.status, replica.hang_up = (fault, False) if isinstance(fault, int) else (200, True)
            answers = [edge.send("POST", "/status").status for _ in range(4)]
            for replica in (edge.server, second):
                replica.status, replica.hang_up = 200, False
            assert answers == [fault if isinstance(fault, int) else 502] * 4
            assert edge.server.requests + second.requests == before + 4
        # One that says it is not ready gets nothing more, until it says that it is.
        second.ready = False
        until(lambda: {edge.send("GET", "/status").seen["backend"] for _ in range(6)} == {"server"})
        second.ready = True
        until(lambda: {edge.send("GET", "/status").seen["backend"] for _ in range(6)} == both)


def test_a_replica_that_is_not_there_costs_no_call(tmp_path: Path, backend: Make, until: Until) -> None:
    gone = backend("gone")
    gone.close()
    with _running(tmp_path / "state", backend, until, gone) as edge:
        # From the start on: Traefik takes both for ready until it has asked.
        assert [edge.send("POST", "/status").status for _ in range(20)] == [200] * 20
        assert edge.server.requests == 21  # one by the start itself
