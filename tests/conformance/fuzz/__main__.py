"""``python -m conformance.fuzz --seconds 60 [--guided 60] [--seed 1]``: fuzz all targets, print JSON, exit 1 on a failure.

``--guided`` adds a run of ``conformance.fuzz.guided`` for that many seconds, with many more executions a second,
because it goes to the parsers alone and not through the whole application.
Needs ``tests``, ``tests/support`` and ``framework/tests/support`` on PYTHONPATH.
"""

import argparse
import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import time
from tempfile import TemporaryDirectory

from results import record

from conformance.attacks.world import local_world
from conformance.fuzz.run import Outcome, fuzz
from conformance.fuzz.targets import targets

COMMAND = "PYTHONPATH=tests:tests/support:framework/tests/support .venv/bin/python -m conformance.fuzz"


async def _run(seconds: float, seed: int) -> list[Outcome]:
    async with targets(local_world()) as found:
        return await fuzz(found, seed=seed, seconds=seconds)


def guided(seconds: int, seed: int) -> int:
    """Fuzz the parsers in a process of their own, which libFuzzer ends; its exit code."""
    options = (f"-max_total_time={seconds}", f"-seed={seed % 2**32}", "-max_len=2048", "-timeout=10")
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "conformance.fuzz.guided", *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    sys.stderr.write(done.stderr[-2_000:])
    record_guided(done.stderr, f"{COMMAND} --guided {seconds} --seed {seed}")
    return done.returncode


def record_guided(log: str, command: str) -> None:
    """Keep the figure of a guided run that came to its end; one that did not is a finding and has no figure."""
    ended = re.search(r"Done (\d+) runs", log)
    if ended is None:
        return
    record(
        9,
        "fuzz parsers, guided by coverage",
        tried=int(ended[1]),
        passed=int(ended[1]),
        command=command,
        negative_control="an exception put into a parser ends the run with an input file",
        parts_reached=int(re.findall(r"cov: (\d+)", log)[-1]),
    )


def main() -> int:
    """Run as asked; the exit code says whether anything failed."""
    parser = argparse.ArgumentParser(prog="conformance.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--guided", type=int, default=0, help="seconds of a guided run of the parsers besides")
    parser.add_argument("--seed", type=int, default=None, help="of the inputs; the time when left out")
    chosen = parser.parse_args()
    seed = int(time.time()) if chosen.seed is None else chosen.seed
    logging.disable(logging.CRITICAL)
    outcomes = asyncio.run(_run(chosen.seconds, seed))
    print(json.dumps([outcome.as_dict() for outcome in outcomes], indent=2))  # noqa: T201 - a command's answer
    for outcome in outcomes:
        record(
            9,
            f"fuzz {outcome.target}",
            tried=outcome.executions,
            passed=outcome.executions - outcome.failed,
            command=f"{COMMAND} --seconds {chosen.seconds:g} --seed {seed}",
            negative_control="tests/conformance/fuzz/test_fuzz.py: a fault put in is found",
            slowest_ms=outcome.slowest_ms,
            over_50_ms=outcome.over_50_ms,
            answers=outcome.answers,
        )
    failed = guided(chosen.guided, seed) if chosen.guided else 0
    return 1 if failed or any(outcome.failed for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
