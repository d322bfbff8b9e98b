"""A report as a person reads it: one line a check, and below what is wrong its fix and the next command."""

from gatelodge.ops.doctor.examine import Report
from gatelodge.ops.doctor.finding import Severity

__all__ = ["render"]

_MARKS = {
    Severity.OK: "ok  ",
    Severity.WARNING: "warn",
    Severity.PROBLEM: "FAIL",
    Severity.NOT_CHECKED: "--  ",
}


def render(report: Report) -> str:
    """The report as lines of text, the summary last."""
    lines = [f"Looking at {report.mcp_url}", ""]
    for check, finding in report.findings:
        lines.append(f"  {_MARKS[finding.severity]}  {check.title}: {finding.cause}")
        if finding.fix:
            lines.append(f"        fix: {finding.fix}")
        if finding.command:
            lines.append(f"        run: {finding.command}")
    counts = {severity: report.count(severity) for severity in Severity}
    summary = f"{counts[Severity.PROBLEM]} to mend, {counts[Severity.WARNING]} to watch, {counts[Severity.OK]} fine"
    return "\n".join([*lines, "", f"{summary}, {counts[Severity.NOT_CHECKED]} not checked"])
