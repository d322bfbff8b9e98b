"""The figures of a real process: on a bind of their own, that path alone, and never on the public port."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

SERVER = """
from typing import Any
from fastmcp import FastMCP
from gatelodge import protect, requires
mcp: FastMCP[Any] = FastMCP("small")
@mcp.tool
@requires("small:read")
async def read() -> str:
    return "read"
app = protect(mcp)
"""
ISSUER = {
    "GATELODGE_ISSUER": "https://localhost:8443/realms/mcp",
    "GATELODGE_ISSUER_INTERNAL_URL": "http://127.0.0.1:9/realms/mcp",
    "GATELODGE_MODE": "production",
}


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


@contextmanager
def started(
    folder: Path, command: list[str], **environment: str
) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """A process that says that it runs, and its lines until then."""
    (folder / "small.py").write_text(SERVER)
    with subprocess.Popen(
        [sys.executable, "-m", "gatelodge", *command],
        cwd=folder,
        env={**os.environ, **ISSUER, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if sum("Uvicorn running" in one for one in said) == (2 if "GATELODGE_METRICS_PORT" in environment else 1):
                break
        try:
            yield process, said
        finally:
            process.kill()


@pytest.mark.parametrize("part", ["server", "desk"])
def test_figures_are_served_apart_from_the_public_port_and_stop_with_the_process(part: str, tmp_path: Path) -> None:
    public, metrics = free_ports()
    command = ["serve", "small:app"] if part == "server" else ["desk"]
    environment = {"GATELODGE_PUBLIC_URL": "https://localhost:8443/mcp"} if part == "server" else {}
    environment |= {"GATELODGE_PORT": str(public), "GATELODGE_METRICS_PORT": str(metrics)}
    environment |= {"GATELODGE_METRICS_HOSTS": "mcp-1.example.com"}
    with started(tmp_path, command, **environment) as (process, said):
        assert httpx2.get(f"http://127.0.0.1:{public}/health/live", timeout=60).status_code == 200
        host = {"host": "localhost:8443"}
        assert httpx2.get(f"http://127.0.0.1:{public}/metrics", headers=host, timeout=60).status_code == 404
        answer = httpx2.get(f"http://127.0.0.1:{metrics}/metrics", timeout=60)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert f'gatelodge_build_info{{part="{part}"' in answer.text
        assert 'gatelodge_http_requests_total{method="GET",route="health",status="200"} 1.0' in answer.text
        assert 'route="other",status="404"} 1.0' in answer.text
        assert "process_resident_memory_bytes" in answer.text
        for host, expected in ({"host": "rebinds.example"}, 421), ({"host": "mcp-1.example.com"}, 200):
            assert httpx2.get(f"http://127.0.0.1:{metrics}/metrics", headers=host, timeout=60).status_code == expected
        assert httpx2.head(f"http://127.0.0.1:{metrics}/metrics", timeout=60).status_code == 200
        assert httpx2.post(f"http://127.0.0.1:{metrics}/metrics", timeout=60).status_code == 405
        for path in ("/", "/metrics/", "/mcp", "/health/live"):
            assert httpx2.get(f"http://127.0.0.1:{metrics}{path}", timeout=60).status_code == 404
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=60)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"http://127.0.0.1:{metrics}/metrics", timeout=60)
    assert process.returncode in {0, -signal.SIGTERM}
    # Production: every line is JSON, uvicorn's too, and the request that was refused has one.
    lines = [json.loads(line) for line in [*said, *rest.splitlines()]]
    assert {"uvicorn.error", "gatelodge.access"} <= {line["logger"] for line in lines}
    (refused,) = [line for line in lines if line["logger"] == "gatelodge.access"]
    assert (refused["path"], refused["status"]) == ("/metrics", 404)


def test_without_a_port_nothing_but_the_public_port_listens(tmp_path: Path) -> None:
    public, _ = free_ports()
    with started(
        tmp_path,
        ["serve", "small:app"],
        GATELODGE_PUBLIC_URL="https://localhost:8443/mcp",
        GATELODGE_PORT=str(public),
    ) as (process, said):
        assert httpx2.get(f"http://127.0.0.1:{public}/health/live", timeout=60).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=60)
    assert "".join([*said, rest]).count("Uvicorn running") == 1


def test_a_port_that_is_taken_stops_the_start_with_words(tmp_path: Path) -> None:
    public, metrics = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", metrics))
        taken.listen()
        with started(
            tmp_path,
            ["serve", "small:app"],
            GATELODGE_PUBLIC_URL="https://localhost:8443/mcp",
            GATELODGE_PORT=str(public),
            GATELODGE_METRICS_PORT=str(metrics),
        ) as (process, said):
            process.wait(timeout=60)
    assert process.returncode != 0
    assert any("address already in use" in line for line in said)
    assert not any("Traceback" in line for line in said)
