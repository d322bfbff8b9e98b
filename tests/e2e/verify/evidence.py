"""Makes a report small enough to keep: every check's outcome, for failures what was seen, no bodies, nothing local.

gatelodge verify https://localhost:8443/mcp --as claude --json | .venv/bin/python tests/e2e/verify/evidence.py NAME COMMAND
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["FOLDER", "condensed"]

FOLDER = Path(__file__).parents[3] / "docs" / "evidence" / "verify"


def condensed(report: dict[str, Any], command: str) -> dict[str, Any]:
    """The report without bodies, headers and queries."""
    kept = {name: report[name] for name in ("schema", "url", "client", "started", "seconds", "counts")}
    return {**kept, "command": command, "checks": [_check(check) for check in report["checks"]]}


def _check(check: dict[str, Any]) -> dict[str, Any]:
    found = {name: check[name] for name in ("id", "outcome", "found")}
    if check["outcome"] != "fail":
        return found
    return {**found, "fix": check["fix"], "seen": [_line(exchange) for exchange in check["evidence"]]}


def _line(exchange: dict[str, Any]) -> str:
    where = urlsplit(exchange["url"])
    answer = exchange["error"] if exchange["status"] is None else exchange["status"]
    return f"{exchange['method']} {where.scheme}://{where.netloc}{where.path} -> {answer}"


if __name__ == "__main__":
    document = condensed(json.load(sys.stdin), sys.argv[2])
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{sys.argv[1]}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
