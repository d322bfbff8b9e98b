"""Measured figures of a test run, kept as JSON for the security scoreboard.

Nothing is written unless ``GATELODGE_RESULTS`` names a folder: an ordinary run leaves no file behind. One file holds one
figure of one row; ``tests/conformance/scoreboard.py`` makes the page from them.
"""

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["record", "record_page"]

_CHECKOUT = Path(__file__).resolve().parents[2]
_NO_NAME = re.compile(r"[^a-z0-9]+")


def record(
    row: int,
    name: str,
    *,
    tried: int,
    passed: int,
    command: str,
    negative_control: str,
    figure: str | float | None = None,
    **measured: object,
) -> Path | None:
    """Write one figure of a row and give the file's path; None when no folder is named.

    ``name`` tells figures of one row apart ("in process", "through Traefik"); ``figure`` is what was measured, with its
    unit, when tried and passed do not say it all; ``negative_control`` says what was broken on purpose and seen to fail.
    ``measured`` is what else was seen, for the file only.
    """
    folder = os.environ.get("GATELODGE_RESULTS")
    if not folder:
        return None
    path = Path(folder) / f"{row:02d}-{_NO_NAME.sub('-', name.lower()).strip('-')}.json"
    result = {
        "row": row,
        "name": name,
        "tried": tried,
        "passed": passed,
        "figure": figure,
        "command": command,
        "negative_control": negative_control,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        **measured,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def record_page(page: str, name: str, **measured: object) -> Path | None:
    """Write figures that belong to no row: into the folder ``page`` below the one of ``GATELODGE_RESULTS``, if any."""
    folder = os.environ.get("GATELODGE_RESULTS")
    if not folder:
        return None
    path = Path(folder) / page / f"{_NO_NAME.sub('-', name.lower()).strip('-')}.json"
    result = {"name": name, **measured, "date": datetime.now(UTC).date().isoformat(), "commit": _commit()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _commit() -> str:
    git = shutil.which("git")
    if git is None or not (_CHECKOUT / ".git").exists():
        return "unknown"
    command = [git, "-c", "safe.directory=*", "rev-parse", "HEAD"]
    return subprocess.run(command, cwd=_CHECKOUT, capture_output=True, check=True, text=True).stdout.strip()
