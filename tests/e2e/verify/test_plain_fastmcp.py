"""What the verifier finds on FastMCP with its own Keycloak provider, as its documentation says, behind the same realm."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from native_stack import CHECKOUT, Stack, free_port, gatelodge

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def plain(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's MCP URL."""
    port, folder = free_port(), tmp_path_factory.mktemp("plain")
    command = [sys.executable, str(CHECKOUT / "tests" / "support" / "plain_server.py"), stack.issuer, str(port)]
    with (folder / "log").open("w") as log:
        # The provider reads the issuer's keys through the edge and must trust its authority.
        environment = {**os.environ, "SSL_CERT_FILE": str(stack.ca_file)}
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        _wait(url, folder / "log")
        yield url
    finally:
        server.terminate()
        server.wait(60)


def _wait(url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx2.get(url, trust_env=False, timeout=60).status_code == 401:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.mark.parametrize(
    ("client", "named"),
    [
        ("chatgpt", {"A1-tls", "A1-redirect", "A3-root", "C12-aud", "C13-resource", "D15-audience", "F21-hints"}),
        # It has no https of its own here, which a client on the same machine does not mind.
        ("cursor", {"A1-redirect", "C12-aud", "C13-resource", "D15-audience"}),
    ],
)
def test_the_known_weaknesses_are_found(stack: Stack, plain: str, client: str, named: set[str]) -> None:
    done = gatelodge("verify", plain, "--as", client, "--json", state=stack.state)
    report = json.loads(done.stdout)
    failed = {check["id"]: check["found"] for check in report["checks"] if check["outcome"] == "fail"}
    assert failed.keys() == named, failed
    assert done.returncode == 1
    # The rest is as healthy as FastMCP is: a verifier that fails everything finds nothing.
    assert report["counts"]["pass"] > 70
