"""``python -m conformance.fuzz --seconds 60 [--seed 1]``: fuzz all targets, print JSON, exit 1 on a failure.

Needs ``tests``, ``tests/support`` and ``framework/tests/support`` on PYTHONPATH.
"""

import argparse
import asyncio
import json
import logging
import sys
import time

from results import record

from conformance.attacks.world import local_world
from conformance.fuzz.run import Outcome, fuzz
from conformance.fuzz.targets import targets

COMMAND = "PYTHONPATH=tests:tests/support:framework/tests/support .venv/bin/python -m conformance.fuzz"


async def _run(seconds: float, seed: int) -> list[Outcome]:
    async with targets(local_world()) as found:
        return await fuzz(found, seed=seed, seconds=seconds)


def main() -> int:
    """Run as asked; the exit code says whether anything failed."""
    parser = argparse.ArgumentParser(prog="conformance.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
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
    return 1 if any(outcome.failed for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
