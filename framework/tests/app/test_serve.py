"""Running a server process: what is loaded, what is refused, and how it starts and stops for real."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from gatelodge.app.serve import ApplicationUnusable, load_application

GOOD = """
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
BARE = GOOD.replace('@requires("small:read")\n', "")
# A server whose application lets connections wait while it answers.
COUNTING = (
    GOOD
    + """
import os, socket
from gatelodge.app.backlog import BACKLOG_KEY
inner = app
async def app(scope, receive, send):
    if scope["type"] != "http" or scope["path"] != "/waiting":
        await inner(scope, receive, send)
        return
    address = ("127.0.0.1", int(os.environ["GATELODGE_PORT"]))
    opened = [socket.create_connection(address) for _ in range(7)]
    length = scope[BACKLOG_KEY].length()
    for each in opened:
        each.close()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})
"""
)
ENVIRONMENT = {
    "GATELODGE_PUBLIC_URL": "https://localhost:8443/mcp",
    "GATELODGE_ISSUER": "https://localhost:8443/realms/mcp",
    "GATELODGE_ISSUER_INTERNAL_URL": "http://127.0.0.1:9/realms/mcp",
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def serve(
    folder: Path, code: str, files: tuple[int, int] | None = None, /, **environment: str
) -> Iterator["subprocess.Popen[str]"]:
    """A server's process; ``files`` are its soft and hard limit of open files."""
    (folder / "small.py").write_text(code)
    limited = ["prlimit", f"--nofile={files[0]}:{files[1]}"] if files else []
    with subprocess.Popen(
        [*limited, sys.executable, "-m", "gatelodge", "serve", "small:app"],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sample", "module:attribute"),
        (":app", "module:attribute"),
        ("no_such_module:app", "cannot import 'no_such_module'"),
        ("json:nothing", "no ASGI application 'nothing'"),
        ("sys:path", "no ASGI application 'path'"),
    ],
)
def test_what_is_no_application_is_refused_by_name(name: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(ApplicationUnusable, match=reason) as caught:
        load_application(name)
    assert caught.value.hint.startswith("Install no_such_module" if "import" in reason else "Name what protect()")


def test_an_application_of_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "found_here.py").write_text("def app(): ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert callable(load_application("found_here:app"))


def test_a_server_starts_answers_and_stops_on_sigterm(tmp_path: Path) -> None:
    port = free_port()
    with serve(tmp_path, GOOD, GATELODGE_PORT=str(port), GATELODGE_DRAIN="0.2") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Uvicorn running" in line:
                break
        base = f"http://127.0.0.1:{port}"
        assert httpx2.get(f"{base}/health/live", timeout=60).json() == {"status": "live"}
        assert httpx2.get(f"{base}/health/ready", timeout=60).status_code == 503
        response = httpx2.post(f"{base}/mcp", headers={"host": "localhost:8443"}, timeout=60)
        assert response.status_code == 401
        assert "server" not in response.headers
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode in {0, -signal.SIGTERM}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many connections wait")
def test_a_server_sees_who_waits_at_its_own_socket_and_lets_go_of_it(tmp_path: Path) -> None:
    port = free_port()
    with serve(tmp_path, COUNTING, GATELODGE_PORT=str(port)) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Uvicorn running" in line:
                break
        assert httpx2.get(f"http://127.0.0.1:{port}/waiting", timeout=60).text == "7"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode in {0, -signal.SIGTERM}


def test_a_server_takes_the_open_files_it_may_have_and_says_when_they_are_few(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    for soft, hard, few in ((256, 2048, False), (200, 200, True)):
        with serve(tmp_path, GOOD, (soft, hard), GATELODGE_PORT=str(free_port())) as process:
            assert process.stderr is not None
            said = ""
            for line in process.stderr:
                said += line
                if "Uvicorn running" in line:
                    break
            limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        assert limits == (hard, hard)
        assert ("at most 200 files may be open" in said) is few
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_a_tool_without_a_rule_stops_the_start_with_words_and_no_traceback(tmp_path: Path) -> None:
    with serve(tmp_path, BARE, GATELODGE_PORT=str(free_port())) as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "no access rule on tool 'read'" in error
    assert "Add @requires(...) or @public" in error
    assert "Traceback" not in error


OWN_SETTINGS = GOOD.replace(
    "app = protect(mcp)",
    """
from gatelodge import load_settings
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
class Own(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SMALL_")
    size: int = Field(examples=["3"])
own = load_settings(Own)
app = protect(mcp)
""",
)


def test_faulty_settings_of_both_kinds_are_reported_at_once_before_anything_starts(tmp_path: Path) -> None:
    faulty = {"GATELODGE_PORT": "x", "GATELODGE_PUBLIC_URL": "y", "SMALL_SIZE": "large"}
    with serve(tmp_path, OWN_SETTINGS, **faulty) as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    for name, example in (
        ("GATELODGE_PORT", "8000"),
        ("GATELODGE_PUBLIC_URL", "https://mcp.example.com/mcp"),
        ("SMALL_SIZE", "3"),
    ):
        assert error.count(f"  {name}: ") == 1
        assert f"(example: {example})" in error
    assert "Traceback" not in error


def test_a_stopping_server_says_so_and_serves_on_before_it_goes(tmp_path: Path) -> None:
    port = free_port()
    # It would serve on for minutes: however slow this test is, it does not meet the end of that time.
    with serve(tmp_path, GOOD, GATELODGE_PORT=str(port), GATELODGE_DRAIN="300") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Uvicorn running" in line:
                break
        base = f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        while httpx2.get(f"{base}/health/ready", timeout=60).json().get("code") != "server_stopping":
            assert process.poll() is None
        assert httpx2.get(f"{base}/health/ready", timeout=60).status_code == 503
        assert httpx2.get(f"{base}/health/live", timeout=60).json() == {"status": "live"}
        # A new connection, and its answer, during the drain.
        assert httpx2.post(f"{base}/mcp", headers={"host": "localhost:8443"}, timeout=60).status_code == 401
        # Whoever does not want to wait says so a second time.
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
