"""From what a run of ``sizing.py`` measured to what one more user or stream costs, and to what a replica should get."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["each", "plan", "table", "units"]

# What the advice adds to what was measured.
MARGIN, STEP_MB, SPARE_FILES, BUSY = 1.5, 64, 256, 0.7
SECONDS_BETWEEN_CALLS = 10
PLANS = ((100, 10), (1_000, 100), (10_000, 1_000))

Found = Mapping[str, Any]


def each(found: Found) -> str:
    """What one more of each costs."""
    unit = units(found)
    rows = (
        ("a replica at rest, resident", f"{unit['rest_mb']:.0f} MB"),
        ("the same after all threads have worked", f"{unit['worked_mb']:.0f} MB"),
        ("a user of the last minute", f"{unit['user_kb']:.1f} KB"),
        (f"an open stream, {found['streams'][0]['era']}", f"{unit['stream_kb']:.0f} KB, one descriptor"),
        (f"an open stream, {found['streams'][-1]['era']}", f"{unit['older_stream_kb']:.0f} KB, one descriptor"),
        ("a MB of documents", f"{unit['text_mb']:.1f} MB"),
        ("a call of a known caller, eight at once", f"{unit['call_ms']:.2f} ms of one core"),
        ("the check of a token that is not remembered", f"{unit['check_ms']:.2f} ms of one core more"),
    )
    return table(("What", "Costs"), rows)


def plan(found: Found) -> str:
    """Memory, descriptors and processor for some numbers of users and streams."""
    unit, rows = units(found), []
    at_rest, at_once = found["users"][0]["before"]["files"], max(row["callers"] for row in found["callers"])
    for users, streams in PLANS:
        memory = unit["worked_mb"] + users * max(0, unit["user_kb"]) / 1024
        memory += streams * max(unit["stream_kb"], unit["older_stream_kb"]) / 1024
        files = at_rest + streams + at_once + SPARE_FILES
        core = users / SECONDS_BETWEEN_CALLS * unit["call_ms"] / 1e3
        rows.append(
            (
                f"{users:,}",
                f"{streams:,}",
                f"{math.ceil(memory * MARGIN / STEP_MB) * STEP_MB} MB",
                f"{math.ceil(files / 256) * 256:,}",
                f"{core * 100:.0f} %",
                max(1, math.ceil(core / BUSY)),
            )
        )
    head = ("Users", "Open streams", "Memory of one replica", "Descriptors of one replica", "Of one core", "Replicas")
    return table(head, rows)


def units(found: Found) -> dict[str, float]:
    """What one more of each costs, from the largest size and the smallest."""
    users, streams, documents = found["users"], found["streams"], found["documents"]
    newer = [row for row in streams if row["era"] == streams[0]["era"]]
    alone = _growth(streams[0], "open")
    text = documents[-1]["text_mb"] - documents[0]["text_mb"]
    eight = [row for row in found["callers"] if row["callers"] > 1] or found["callers"]
    return {
        "rest_mb": users[0]["before"]["rss_mb"],
        "worked_mb": found["callers"][-1]["after"]["rss_mb"],
        "user_kb": (_growth(users[-1], "after") - _growth(users[0], "after")) * 1024 / (users[-1]["users"] - 1),
        "stream_kb": (_growth(newer[-1], "open") - alone) * 1024 / newer[-1]["streams"],
        "older_stream_kb": (_growth(streams[-1], "open") - alone) * 1024 / streams[-1]["streams"],
        "text_mb": (documents[-1]["after"]["uss_mb"] - documents[0]["after"]["uss_mb"]) / text,
        "call_ms": max(row["processor_us"] for row in eight if row["callers"] == eight[0]["callers"]) / 1e3,
        "check_ms": max(0.0, users[-1]["first"]["processor_us"] - users[-1]["again"]["processor_us"]) / 1e3,
    }


def _growth(row: Found, later: str) -> float:
    return float(row[later]["uss_mb"] - row["before"]["uss_mb"])


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
