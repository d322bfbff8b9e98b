"""Whether a proxy holds answers back: the stack's own Traefik does not, one that reads answers whole is found."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from native_stack import Stack, free_port, gatelodge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from surface import Edge, edge, until

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def slow(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A server with a tool that reports, behind a Traefik of its own with the stack's configuration and issuer."""
    folder, port = tmp_path_factory.mktemp("slow"), free_port()
    environment = {
        "PYTHONPATH": str(Path(__file__).parent),
        # The audience that the realm's scopes give.
        "GATELODGE_PUBLIC_URL": stack.mcp_url,
        "GATELODGE_ISSUER": stack.issuer,
        "GATELODGE_ISSUER_INTERNAL_URL": f"{stack.keycloak_url}/realms/mcp",
        "GATELODGE_PORT": str(port),
        "GATELODGE_STATE_DIR": str(folder / "server"),
    }
    command = [sys.executable, "-m", "gatelodge", "serve", "slow_server:app"]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log, cwd=folder)
    try:
        with edge(folder, port, read_timeout="30s") as running:
            yield running
    finally:
        server.terminate()
        server.wait(60)


@contextmanager
def holding_back(target: str, ca_file: Path) -> Iterator[str]:
    """A proxy that reads every answer whole before it passes it on."""
    trust = ssl.create_default_context(cafile=str(ca_file))

    async def passed_on(request: Request) -> Response:
        kept = {name: value for name, value in request.headers.items() if name not in {"host", "connection"}}
        async with httpx2.AsyncClient(verify=trust, timeout=60, trust_env=False) as client:
            url = f"{target}{request.url.path}"
            answer = await client.request(request.method, url, headers=kept, content=await request.body())
        dropped = {"transfer-encoding", "content-length", "connection"}
        shown = {name: value for name, value in answer.headers.items() if name not in dropped}
        return Response(answer.content, answer.status_code, shown)

    port = free_port()
    app = Starlette(routes=[Route("/{path:path}", passed_on, methods=["GET", "POST", "HEAD", "DELETE"])])
    proxy = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(proxy.serve()))
    thread.start()
    try:
        until(lambda: proxy.started, "the proxy did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        proxy.should_exit = True
        thread.join()


def stream_of(stack: Stack, url: str, ca_file: Path, client: str) -> dict[str, Any]:
    """What the verifier says of the stream."""
    done = gatelodge(
        *(
            "verify",
            url,
            "--as",
            client,
            "--slow-tool",
            "report",
            "--ca-file",
            str(ca_file),
            "--json",
            "--check",
            "E19-stream",
        ),
        state=stack.state,
    )
    assert done.returncode in {0, 1}, done.stderr
    (found,) = json.loads(done.stdout)["checks"]
    return dict(found)


def test_a_proxy_that_passes_events_on_is_told_from_one_that_holds_them_back(
    stack: Stack, slow: Edge, tmp_path: Path
) -> None:
    own, trusted = slow.log.parent / "tls" / "ca.pem", tmp_path / "ca.pem"
    trusted.write_text(stack.ca_file.read_text() + own.read_text())
    base = f"https://localhost:{slow.port}"
    through_traefik = stream_of(stack, f"{base}/mcp", trusted, "chatgpt")
    assert through_traefik["outcome"] == "pass", through_traefik["found"]
    with holding_back(base, own) as proxy:
        held = stream_of(stack, f"{proxy}/mcp", trusted, "cursor")
    assert held["outcome"] == "fail", held["found"]
    assert "together with the result" in held["found"]
    assert "buffering" in held["fix"]
