"""Writes ``docs/reference/security-scoreboard.md`` from the committed results in ``docs/evidence/scoreboard/``.

PYTHONPATH=tests .venv/bin/python -m conformance.scoreboard > docs/reference/security-scoreboard.md

Invariant: a figure stands on the page only if a run wrote it; a row without one says so. Not here: writing results
(``tests/support/results.py``).
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["COMMAND", "RESULTS", "ROWS", "Result", "ResultUnusable", "read_results", "render"]

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "evidence" / "scoreboard"
COMMAND = "PYTHONPATH=tests .venv/bin/python -m conformance.scoreboard > docs/reference/security-scoreboard.md"
NOT_YET = "not yet"
_MEMBERS = frozenset({"row", "name", "tried", "passed", "figure", "command", "negative_control", "date", "commit"})

# The number of a row never changes: figure, target.
ROWS: Mapping[int, tuple[str, str]] = {
    1: ("attacks with tokens, headers and metadata: tried, refused as they must be", "at least 413, all"),
    2: ("good tokens as controls: tried, accepted", "at least 60, all"),
    3: ("Wycheproof vectors for JWS and JWK: tried, matched", "all 401 and 26, with at most 8 written exclusions"),
    4: ("Wycheproof vectors for the primitives, through our own wrappers", "all that apply"),
    5: ("cases of RFC 7520 and RFC 7797", "all that are supported; the others refused"),
    6: ("past vulnerabilities with a regression test", "at least 40, all passing"),
    7: ("installed versions compared with the floor table; at or above it", "all"),
    8: ("required scenarios of the official MCP suite, security ones included", "all"),
    9: ("fuzz executions; those without a server error, a hang or a crash", "at least 10,000,000, all"),
    10: ("generated calls of the HTTP API; those without a server error", "at least 50,000, all"),
    11: ("payloads that name an address; those that were not followed", "at least 60, all"),
    12: ("canary secrets found in logs, traces, errors, dumps and calls upstream", "0"),
    13: ("calls of several users at once; those with nothing of another user's", "1,000,000, all"),
    14: ("fetches of the key set in a minute of 10,000 made-up key ids", "at most 2"),
    15: (
        "outage of the key server with one restart: valid requests that passed",
        "all, for at least 6 simulated hours",
    ),
    16: ("rotation with overlap: valid requests that passed; requests until a new key is trusted", "all; at most 1"),
    17: ("emergency removal of a key: time until its tokens are refused", "at most 5 minutes"),
    18: ("refresh race of 100 callers in 2 processes: refreshes upstream", "exactly 1, in 200 rounds"),
    19: ("kill -9 during refresh or key rotation: tokens lost or unreadable", "0 in 200"),
    20: ("simulated power cuts; those without a lost commit or a corrupt database", "at least 1,000, all"),
    21: ("ciphertexts changed or swapped; those that were detected", "at least 1,000, all"),
    22: ("injected faults of disk and database; those without a wrong answer or a stop", "at least 100, all"),
    23: ("1,000 slow or idle connections: p99 of good requests against none; refusals", "at most 2 times; 0"),
    24: ("server errors in 10 minutes at 80 % of capacity; in a rolling restart", "0; 0"),
    25: ("three times too much load: clean refusals; time to recover", "no crash; at most 10 s"),
    26: ("10,000 clients that went away: those after which nothing was left", "all; cancelled within 1 s"),
    27: ("growth of memory in 8 hours or 10,000,000 requests", "at most 5 %"),
    28: ("requests that parsers may read differently; those that Traefik and the app read alike", "at least 60, all"),
    29: ("timing of comparisons that depend on a secret: largest t", "below 4.5 at 100,000 samples"),
    30: ("restore from a backup: time; rows lost", "at most 15 minutes; 0"),
}

_HEAD = f"""\
# Security scoreboard

What was measured about reliability and security, with the target, the command that measures it again, and what was
broken on purpose to see that the check can fail. A row without a result says `{NOT_YET}`.

A run with the variable `GATELODGE_RESULTS` set to `docs/evidence/scoreboard` writes its figures there as JSON; this page
is generated from them, and a test compares the two. To write it again:

```bash
{COMMAND}
```

| Row | Figure | Target | Tried | Passed | Command | Negative control | Measured | Run |
|---|---|---|---|---|---|---|---|---|
"""


class ResultUnusable(ValueError):
    """A file among the results is none."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of a row, as a run wrote it."""

    row: int
    name: str
    tried: str
    passed: str
    command: str
    negative_control: str
    measured: str
    run: str


def read_results(folder: Path) -> list[Result]:
    """The results in ``folder`` by row and name; none when there is no folder. Raises: ResultUnusable."""
    return sorted((_read(path) for path in folder.glob("*.json")), key=lambda result: (result.row, result.name))


def _read(path: Path) -> Result:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        row = int(found["row"])
    except (ValueError, KeyError, TypeError) as error:
        raise ResultUnusable(f"{path.name} is no result: a JSON object with a row was expected") from error
    if row not in ROWS:
        raise ResultUnusable(f"{path.name}: there is no row {row}")
    run = " ".join(part for part in (_text(found, "date"), _text(found, "commit")[:12]) if part)
    return Result(
        row=row,
        name=_text(found, "name"),
        tried=_text(found, "tried"),
        passed=_text(found, "passed"),
        command=_text(found, "command"),
        negative_control=_text(found, "negative_control"),
        measured=_text(found, "figure") or _others(found),
        run=run,
    )


def _text(found: Mapping[str, Any], member: str) -> str:
    value = found.get(member)
    if value is None:
        return ""
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return " ".join(text.split())


def _others(found: Mapping[str, Any]) -> str:
    # A run that measured several things names each in a member of its own.
    others = [name for name, value in found.items() if name not in _MEMBERS and not isinstance(value, dict | list)]
    return "; ".join(f"{name.replace('_', ' ')} {_text(found, name)}" for name in others)


def render(results: Iterable[Result]) -> str:
    """The whole page."""
    by_row: dict[int, list[Result]] = {}
    for result in results:
        by_row.setdefault(result.row, []).append(result)
    lines = [_HEAD]
    for row, (figure, target) in ROWS.items():
        found = by_row.get(row)
        if found is None:
            lines.append(_line(str(row), figure, target, NOT_YET, NOT_YET, "", "", "", ""))
            continue
        for result in found:
            told = f"{figure} ({result.name})" if result.name else figure
            command = f"`{result.command}`" if result.command else ""
            measured = (result.negative_control, result.measured, result.run)
            lines.append(_line(str(row), told, target, result.tried, result.passed, command, *measured))
    return "".join(lines)


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    sys.stdout.write(render(read_results(RESULTS)))
