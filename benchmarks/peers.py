"""The processes of a comparison: the issuer in this one, each server in its own, pinned to one core."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import uvicorn
from messages import ERAS, request_of
from servers import SCOPE

from gatelodge.core.clock import SystemClock
from gatelodge.testing.issuer import FakeIssuer
from gatelodge.testing.tokens import TokenFactory

__all__ = ["Peer", "issuer", "serving"]

HERE = Path(__file__).parent
_CHECKING = {"ours", "ours-waiting", "ours-bare", "ours-audit", "ours-audit-writes", "fastmcp-jwt"}
LIFE = 3500  # seconds; a run must end within it, and it stays below the longest life that is accepted


@dataclass(frozen=True, slots=True)
class Peer:
    """A running server and a token it accepts."""

    name: str
    url: str
    token: str
    pid: int

    def processor_time(self) -> float:
        """Seconds of processor time the server has used."""
        # proc(5), stat: utime and stime are fields 14 and 15, counted from behind the name, which may hold spaces.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def issuer() -> Iterator[TokenFactory]:
    """An issuer's discovery document and keys over HTTP, and the tokens to go with them."""
    port = free_port()
    tokens = TokenFactory(f"http://127.0.0.1:{port}/realms/bench", "", SystemClock())
    server = uvicorn.Server(uvicorn.Config(FakeIssuer(tokens), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield tokens
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def serving(name: str, tokens: TokenFactory, *, core: int) -> Iterator[Peer]:
    """One server on ``core``, checked to answer both eras rightly. Raises: RuntimeError when it does not."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    now = int(time.time())
    token = tokens.token(aud=url, scope=f"openid {SCOPE}", exp=now + LIFE, iat=now)
    command = ["taskset", "-c", str(core), sys.executable, str(HERE / "servers.py"), name, str(port), tokens.issuer]
    # One log level for all: FastMCP's own handler writes several lines a call at its default level.
    # And room for one caller that makes all the load: a limit counts, and refuses nothing.
    room = {"GATELODGE_LIMIT_CALLS": "100000/minute", "GATELODGE_LIMIT_CALLS_AT_ONCE": "10000"}
    quiet = {**room, **os.environ, "FASTMCP_LOG_LEVEL": "WARNING"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet)
    try:
        peer = Peer(name, url, token, process.pid)
        _wait(process, port)
        for era in ERAS:
            _check(peer, era)
        yield peer
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"server on port {port} did not start")


def _check(peer: Peer, era: str) -> None:
    """The right answer with the token and, where tokens are checked, a refusal without."""
    body, headers = request_of(era, token=peer.token)
    right = httpx2.post(peer.url, content=body, headers=headers, timeout=10)
    if right.status_code != 200 or '"text":"3"' not in right.text.replace(" ", ""):
        raise RuntimeError(f"{peer.name} answered {right.status_code} in era {era}: {right.text[:300]}")
    body, headers = request_of(era, token=f"{peer.token[:-8]}AAAAAAAA")
    wrong = httpx2.post(peer.url, content=body, headers=headers, timeout=10)
    if wrong.status_code != (401 if peer.name in _CHECKING else 200):
        raise RuntimeError(f"{peer.name} answered {wrong.status_code} to a forged token in era {era}")
