"""What request id, metrics and log lines add to one tool call, in process: ``python benchmarks/observing.py``.

The same protected server is called with one layer more each time; batches alternate, and of each the best counts: noise
only ever adds. Processor time, so that other processes do not count; lines go to a file, as a supervisor would keep them.
Metrics may cost 20 us a call. Writes ``results/observing.json``.
"""

import argparse
import contextlib
import gc
import io
import json
import logging
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvloop
from in_process import PORT, _batch, _scope
from messages import ERAS, request_of
from peers import issuer
from run import circumstances
from servers import SCOPE, application
from starlette.applications import Starlette

from gatelodge.access.decide import Answer, Decision
from gatelodge.app import observing
from gatelodge.app.message import Operation
from gatelodge.app.route_classes import server_classes
from gatelodge.core.identity import Principal
from gatelodge.observability.config import LogConfig
from gatelodge.observability.logs import configure_logging

GOAL = 20.0
HERE = Path(__file__).parent
NAMES = ("nothing", "id and metrics", "and lines as text", "and lines as JSON")


async def main(options: argparse.Namespace) -> int:
    """Measure, print and write. Returns 1 when metrics cost more than they may."""
    report: dict[str, Any] = {**circumstances("benchmarks/observing.py"), "goal_us": GOAL, "eras": {}}
    with issuer() as tokens, options.lines.open("w", encoding="utf-8") as lines:
        report["layer_alone_us"] = alone = await _alone(lines)
        missed = alone["id and metrics"] > GOAL
        print(f"the layer alone: {alone}")
        app: Any = application("ours", PORT, tokens.issuer)
        token = tokens.token(aud=f"http://127.0.0.1:{PORT}/mcp", scope=SCOPE)
        async with app.router.lifespan_context(app):
            gc.collect()
            gc.freeze()
            for era in options.eras:
                body, headers = request_of(era, token=token)
                found = await _compared(app, _scope(headers), body, options.rounds, lines)
                report["eras"][era] = found
                _print(era, found)
    options.output.write_text(json.dumps(report, indent=1) + "\n")
    return int(missed)


async def _alone(lines: Any) -> dict[str, float]:
    """Processor time of the layer and the gate's witness around an application that does nothing, the best of 20."""

    async def answer(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"x" * 100})

    async def told(scope: Any, receive: Any, send: Any) -> None:
        witness.token(scope, "accepted", caller)
        await witness.decided(scope, operation, caller, decision)
        await answer(scope, receive, send)

    async def unread() -> Any:
        """There is no body."""

    async def sent(_: Any) -> None:
        """Nobody reads it."""

    witness, caller = observing.MetricsWitness(), Principal("https://as.example/realms/mcp", "user")
    operation, decision = Operation("tools/call", "add"), Decision(Answer.ALLOW, "granted", (), authenticated=True)
    scope = _scope({"accept": "*/*", "authorization": "Bearer x", "mcp-method": "tools/call", "user-agent": "x"})
    observed = observing.Observed(told, server_classes("/mcp"))
    best: dict[str, float] = {}
    for name in NAMES:
        with _as(name, lines):
            for _ in range(20):
                began = time.process_time()
                for _ in range(2000):
                    await (answer if name == NAMES[0] else observed)(scope, unread, sent)
                best[name] = min(best.get(name, 1e9), (time.process_time() - began) / 2000 * 1e6)
    return {name: round(best[name] - best[NAMES[0]], 1) for name in NAMES[1:]}


async def _compared(app: Any, scope: dict[str, Any], body: bytes, rounds: int, lines: io.TextIOBase) -> dict[str, Any]:
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(-1, rounds):
        for turn in range(len(NAMES)):
            name = NAMES[(turn + number) % len(NAMES)]
            with _as(name, lines):
                # What the layer wraps is built once per application, so it is built anew for each way.
                app.middleware_stack = None
                microseconds = await _batch(app, scope, body)
            if number >= 0:
                times[name].append(microseconds)
    best = {name: min(found) for name, found in times.items()}
    added = {name: round(best[name] - best[NAMES[0]], 1) for name in NAMES[1:]}
    paired = {
        name: round(statistics.median(a / b for a, b in zip(times[name], times[NAMES[0]], strict=True)), 3)
        for name in NAMES[1:]
    }
    return {"best_us": {k: round(v, 1) for k, v in best.items()}, "added_us": added, "ratio_median": paired}


@contextlib.contextmanager
def _as(name: str, lines: Any) -> Iterator[None]:
    root, access = logging.getLogger(), logging.getLogger("gatelodge.access")
    before = root.handlers[:], root.level
    configure_logging(LogConfig("info", "json" if name.endswith("JSON") else "text"), stream=lines)
    access.disabled = "lines" not in name
    build: Callable[[Any], Any] = observing.ObservedApplication.build_middleware_stack
    plain = Starlette.build_middleware_stack if name == "nothing" else build
    try:
        with patch.object(observing.ObservedApplication, "build_middleware_stack", plain):
            yield
    finally:
        root.handlers[:], access.disabled = before[0], False
        root.setLevel(before[1])


def _print(era: str, found: dict[str, Any]) -> None:
    print(f"{era}: a call without any of it {found['best_us'][NAMES[0]]:.0f} us")
    for name in NAMES[1:]:
        print(f"  {name:20} {found['added_us'][name]:+6.1f} us, ratio {found['ratio_median'][name]:.3f}")


if __name__ == "__main__":
    # One caller makes all the calls.
    os.environ["GATELODGE_LIMIT_CALLS"] = "off"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eras", nargs="+", choices=ERAS, default=list(ERAS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--lines", type=Path, default=Path("/dev/null"), help="file that takes the lines")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "observing.json")
    raise SystemExit(uvloop.run(main(parser.parse_args())))
