"""The report for a terminal: failures in full, the rest in a line each."""

from gatelodge.ops.verify.check import Exchange, Finding, Status
from gatelodge.ops.verify.run import Verification

__all__ = ["as_text"]

_MARKS = {Status.PASS: "pass", Status.FAIL: "FAIL", Status.NOT_APPLICABLE: "n/a ", Status.NOT_EVALUATED: "?   "}


def as_text(report: Verification) -> str:
    """The report, failures with their evidence in short."""
    lines = [f"{report.url} as {report.client}", ""]
    for finding in report.findings:
        lines.extend(_lines(finding))
    counts = ", ".join(f"{report.count(status)} {status.value.replace('_', ' ')}" for status in Status)
    lines += ["", f"{counts}; {report.seconds:.1f} s"]
    if report.left_behind:
        lines.append(f"left at the issuer, to be removed there: {', '.join(report.left_behind)}")
    return "\n".join(lines) + "\n"


def _lines(finding: Finding) -> list[str]:
    check, outcome = finding.check, finding.outcome
    lines = [f"{_MARKS[outcome.status]}  {check.id:<26} {check.title}"]
    if outcome.status is Status.FAIL:
        lines.append(f"        found: {outcome.found}")
        lines.extend(f"        seen:  {_exchange(exchange)}" for exchange in finding.evidence[-2:])
        lines += [f"        rule:  {check.source}", f"        fix:   {check.fix}"]
    elif outcome.status is Status.NOT_EVALUATED:
        lines.append(f"        {outcome.found}")
    return lines


def _exchange(exchange: Exchange) -> str:
    answer = exchange.error if exchange.status is None else str(exchange.status)
    return f"{exchange.method} {exchange.url} -> {answer}"[:200]
