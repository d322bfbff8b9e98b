"""Three times what a server can do, with and without shedding, and how soon it is itself again: ``python benchmarks/overload.py``.

Two servers: one whose tool waits 0.2 s for something else, so that capacity is what it may have in work and does not depend on
the machine, and one whose tool is the processor's work alone. Capacity is what callers that wait for their answers get; then
requests come at a rate of their own (``open_loop``): 80 % of capacity, three times capacity, and 50 % again, whose first
seconds are the recovery. Writes benchmarks/results/overload.json; returns 1 when what shedding promises does not hold for
the first server; the second one's figures need a machine with nothing else to do.
"""

import argparse
import json
import os
import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import uvloop
from messages import request_of
from open_loop import Seen, at_rate, closed_loop
from peers import issuer, serving
from run import HERE, circumstances
from servers import WAITING

from gatelodge.testing.tokens import TokenFactory

SERVER_CORE, LOAD_CORE = 0, 1
ERA = "2026-07-28"
# Seconds: the promise, and the slices in which recovery is looked for.
RECOVERY, SLICE = 10.0, 0.5
# Milliseconds, 99 of 100: the wait in the line, and the tool.
SLOWEST = 1500
# Server, requests in work and as many waiting (0: no limit), callers that find its capacity.
RUNS = ((WAITING, 20, 20), ("ours", 100, 16), ("ours", 0, 16))


def main(options: argparse.Namespace) -> int:
    """Measure, print and write."""
    os.sched_setaffinity(0, {LOAD_CORE})
    found: dict[str, Any] = {
        **circumstances("benchmarks/overload.py"),
        "options": {name: value for name, value in vars(options).items() if name != "output"},
    }
    with issuer() as tokens:
        found["runs"] = [_run(tokens, options, *run) for run in RUNS if run[0] in options.servers]
    found["as_promised"] = all(_promised(run) for run in found["runs"] if run["server"] == WAITING)
    path = Path(options.output)
    path.write_text(json.dumps(found, indent=1, default=str) + "\n")
    for run in found["runs"]:
        print(json.dumps(run))
    print(f"as promised: {found['as_promised']}; results: {path}")
    return 0 if found["as_promised"] else 1


def _run(tokens: TokenFactory, options: argparse.Namespace, name: str, requests: int, callers: int) -> dict[str, Any]:
    os.environ["GATELODGE_LIMIT_REQUESTS"] = os.environ["GATELODGE_LIMIT_WAITING"] = str(requests)
    with serving(name, tokens, core=SERVER_CORE) as peer:
        port = int(peer.url.split(":")[2].partition("/")[0])
        body, headers = request_of(ERA, token=peer.token)
        request = _wire(port, body, headers)

        def rate(a_second: float, seconds: float) -> Seen:
            return uvloop.run(at_rate(port, request, a_second=a_second, seconds=seconds, patience=options.patience))

        uvloop.run(closed_loop(port, request, callers=callers, seconds=2))
        full = uvloop.run(closed_loop(port, request, callers=callers, seconds=options.seconds))
        capacity = len(full.ms(200)) / options.seconds
        usual, over = rate(0.8 * capacity, options.seconds), rate(3 * capacity, options.seconds)
        after = rate(0.5 * capacity, RECOVERY)
        return {
            "server": name,
            "requests": requests,
            "capacity_a_second": round(capacity, 1),
            "usual": _told(usual, options.seconds),
            "three_times": _told(over, options.seconds),
            "after": _told(after, RECOVERY),
            "recovery_s": _recovery(after, usual),
        }


def _wire(port: int, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _told(seen: Seen, seconds: float) -> dict[str, Any]:
    statuses = Counter(status for _, status, _, _ in seen.answers)
    return {
        "asked_a_second": round(len(seen.answers) / seconds, 1),
        "served_a_second": round(statuses[200] / seconds, 1),
        "statuses": dict(sorted(statuses.items())),
        "refused_with_retry_after": sum(told for _, status, _, told in seen.answers if status == 503),
        "connections": seen.connections,
        "served_ms": _spread(seen.ms(200)),
        "refused_ms": _spread(seen.ms(503)),
    }


def _spread(ms: list[float]) -> dict[str, float] | None:
    if len(ms) < 2:
        return None
    ranks = statistics.quantiles(ms, n=100, method="inclusive")
    return {"p50": round(ranks[49], 2), "p99": round(ranks[98], 2), "most": round(max(ms), 2)}


def _recovery(after: Seen, usual: Seen) -> float | None:
    """Seconds until every later slice has only 200, of which the median is at most twice the usual; None: never."""
    bound = 2 * statistics.median(usual.ms(200))
    bad = 0.0
    for number in range(int(RECOVERY / SLICE)):
        # By when it was asked.
        asked = [
            (status, ms)
            for at, status, ms, _ in after.answers
            if number * SLICE <= at - ms / 1e3 < (number + 1) * SLICE
        ]
        if not asked or any(status != 200 for status, _ in asked) or statistics.median(ms for _, ms in asked) > bound:
            bad = (number + 1) * SLICE
    return bad if bad < RECOVERY else None


def _promised(run: dict[str, Any]) -> bool:
    over = run["three_times"]
    statuses = over["statuses"]
    return (
        set(statuses) == {200, 503}
        and over["refused_with_retry_after"] == statuses[503]
        and over["served_a_second"] >= 0.5 * run["capacity_a_second"]
        and over["served_ms"]["p99"] <= SLOWEST
        and run["recovery_s"] is not None
        and run["recovery_s"] <= RECOVERY
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of load at each rate")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds after the load that answers may take")
    parser.add_argument("--servers", nargs="+", choices=[WAITING, "ours"], default=[WAITING, "ours"])
    parser.add_argument("--output", default=str(HERE / "results" / "overload.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(_options()))
