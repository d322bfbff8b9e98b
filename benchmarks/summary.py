"""Raw samples of a comparison turned into ratios to plain FastMCP, round by round."""

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["BASE", "OURS", "ratios", "table"]

BASE, OURS = "fastmcp", "ours"


def ratios(samples: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Per era, connections and server: the median over rounds of its ratio to ``BASE`` in the same round.

    Above 1 is better than ``BASE`` for all: more calls per second, shorter p50 and p99, less processor time a call
    (which other work on the machine disturbs least). ``calls_range`` holds the lowest and the highest round.
    """
    cells: dict[tuple[str, int, str], dict[int, Mapping[str, Any]]] = {}
    for sample in samples:
        cells.setdefault((sample["era"], sample["connections"], sample["server"]), {})[sample["round"]] = sample
    rows = []
    for (era, connections, server), rounds in cells.items():
        base = cells.get((era, connections, BASE), {})
        pairs = [(rounds[number], base[number]) for number in rounds if number in base]
        if not pairs:
            continue
        calls = [_rate(own) / _rate(other) for own, other in pairs]
        rows.append(
            {
                "era": era,
                "connections": connections,
                "server": server,
                "rounds": len(pairs),
                "calls": _median(calls),
                "calls_range": [round(min(calls), 3), round(max(calls), 3)],
                "p50": _median(other["p50_ms"] / own["p50_ms"] for own, other in pairs),
                "p99": _median(other["p99_ms"] / own["p99_ms"] for own, other in pairs),
                "processor": _median(other["processor_us"] / own["processor_us"] for own, other in pairs),
            }
        )
    return rows


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as text, columns aligned."""
    lines = [f"{'era':<11} {'conn':>4} {'server':<13} {'calls/s':>8} {'range':>13} {'p50':>6} {'p99':>6} {'cpu':>6}"]
    for row in rows:
        low, high = row["calls_range"]
        lines.append(
            f"{row['era']:<11} {row['connections']:>4} {row['server']:<13} {row['calls']:>8.2f} "
            f"{f'{low:.2f} to {high:.2f}':>13} {row['p50']:>6.2f} {row['p99']:>6.2f} {row['processor']:>6.2f}"
        )
    return "\n".join([f"ratios to {BASE}, above 1 is better", *lines])


def _rate(sample: Mapping[str, Any]) -> float:
    return float(sample["calls"]) / float(sample["seconds"])


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 3)
