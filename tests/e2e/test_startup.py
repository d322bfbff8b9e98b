"""Starting and stopping the native stack: a second start, busy ports, Ctrl-C, a killed supervisor (B4)."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from native_stack import CHECKOUT, Stack, free_port, gatelodge

from gatelodge.core.clock import SystemClock
from gatelodge.ops.stack.authority import ensure_certificates

pytestmark = pytest.mark.stack


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # A zombie waits for its parent only; it runs no more.
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pids: list[int], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {[pid for pid in pids if alive(pid)]}"


def assert_stopped(state: Path) -> None:
    status = gatelodge("status", "--json", state=state)
    assert status.returncode == 3
    assert json.loads(status.stdout)["state"] == "stopped"


def test_status_tells_everything_a_tool_needs_when_ready(stack: Stack) -> None:
    shown = gatelodge("status", "--json", state=stack.state)
    assert shown.returncode == 0
    document = json.loads(shown.stdout)
    assert document["state"] == "ready"
    assert document["mcp_url"] == stack.mcp_url
    assert document["resource_metadata_url"] == (f"{stack.public_base}/.well-known/oauth-protected-resource/mcp")
    assert Path(document["ca_file"]).is_file()
    assert Path(document["log_dir"]).is_dir()
    assert [set(user) for user in document["users"]] == [{"username", "password"}] * 2
    names = {process["name"] for process in document["processes"]}
    assert {"traefik", "keycloak", "desk", "server"} <= names
    assert all(process["rss_bytes"] > 0 for process in document["processes"])
    assert sum(process["rss_bytes"] for process in document["processes"]) < 1.3e9


def test_a_second_start_says_so_and_shows_the_same_table(stack: Stack) -> None:
    second = gatelodge("up", "--port", str(stack.port), state=stack.state)
    assert second.returncode == 0
    assert "already" in second.stdout
    assert stack.mcp_url in second.stdout


def test_passwords_and_keys_are_readable_by_their_owner_only(stack: Stack) -> None:
    private = [*stack.state.glob("secrets/*"), *stack.state.glob("tls/*.key"), stack.state / "internal.json"]
    assert len(private) >= 5
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)


def test_no_password_is_in_any_log(stack: Stack) -> None:
    logs = "".join(path.read_text(errors="replace") for path in (stack.state / "logs").iterdir())
    secrets = [password for _, password in stack.users] + [stack.internal["admin"]["password"]]
    assert len(logs) > 1000
    assert not any(secret in logs for secret in secrets)


@pytest.mark.requirement("MCP26-HTTP-loopback", "MCP25-HTTP-loopback")
def test_everything_internal_listens_on_loopback_only(stack: Stack) -> None:
    inodes = set()
    for process in stack.status["processes"]:
        for entry in Path(f"/proc/{process['pid']}/fd").iterdir():
            target = str(entry.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    listening = []
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                listening.append(fields[1].partition(":")[0])
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    assert len(listening) >= 5
    assert set(listening) <= loopback


@pytest.mark.parametrize("option", ["--port", "--keycloak-port", "--server-port", "--desk-port"])
def test_a_busy_port_is_named_with_its_option_before_anything_starts(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        others = [] if option == "--port" else ["--port", str(free_port())]
        refused = gatelodge("up", option, port, *others, state=tmp_path)
    assert refused.returncode == 1
    assert port in refused.stderr
    assert option in refused.stderr
    assert "Traceback" not in refused.stderr
    status = gatelodge("status", "--json", state=tmp_path)
    assert status.returncode == 3
    assert "mcp_url" not in json.loads(status.stdout)


def test_status_and_down_of_a_stack_that_never_ran_say_so(tmp_path: Path) -> None:
    assert gatelodge("status", state=tmp_path).returncode == 3
    assert gatelodge("down", state=tmp_path).returncode == 0


class Tunnel:
    """Passes bytes from a port of its own to Traefik, as a tunnel service does."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._open.append(near)
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as far:
            self._open.append(far)
            threading.Thread(target=self._copy, args=(far, near), daemon=True).start()
            self._copy(near, far)

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for opened in (self._listener, *self._open):
            opened.close()


@dataclass(frozen=True)
class Tunnelled:
    """A stack behind a tunnel: what its start said, and its status when it was ready."""

    state: Path
    public: str
    said: str
    status: dict[str, Any] = field(repr=False)


@pytest.fixture(scope="module")
def tunnelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunnelled]:
    state, port = tmp_path_factory.mktemp("tunnelled"), free_port()
    tunnel = Tunnel(port)
    public = f"https://localhost:{tunnel.port}"
    (state / "tls").mkdir()
    # In life the tunnel's certificate is publicly trusted; here the system's trust is the stack's own authority.
    ca_file = ensure_certificates(state / "tls", SystemClock()).ca_file
    command = ("up", "--detach", "--port", str(port), "--public-url", public)
    try:
        started = gatelodge(*command, state=state, SSL_CERT_FILE=str(ca_file))
        assert started.returncode == 0, started.stdout + started.stderr
        status = json.loads(gatelodge("status", "--json", state=state).stdout)
        yield Tunnelled(state, public, started.stdout, status)
    finally:
        gatelodge("down", state=state)
        tunnel.close()


def test_a_stack_behind_a_tunnel_links_by_its_public_name(tunnelled: Tunnelled) -> None:
    assert "linked as a client would" in tunnelled.said
    assert tunnelled.status["mcp_url"] == f"{tunnelled.public}/mcp"
    assert tunnelled.status["issuer"] == f"{tunnelled.public}/realms/mcp"


def test_no_process_outlives_a_killed_supervisor(tunnelled: Tunnelled) -> None:
    # Of this module's stacks the one that no other test needs running.
    pids = {part["name"]: int(part["pid"]) for part in tunnelled.status["processes"]}
    assert len(pids) >= 5
    os.kill(pids["supervisor"], signal.SIGKILL)
    wait_until_gone([*pids.values()])
    assert_stopped(tunnelled.state)


@pytest.mark.parametrize("name", ["https://mcp.example.com/", "http://mcp.example.com", "mcp.example.com"])
def test_an_unusable_public_url_is_refused_before_anything_starts(tmp_path: Path, name: str) -> None:
    refused = gatelodge("up", "--public-url", name, "--port", str(free_port()), state=tmp_path)
    assert refused.returncode == 2
    assert name in refused.stderr
    assert "Traceback" not in refused.stderr


def _start_in_foreground(state: Path) -> tuple["subprocess.Popen[str]", list[int]]:
    """A stack of its own up to ready, without the link, and the processes of its parts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gatelodge", "up", "--no-link", "--port", str(free_port()), "--state-dir", str(state)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C stops it" in line:
            break
    else:
        raise AssertionError("".join(lines))
    status = json.loads(gatelodge("status", "--json", state=state).stdout)
    return process, [int(part["pid"]) for part in status["processes"]]


def test_no_process_outlives_the_supervisor_that_ctrl_c_ends(tmp_path: Path) -> None:
    process, pids = _start_in_foreground(tmp_path)
    try:
        assert len(pids) >= 5
        process.send_signal(signal.SIGINT)
        wait_until_gone(pids)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
    assert_stopped(tmp_path)
