"""Calls per second and latency of MCP servers side by side: ``python benchmarks/run.py``.

Rounds alternate over the servers, so that a noisy machine disturbs all alike: only ratios within a round mean anything.
Each server is alone on one core, the load on another. Results go to ``results/`` as JSON, the ratios to the terminal.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from messages import ERAS, request_of
from peers import Peer, issuer, serving
from servers import SERVERS
from summary import BASE, OURS, ratios, table

HERE = Path(__file__).parent
SERVER_CORE, LOAD_CORE = 0, 1
PACKAGES = ("fastmcp", "mcp", "starlette", "uvicorn", "uvloop", "httptools", "joserfc", "cryptography", "pydantic")


def main() -> int:
    """Measure and write. Returns 0; 1 when the goal was asked for and missed; 77 when it cannot be measured here."""
    options = _options()
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            print(f"skipped: no {tool} on this machine (Debian: packages wrk and util-linux)")
            return 77
    if (os.cpu_count() or 1) < 2:
        print("skipped: server and load need a core each")
        return 77
    found = circumstances()
    samples = _measure(options)
    summary = ratios(samples)
    report = {**found, "summary": summary, "samples": samples}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=1) + "\n")
    print(table(summary))
    print(f"raw samples: {options.output}")
    missed = [row for row in summary if row["server"] == OURS and min(row["calls"], row["p50"], row["p99"]) < 1]
    return 1 if options.strict and missed else 0


def _measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = []
    names = list(options.servers)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tokens = stack.enter_context(issuer())
        peers = {name: stack.enter_context(serving(name, tokens, core=SERVER_CORE)) for name in names}
        for number in range(-1, options.rounds):
            # Another order each round: who comes first after a pause of the machine should not be the same one.
            turn = number % len(names)
            for connections in options.connections:
                for era in options.eras:
                    for name in names[turn:] + names[:turn]:
                        found = _load(peers[name], era, connections, options.seconds, folder)
                        # Round -1 warms up.
                        if number >= 0:
                            samples.append(
                                {"round": number, "server": name, "era": era, "connections": connections, **found}
                            )
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return samples


def _load(peer: Peer, era: str, connections: int, seconds: float, folder: Path) -> dict[str, Any]:
    body, headers = request_of(era, token=peer.token)
    file = folder / "body"
    file.write_bytes(body)
    pairs = [text for pair in headers.items() for text in pair]
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["-s", str(HERE / "call.lua"), peer.url, "--", str(file), *pairs]
    before = peer.processor_time()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    used = peer.processor_time() - before
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if found["errors"]:
        raise RuntimeError(f"{peer.name}: {found['errors']} calls failed in era {era}")
    return {**found, "processor_us": round(used / found["calls"] * 1e6, 1)}


def circumstances(script: str = "benchmarks/run.py") -> dict[str, Any]:
    """When, of which commit, by which command and on which machine something is measured."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=HERE)
    changed = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True, cwd=HERE)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "uncommitted_changes": bool(changed.stdout.strip()),
        "command": ["python", script, *sys.argv[1:]],
        "host": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "load_before": os.getloadavg(),
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare MCP servers; ratios are to FastMCP without auth.")
    parser.add_argument("--seconds", type=int, default=3, help="of load per server, era and number of connections")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--eras", nargs="+", choices=ERAS, default=list(ERAS))
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--strict", action="store_true", help=f"fail when {OURS} is slower than {BASE}")
    today = datetime.now(UTC).date().isoformat()
    parser.add_argument("--output", type=Path, default=HERE / "results" / f"{today}-resource-server.json")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
