"""The default mode, with the desk as its own process behind a Traefik of its own: hosts that are not named are refused."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from native_stack import CHECKOUT, Stack, free_port
from surface import Edge, edge, until

pytestmark = pytest.mark.stack
AUTH = "/realms/mcp/protocol/openid-connect/auth"
UNLISTED = [
    "https://stranger.example/client.json",
    # A subdomain and a look-alike of a host that is named.
    "https://evil.chatgpt.com/oauth/client.json",
    "https://chatgpt.com.stranger.example/oauth/client.json",
    "https://xn--chatgt-4ya.com/oauth/client.json",
]


@contextmanager
def desk(stack: Stack, folder: Path) -> Iterator[int]:
    """``gatelodge desk`` with its defaults, at the stack's Keycloak; gives its port."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATELODGE_")}
    environment |= {
        "GATELODGE_ISSUER": stack.issuer,
        "GATELODGE_ISSUER_INTERNAL_URL": f"{stack.keycloak_url}/realms/mcp",
        "GATELODGE_DESK_SECRET_FILE": str(stack.state / "secrets" / "desk"),
        "GATELODGE_STATE_DIR": str(folder / "desk"),
        "GATELODGE_PORT": str(port),
    }
    with (
        (folder / "desk.log").open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "gatelodge", "desk"], cwd=CHECKOUT, env=environment, stdout=output, stderr=output
        ) as process,
    ):
        try:
            until(lambda: _alive(port) or process.poll() is not None, "the desk did not start")
            assert process.poll() is None, (folder / "desk.log").read_text()
            yield port
        finally:
            process.terminate()
            process.wait(60)


def _alive(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health/live", trust_env=False, timeout=60).status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.fixture(scope="module")
def running(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("allow-list")
    with desk(stack, folder) as port, edge(folder, port, desk=port) as running:
        yield running


def asked(running: Edge, client_id: str, accept: str = "text/html") -> httpx2.Response:
    query = urlencode({"client_id": client_id, "redirect_uri": "https://stranger.example/cb", "response_type": "code"})
    with httpx2.Client(verify=running.context, timeout=60, trust_env=False) as client:
        return client.get(f"https://localhost:{running.port}{AUTH}?{query}", headers={"accept": accept})


@pytest.mark.parametrize("client_id", UNLISTED)
def test_a_host_that_is_not_named_gets_a_page_that_names_those_that_are(
    stack: Stack, running: Edge, client_id: str
) -> None:
    answer = asked(running, client_id)
    assert answer.status_code == 400
    assert "chatgpt.com, claude.ai, vscode.dev" in answer.text
    assert "This application is not allowed here" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "location" not in answer.headers
    assert stack.admin.keycloak.get_client_id(client_id) is None


def test_a_client_that_asks_for_json_is_told_the_same(running: Edge) -> None:
    answer = asked(running, UNLISTED[0], "application/json")
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert "chatgpt.com, claude.ai, vscode.dev" in answer.json()["error_description"]
