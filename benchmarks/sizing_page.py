"""The figures of ``docs/guides/sizing.md``, from ``results/sizing.json``: ``python benchmarks/sizing_page.py``.

Every figure of a run stands in a generated part of the page, between two comments; the text around them has none.
``--check`` writes nothing, and ends with 1 when the page is not what the results say.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sizing_plan import each, plan, table

__all__ = ["GUIDE", "RESULTS", "refresh", "rendered"]

RESULTS = Path(__file__).parent / "results" / "sizing.json"
GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "sizing.md"
_PART = re.compile(r"(<!-- sizing: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
# A median of few calls, or a tail with nothing beyond it, is not shown.
FOR_P50, FOR_P99, NOT_SAMPLED = 20, 100, "not sampled"

Found = Mapping[str, Any]


def refresh(results: Path = RESULTS, guide: Path = GUIDE) -> None:
    """Write the generated parts of the page again."""
    guide.write_text(rendered(guide.read_text(encoding="utf-8"), json.loads(results.read_text())), encoding="utf-8")


def rendered(page: str, found: Found) -> str:
    """The page with its parts as the results say. Raises: KeyError for a part that is not known."""
    return _PART.sub(lambda part: f"{part[1]}\n{_PARTS[part[2]](found)}\n\n{part[3]}", page)


def _run(found: Found) -> str:
    host = found["host"]
    load = ", ".join(f"{value:.1f}" for value in host["load_before"])
    state = " with changes not yet committed" if found["uncommitted_changes"] else ""
    return (
        f"{found['at'][:10]}, commit {found['commit'][:12]}{state}, `{' '.join(found['command'])}`, {found['took_s']} s; "
        f"{host['processor']}, {host['cores']} cores, load averages before it {load}; Python {found['versions']['python']}; "
        f"{found['descriptors_allowed']:,} open files allowed."
    )


def _users(found: Found) -> str:
    head = ("Users", "First call, p50", "to a known caller's", "p99", "Known caller, p50", "ratio", "Unshared memory")
    return table(
        head,
        (
            (
                _number(row["users"]),
                _ms(row["first"]["p50_ms"]) if row["first"]["calls"] >= FOR_P50 else NOT_SAMPLED,
                row["first"]["p50_ratio"] if row["first"]["calls"] >= FOR_P50 else NOT_SAMPLED,
                _ms(row["first"]["p99_ms"]) if row["first"]["calls"] >= FOR_P99 else NOT_SAMPLED,
                _ms(row["again"]["p50_ms"]),
                row["again"]["p50_ratio"],
                _grown(row["before"], row["after"]),
            )
            for row in found["users"]
        ),
    )


def _streams(found: Found) -> str:
    calls = ("One caller, p50", "ratio", "p99 ratio", "Eight callers, calls/s, ratio", "p99 ratio")
    held = ("Unshared memory", "Open files", "Files when closed", "Core used, nobody calling")
    head = ("Open streams", "Era", *calls, *held)
    return table(
        head,
        (
            (
                _number(row["streams"]),
                row["era"],
                _ms(row["one_caller"]["p50_ms"]),
                row["one_caller"]["p50_ratio"],
                row["one_caller"]["p99_ratio"],
                row["eight_callers"]["calls_a_second_ratio"],
                row["eight_callers"]["p99_ratio"],
                _grown(row["before"], row["open"]),
                _number(row["open"]["files"]),
                row["closed"]["files"],
                f"{row['idle_processor_percent']} %",
            )
            for row in found["streams"]
        ),
    )


def _callers(found: Found) -> str:
    head = ("Callers", "Era", "Calls/s", "ratio", "p50", "ratio", "p99", "ratio", "Processor a call", "Open files")
    return table(
        head,
        (
            (
                row["callers"],
                row["era"],
                round(row["calls_a_second"]),
                row["calls_a_second_ratio"],
                _ms(row["p50_ms"]),
                row["p50_ratio"],
                _ms(row["p99_ms"]),
                row["p99_ratio"],
                _ms(row["processor_us"] / 1e3),
                row["files"],
            )
            for row in found["callers"]
        ),
    )


def _documents(found: Found) -> str:
    head = ("Documents", "Text", "Ready after", "Search, p50", "ratio", "p99", "ratio", "Unshared memory", "Resident")
    return table(
        head,
        (
            (
                _number(row["documents"]),
                f"{row['text_mb']:.1f} MB",
                f"{row['ready_s']} s",
                _ms(row["p50_ms"]),
                row["p50_ratio"],
                _ms(row["p99_ms"]),
                row["p99_ratio"],
                f"{row['after']['uss_mb']:.0f} MB",
                f"{row['after']['rss_mb']:.0f} MB",
            )
            for row in found["documents"]
        ),
    )


def _keycloak(_: Found) -> str:
    """From the desk's own results, which lie beside."""
    found = json.loads(RESULTS.with_name("desk.json").read_text())
    made, documents = found["registrations"], found["documents"]
    number, known = made["all_ms"]["count"], documents["first_ms"]["count"]
    first, last = made["first_fifth_ms"]["p50"], made["last_fifth_ms"]["p50"]
    rows = (
        (f"{number:,} registrations by the desk, {made['at_once']} at once", f"{made['a_second']} a second"),
        ("p50 of their first fifth, their last", f"{_ms(first)}, {_ms(last)} (ratio {last / first:.2f})"),
        ("the desk's memory through them", _desk(made)),
        (f"its memory through {known:,} clients with documents", _desk(documents)),
        ("what the desk adds to a sign-in, p50", _ms(found["authorize"]["added"]["p50"])),
    )
    return table((f"`benchmarks/desk.py`, {found['at'][:10]}", "Measured"), rows)


def _desk(part: Found) -> str:
    return f"{part['desk_mb_before']} to {part['desk_mb_after']} MB"


def _grown(before: Found, after: Found) -> str:
    return f"{before['uss_mb']:.1f} to {after['uss_mb']:.1f} MB"


def _ms(value: float) -> str:
    return f"{value:.2f} ms"


def _number(value: int) -> str:
    return f"{value:,}"


_PARTS = {
    "run": _run,
    "users": _users,
    "streams": _streams,
    "callers": _callers,
    "documents": _documents,
    "each": each,
    "plan": plan,
    "keycloak": _keycloak,
}


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description="Tables of docs/guides/sizing.md")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--guide", type=Path, default=GUIDE)
    options = parser.parse_args()
    if not options.check:
        refresh(options.results, options.guide)
        return 0
    page = options.guide.read_text(encoding="utf-8")
    if rendered(page, json.loads(options.results.read_text())) == page:
        return 0
    print(f"{options.guide} is not what {options.results} says; write it: python benchmarks/sizing_page.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
