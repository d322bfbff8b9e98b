"""Figures of a run as JSON files, for the scoreboard: one file for each row and name, in the folder GATELODGE_RESULTS.

Without the variable nothing is written, so an ordinary test run leaves no trace.
"""

import json
import os
import re
from pathlib import Path

__all__ = ["record"]


def record(
    row: int, name: str, *, tried: int, passed: int, command: str, negative_control: str, **measured: object
) -> None:
    """Write one figure. ``row`` is the scoreboard's; ``measured`` holds what else was seen."""
    folder = os.environ.get("GATELODGE_RESULTS")
    if not folder:
        return
    figure = {
        "row": row,
        "name": name,
        "tried": tried,
        "passed": passed,
        "command": command,
        "negative_control": negative_control,
        **measured,
    }
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    (path / f"{row:02d}-{slug}.json").write_text(json.dumps(figure, indent=2) + "\n", encoding="utf-8")
