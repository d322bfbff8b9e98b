"""The report of a run: made from its folder into its folder, with the sha256 of every file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatelodge.ops.slo.faults import EvidenceInvalid
from gatelodge.ops.slo.folder import (
    OBJECTIVES,
    RUN,
    SAMPLES,
    SUMS,
    as_json,
    digest,
    read_evidence,
    read_file,
    write_file,
)
from gatelodge.ops.slo.pages import as_html, as_markdown
from gatelodge.ops.slo.plots import draw
from gatelodge.ops.slo.summary import summarise

__all__ = ["FILES", "HTML", "MARKDOWN", "SUMMARY", "exit_code", "make_report"]

SUMMARY, MARKDOWN, HTML = "summary.json", "report.md", "report.html"
FILES = (OBJECTIVES, HTML, MARKDOWN, RUN, SAMPLES, SUMMARY)


def make_report(folder: Path) -> dict[str, Any]:
    """Write the report and return the summary. Raises: EvidenceInvalid, RunFailed, DiskRefused."""
    evidence = read_evidence(folder)
    if evidence.faults:
        raise EvidenceInvalid("\n".join(evidence.faults[:20]), hint="A report is made from samples as they were seen.")
    summary = summarise(evidence)
    images = draw(evidence)
    write_file(folder, SUMMARY, as_json(summary))
    write_file(folder, MARKDOWN, as_markdown(summary).encode())
    write_file(folder, HTML, as_html(summary, images).encode())
    sums = "".join(f"{digest(read_file(folder, name))}  {name}\n" for name in sorted(FILES))
    write_file(folder, SUMS, sums.encode())
    return summary


def exit_code(summary: Mapping[str, Any]) -> int:
    """1 when an objective was missed, else 0."""
    return 1 if any(objective["verdict"] == "missed" for objective in summary["objectives"]) else 0
