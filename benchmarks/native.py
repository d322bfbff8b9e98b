"""A native stack of a benchmark's own, and what is measured of its processes.

Needs ``PYTHONPATH=tests/support:framework/tests/support``: the stack and the hosts of documents are those of the tests.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from native_stack import Stack, free_port, gatelodge, read_stack
from run import HERE, circumstances

__all__ = ["latency", "memory", "running", "timed", "write"]

T = TypeVar("T")


@contextmanager
def running(**environment: str) -> Iterator[Stack]:
    """A stack that is up; ``environment`` holds settings of its parts. Raises: RuntimeError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="gatelodge-bench-") as folder:
        state, port = Path(folder) / "state", free_port()
        started = gatelodge("up", "--no-link", "--detach", "--port", str(port), state=state, timeout=300, **environment)
        try:
            if started.returncode:
                raise RuntimeError(f"{started.stdout}\n{started.stderr}")
            stack = read_stack(state, port)
            yield stack
            stack.admin.close()
        finally:
            gatelodge("down", state=state)


def memory(pid: int | str = "self") -> float:
    """Resident memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024, 1)


async def timed(work: Callable[[], Awaitable[T]]) -> tuple[float, T]:
    """Milliseconds, and what came."""
    began = time.perf_counter()
    found = await work()
    return (time.perf_counter() - began) * 1e3, found


def latency(samples: Sequence[float]) -> dict[str, float]:
    """Median and tails of milliseconds."""
    ranks = statistics.quantiles(samples, n=100, method="inclusive")
    found = {"p50": ranks[49], "p95": ranks[94], "p99": ranks[98], "most": max(samples)}
    return {"count": len(samples), **{name: round(value, 2) for name, value in found.items()}}


def write(name: str, found: Mapping[str, Any], output: Path | None) -> Path:
    """The results with their circumstances, as JSON beside the others."""
    report = {**circumstances(f"benchmarks/{name}.py"), **found}
    path = output or HERE / "results" / f"{report['at'][:10]}-{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
    return path
