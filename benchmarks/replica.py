"""One replica of a server as ``gatelodge serve`` runs it, and what the kernel says of its process."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from peers import free_port

__all__ = ["HOST", "PUBLIC_URL", "Replica", "replica"]

# All replicas have one public URL, so that one set of tokens is for all; requests name it and go to the replica's port.
HOST = "127.0.0.1:9"
PUBLIC_URL = f"http://{HOST}/mcp"
_STARTS_WITHIN = 120  # seconds


@dataclass(frozen=True, slots=True)
class Replica:
    """A running server, and how many seconds it took to be ready."""

    port: int
    pid: int
    ready_s: float

    def processor_s(self) -> float:
        """Seconds of processor time used so far."""
        # proc(5), stat: utime and stime are fields 14 and 15, counted from behind the name, which may hold spaces.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def held(self) -> dict[str, float]:
        """Resident and unshared memory in MB (2^20 bytes), open files, threads."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
        return {
            "rss_mb": round(sizes["Rss"] / 1024, 2),
            "uss_mb": round((sizes["Private_Clean"] + sizes["Private_Dirty"]) / 1024, 2),
            "files": len(list(Path(f"/proc/{self.pid}/fd").iterdir())),
            "threads": len(list(Path(f"/proc/{self.pid}/task").iterdir())),
        }


@contextlib.contextmanager
def replica(issuer: str, application: str, folder: Path, corpus: Path, **more: str) -> Iterator[Replica]:
    """A ready replica; its state and log are in ``folder``, ``more`` are further variables. Raises: RuntimeError when it does not become ready."""
    port, began = free_port(), time.perf_counter()
    folder.mkdir()
    settings = {
        "GATELODGE_ISSUER": issuer,
        "GATELODGE_PUBLIC_URL": PUBLIC_URL,
        "GATELODGE_PORT": str(port),
        "GATELODGE_STATE_DIR": str(folder / "state"),
        "SAMPLE_CORPUS_DIR": str(corpus),
        **more,
    }
    command = [str(Path(sys.executable).with_name("gatelodge")), "serve", application]
    with (folder / "log").open("wb") as log:
        # From here, where the servers of the benchmarks are found by name.
        process = subprocess.Popen(
            command, cwd=Path(__file__).parent, env={**os.environ, **settings}, stdout=log, stderr=log
        )
    try:
        _wait(process, port, folder / "log")
        yield Replica(port, process.pid, round(time.perf_counter() - began, 2))
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(f"http://127.0.0.1:{port}/health/ready", headers={"Host": HOST}).status_code == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the replica is not ready: {log.read_text()[-2000:]}")
