"""Ten minutes at 80 % of what a server can do, with everything on that it has: ``python benchmarks/soak.py``.

Audit trail (SQLite), metrics that are scraped, JSON lines to a file, limits and shedding as they are by default; many
users, both eras, short calls, some of a tool that may write, and streams. Capacity is what callers that wait for their
answers get just before. Writes ``results/soak.json``; returns 1 when the server answered with 5xx, its memory grew by
more than 5 % from the second minute to the last, or the audit trail is not exactly the calls.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import uvloop
from peers import LIFE, free_port, issuer
from replica import PUBLIC_URL, Replica, replica
from run import HERE, LOAD_CORE, SERVER_CORE, circumstances
from servers import SCOPE
from soak_load import Calls
from soak_verdict import memory, slices, told, verdict

SHARE, SCRAPE = 0.8, 5.0
CALLERS = 16
_FIGURES = ("gatelodge_audit_queue_length", "gatelodge_http_streams_in_flight", "gatelodge_limits_reached_total")


def main(options: argparse.Namespace) -> int:
    """Measure, print and write."""
    found = circumstances("benchmarks/soak.py")
    with tempfile.TemporaryDirectory() as name, issuer() as factory:
        folder, now, metrics = Path(name), int(time.time()), free_port()
        claims: dict[str, Any] = {"aud": PUBLIC_URL, "scope": f"openid {SCOPE}", "exp": now + LIFE, "iat": now}
        tokens = [factory.token(sub=f"user-{number}", **claims) for number in range(options.users)]
        place = folder / "replica"
        more = {"GATELODGE_AUDIT": "on", "GATELODGE_LOG_FORMAT": "json", "GATELODGE_METRICS_PORT": str(metrics)}
        with _on(SERVER_CORE), replica(factory.issuer, "soak_server:app", place, folder, **more) as at:
            _stay_on(LOAD_CORE)
            found |= uvloop.run(_load(at, tokens, metrics, place / "log", options))
            os.kill(at.pid, signal.SIGTERM)
            # Its status stays for who started it.
            ended = os.waitid(os.P_PID, at.pid, os.WEXITED | os.WNOWAIT)
            found["exit_code"] = ended.si_status if ended is not None else None
        found["audit"] = _audit(place / "state")
        found["log"] = _log(place / "log")
    found["verdict"] = verdict(found)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({name: found[name] for name in ("calls", "memory", "audit", "log", "verdict")}, indent=1))
    print(f"results: {options.output}")
    return 0 if found["verdict"]["passed"] else 1


async def _load(
    at: Replica, tokens: Sequence[str], metrics: int, log: Path, options: argparse.Namespace
) -> dict[str, Any]:
    calls, stop = Calls(at.port, tokens), asyncio.Event()
    streams = asyncio.create_task(calls.streams(options.streams, stop))
    found: dict[str, Any] = {"users": len(tokens), "streams": options.streams, "capacity_a_second": None}
    rate: float | None = options.rate
    if rate is None:
        await calls.capacity(CALLERS, 2)
        found["capacity_a_second"] = capacity = await calls.capacity(CALLERS, options.capacity)
        rate = SHARE * capacity
    found["asked_a_second"] = round(rate, 1)
    print(
        f"capacity {found['capacity_a_second']}, now {rate:.0f} a second for {options.seconds:.0f} s", file=sys.stderr
    )
    before, began, used = len(calls.answers), time.perf_counter(), at.processor_s()
    watch = asyncio.create_task(_watch(at, calls, metrics, log, began + options.seconds))
    await calls.at_rate(rate, options.seconds)
    found["processor_percent"] = round((at.processor_s() - used) / (time.perf_counter() - began) * 100, 1)
    stop.set()
    await streams
    samples = [{**sample, "s": round(sample["s"] - began, 1)} for sample in await watch]
    calls.close()
    found["slices"] = slices(calls.answers[before:], samples, began, options.seconds)
    found["memory"] = memory(samples, options.seconds)
    found["calls"] = {**told(calls.answers[before:]), "with_capacity": told(calls.answers)}
    return found


async def _watch(at: Replica, calls: Calls, metrics: int, log: Path, end: float) -> list[dict[str, Any]]:
    """The process and its metrics, as often as Prometheus would ask."""
    samples, pause = [], min(SCRAPE, (end - time.perf_counter()) / 10)
    while (now := time.perf_counter()) < end:
        page = await calls.get(metrics, "/metrics")
        seen = {name.removeprefix("gatelodge_"): _figure(page, name) for name in _FIGURES}
        samples.append({"s": now, **at.held(), **seen, "log_mb": _megabytes(log)})
        await asyncio.sleep(min(pause, end - now))
    return samples


def _figure(page: str, name: str) -> float:
    """The sum over all labels; 0 for what was not counted yet."""
    lines = (line for line in page.splitlines() if line.startswith((f"{name} ", f"{name}{{")))
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def _audit(state: Path) -> dict[str, Any]:
    """What the trail holds after the end, by kind and outcome, and what ``gatelodge audit verify`` says of it."""
    command = [str(Path(sys.executable).with_name("gatelodge")), "audit", "verify", "--json", "--state-dir", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(f"gatelodge audit verify: {done.stderr}")
    file = state / "database" / "gatelodge.db"
    with contextlib.closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT kind, outcome, count(*) FROM audit_log GROUP BY 1, 2 ORDER BY 1, 2").fetchall()
    verified = json.loads(done.stdout)
    return {
        "events": {f"{kind} {outcome}": number for kind, outcome, number in rows},
        "whole": verified["whole"],
        "checked": verified["checked"],
        "size_mb": _megabytes(file),
    }


def _log(path: Path) -> dict[str, Any]:
    """The log's lines by level, and how many are none of ours."""
    levels: Counter[str] = Counter()
    worse: Counter[str] = Counter()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                read = json.loads(line)
                levels[read["level"]] += 1
                if read["level"] != "info":
                    worse[f"{read['level']}: {read['event'][:200]}"] += 1
            except (ValueError, TypeError, KeyError):
                levels["no JSON"] += 1
                worse[f"no JSON: {line[:200]}"] += 1
    for text, number in worse.most_common(10):
        print(f"in the log {number} times: {text}", file=sys.stderr)
    return {"lines": dict(sorted(levels.items())), "size_mb": _megabytes(path)}


def _megabytes(file: Path) -> float:
    return round(file.stat().st_size / 2**20, 2)


@contextlib.contextmanager
def _on(core: int) -> Iterator[None]:
    """What is started first within the block stays on this core, where there are several."""
    before = os.sched_getaffinity(0)
    _stay_on(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _stay_on(core: int) -> None:
    if (os.cpu_count() or 1) > max(SERVER_CORE, LOAD_CORE):
        os.sched_setaffinity(0, {core})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A server under a long load with everything on.")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--capacity", type=float, default=60.0, help="seconds in which capacity is found")
    parser.add_argument("--rate", type=float, help="short calls a second, in place of 80 %% of capacity")
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--streams", type=int, default=20, help="open at once, all the time")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "soak.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(_options()))
