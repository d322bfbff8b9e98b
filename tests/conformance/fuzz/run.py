"""Runs targets for a time or a number of executions, and keeps what failed with what is needed to run it again."""

import asyncio
import base64
import random
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from conformance.fuzz.targets import Target

__all__ = ["Outcome", "fuzz"]

KEPT = 20


@dataclass
class Outcome:
    """One target's run. ``failures`` hold the complaint and the input in base64; ``slowest_ms`` is CPU time of the process."""

    target: str
    seed: int
    executions: int = 0
    failed: int = 0
    slowest_ms: float = 0.0
    over_50_ms: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


async def fuzz(
    targets: Iterable[Target], *, seed: int, executions: int | None = None, seconds: float | None = None
) -> list[Outcome]:
    """Fuzz each target for its share of ``seconds`` or for ``executions``, whichever ends first."""
    chosen = list(targets)
    share = None if seconds is None else seconds / len(chosen)
    return [await _one(target, seed, executions, share) for target in chosen]


async def _one(target: Target, seed: int, executions: int | None, seconds: float | None) -> Outcome:
    source, outcome, begun = random.Random(f"{target.name} {seed}"), Outcome(target.name, seed), time.monotonic()  # noqa: S311 - inputs must be repeatable
    lost: list[str] = []
    loop = asyncio.get_running_loop()
    # What a task of the application raises with nobody waiting for it is a failure as well.
    loop.set_exception_handler(lambda _, context: lost.append(str(context.get("exception") or context["message"])))
    try:
        while (executions is None or outcome.executions < executions) and (
            seconds is None or time.monotonic() - begun < seconds
        ):
            data = target.mutate(source, source.choice(target.seeds), target.seeds)
            wrong = await _execute(target, data, outcome)
            if lost:
                wrong = f"in a task: {lost.pop()}"
                lost.clear()
            if wrong is not None:
                outcome.failed += 1
                if len(outcome.failures) < KEPT:
                    outcome.failures.append({"wrong": wrong, "input": base64.b64encode(data).decode()})
    finally:
        loop.set_exception_handler(None)
    outcome.answers = dict(sorted(target.statuses.items()))
    return outcome


async def _execute(target: Target, data: bytes, outcome: Outcome) -> str | None:
    begun = time.process_time()
    try:
        return await target.execute(data)
    except Exception as error:  # noqa: BLE001 - whatever comes out is the finding
        return f"{type(error).__name__}: {error}"
    finally:
        outcome.executions += 1
        outcome.over_50_ms += time.process_time() - begun > 0.05
        outcome.slowest_ms = max(outcome.slowest_ms, round((time.process_time() - begun) * 1000, 2))
