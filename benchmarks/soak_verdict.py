"""From what a soak saw to its figures and its verdict: pure. Not here: the load, the process (``soak``)."""

import signal
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soak_load import Answer

__all__ = ["memory", "slices", "told", "verdict"]

GROWTH = 1.05
SLICE = 10.0
# Seconds: below that nothing is said about memory, which is still growing into its caches.
LONG_ENOUGH = 180


def slices(
    answers: "Sequence[Answer]", samples: Sequence[Mapping[str, Any]], began: float, seconds: float
) -> list[dict[str, Any]]:
    """Each ten seconds: its answers, and the newest look at the process."""
    found = []
    for number in range(max(1, int(seconds / SLICE))):
        first, last = number * SLICE, (number + 1) * SLICE
        own = [answer for answer in answers if first <= answer.at - began < last]
        seen = [sample for sample in samples if first <= sample["s"] < last]
        found.append({"s": first, **told(own), **({**seen[-1], "s": first} if seen else {})})
    return found


def told(answers: "Sequence[Answer]") -> dict[str, Any]:
    """How many requests, with which statuses, of which tools, how fast."""
    statuses = Counter(str(answer.status) for answer in answers)
    good = [answer for answer in answers if answer.status == 200]
    kinds = {"reads_ms": "add", "writes_ms": "keep"}
    return {
        "requests": len(answers),
        "statuses": dict(sorted(statuses.items())),
        "wrong": sum(answer.status == 200 and not answer.right for answer in answers),
        "tools": dict(sorted(Counter(answer.tool for answer in answers).items())),
        "short_ms": _spread([answer.ms for answer in good if answer.tool in kinds.values()]),
        **{name: _spread([answer.ms for answer in good if answer.tool == tool]) for name, tool in kinds.items()},
    }


def _spread(ms: Sequence[float]) -> dict[str, float]:
    """Values that were seen, so that of few the 99th percentile is the largest."""
    ordered = sorted(ms)
    return {f"p{rank}": round(ordered[-(-rank * len(ordered) // 100) - 1], 1) for rank in (50, 95, 99) if ordered}


def memory(samples: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """Medians of the second minute and the last one (of a short run: of the second fifth and the last)."""
    part = min(60.0, seconds / 5)
    second = [sample["rss_mb"] for sample in samples if part <= sample["s"] < 2 * part]
    last = [sample["rss_mb"] for sample in samples if sample["s"] >= seconds - part]
    if not second or not last:
        return {"judged": False}
    before, after = statistics.median(second), statistics.median(last)
    return {
        "judged": seconds >= LONG_ENOUGH,
        "second_minute_mb": before,
        "last_minute_mb": after,
        "ratio": round(after / before, 4),
    }


def verdict(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the run was for, each yes or no; ``memory`` None: the run was too short to say."""
    every, grown = found["calls"]["with_capacity"], found["memory"]
    # Of a call whose answer nobody saw there may be an event; of one that was shed there is none.
    more = found["audit"]["events"].get("tool.call ok", 0) - every["statuses"].get("200", 0)
    said = {
        "no_5xx": not any(status >= "5" for status in every["statuses"]),
        "all_answered": "0" not in every["statuses"] and not every["wrong"],
        "nobody_limited": "429" not in every["statuses"],
        "memory": grown["ratio"] <= GROWTH if grown["judged"] else None,
        "audit_is_the_calls": found["audit"]["whole"] and 0 <= more <= every["statuses"].get("0", 0),
        # uvicorn ends in order and then passes the signal on to itself.
        "ended_when_told": found["exit_code"] in {0, signal.SIGTERM},
    }
    return {**said, "passed": all(yes is not False for yes in said.values())}
