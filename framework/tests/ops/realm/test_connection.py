"""What an operator reads when Keycloak refuses or does not answer; a real server on loopback plays Keycloak."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.apply import RealmAdmin, RealmRefused
from gatelodge.ops.realm.files import RealmFilesInvalid

PASSWORD = "a-password-nobody-may-read"
SIGN_IN = "/realms/master/protocol/openid-connect/token"


class Played(BaseHTTPRequestHandler):
    """Signs everyone in and gives the answers it was told to."""

    answers: ClassVar[dict[tuple[str, str], tuple[int, bytes]]] = {}
    seen: ClassVar[list[tuple[str, str]]] = []
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        request = (self.command, self.path.partition("?")[0])
        self.seen.append(request)
        token = {"access_token": "t", "refresh_token": "r", "expires_in": 60}
        status, body = self.answers.get(request, (200, json.dumps(token).encode()))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""


@pytest.fixture
def keycloak() -> Iterator[tuple[str, type[Played]]]:
    """The address of the played Keycloak, and its answers to set."""
    handler = type("PlayedHere", (Played,), {"answers": {}, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    # Handler threads of kept-alive connections end with their connection.
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def admin(keycloak: tuple[str, type[Played]]) -> Iterator[RealmAdmin]:
    admin = RealmAdmin(keycloak[0], "admin", Secret(PASSWORD))
    yield admin
    admin.close()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"errorMessage":"Conflict detected. See logs for details"}', "Conflict detected. See logs for details"),
        (b'{"error":"invalid_grant","error_description":"Invalid user credentials"}', "invalid_grant: Invalid user"),
        (b"<html>bad gateway</html>", "<html>bad gateway</html>"),
        (b"[1]", "[1]"),
        (b"", "(no message)"),
    ],
)
def test_a_refusal_names_method_path_status_and_keycloaks_message(
    keycloak: tuple[str, type[Played]], admin: RealmAdmin, body: bytes, message: str
) -> None:
    keycloak[1].answers[("GET", "/admin/realms/mcp")] = (404, b"")
    keycloak[1].answers[("POST", "/admin/realms")] = (409, body)
    with pytest.raises(RealmRefused) as caught:
        admin.ensure({"realm": "mcp", "users": []})
    assert caught.value.detail.startswith(f"POST /admin/realms: status 409: {message}")
    assert caught.value.answered == 409


def test_a_long_answer_is_cut(keycloak: tuple[str, type[Played]], admin: RealmAdmin) -> None:
    keycloak[1].answers[("GET", "/admin/realms/mcp")] = (500, b"x" * 100_000)
    with pytest.raises(RealmRefused) as caught:
        admin.ensure({"realm": "mcp"})
    assert len(caught.value.detail) < 600


def test_a_refused_sign_in_says_so_and_keeps_the_password(
    keycloak: tuple[str, type[Played]], admin: RealmAdmin
) -> None:
    keycloak[1].answers[("GET", "/admin/realms/mcp")] = (401, b"")
    keycloak[1].answers[("POST", SIGN_IN)] = (401, b'{"error":"invalid_grant"}')
    with pytest.raises(RealmRefused) as caught:
        admin.ensure({"realm": "mcp"})
    assert caught.value.detail == f"POST {SIGN_IN}: status 401: invalid_grant"
    assert PASSWORD not in str(caught.value)


def test_no_answer_says_so_and_keeps_the_password() -> None:
    admin = RealmAdmin("http://127.0.0.1:9", "admin", Secret(PASSWORD))
    with pytest.raises(RealmRefused, match=r"GET /admin/realms/mcp: no answer: .*refused") as caught:
        admin.ensure({"realm": "mcp"})
    assert PASSWORD not in str(caught.value)
    admin.close()


def test_a_proxy_of_the_environment_is_not_used(
    keycloak: tuple[str, type[Played]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    admin = RealmAdmin(keycloak[0], "admin", Secret(PASSWORD))
    keycloak[1].answers[("GET", "/admin/realms/mcp/clients")] = (200, b"[]")
    admin.delete_client("nobody")
    admin.close()
    assert ("GET", "/admin/realms/mcp/clients") in keycloak[1].seen


def test_closing_signs_out_once(keycloak: tuple[str, type[Played]]) -> None:
    keycloak[1].answers[("GET", "/admin/realms/mcp")] = (401, b"")
    admin = RealmAdmin(keycloak[0], "admin", Secret(PASSWORD))
    with pytest.raises(RealmRefused):
        admin.ensure({"realm": "mcp"})
    sign_out = ("POST", "/realms/master/protocol/openid-connect/logout")
    keycloak[1].answers[sign_out] = (204, b"")
    admin.close()
    admin.close()
    assert keycloak[1].seen.count(sign_out) == 1


@pytest.mark.parametrize("name", ["master", "MASTER"])
def test_master_is_refused_before_anything_is_sent(keycloak: tuple[str, type[Played]], name: str) -> None:
    with pytest.raises(RealmFilesInvalid, match="master"):
        RealmAdmin(keycloak[0], "admin", Secret(PASSWORD), realm=name)
    admin = RealmAdmin(keycloak[0], "admin", Secret(PASSWORD))
    with pytest.raises(RealmFilesInvalid, match="master"):
        admin.ensure({"realm": name})
    admin.close()
    assert not keycloak[1].seen
