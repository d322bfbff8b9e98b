"""The report for continuous integration: one test case per check (the JUnit XML that build servers read)."""

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gatelodge.ops.verify.check import Status
from gatelodge.ops.verify.run import Verification

__all__ = ["as_junit"]

# XML 1.0 has no place for these, escaped or not.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def as_junit(report: Verification) -> str:
    """A ``testsuite``: failures with found, rule and fix; what was not looked at is ``skipped``."""
    missed = report.count(Status.NOT_APPLICABLE) + report.count(Status.NOT_EVALUATED)
    suite = Element(
        "testsuite",
        name=f"gatelodge verify {_clean(report.url)} as {report.client}",
        tests=str(len(report.findings)),
        failures=str(report.count(Status.FAIL)),
        errors="0",
        skipped=str(missed),
        time=f"{report.seconds:.2f}",
    )
    for finding in report.findings:
        check, outcome = finding.check, finding.outcome
        case = SubElement(suite, "testcase", classname=f"verify.{report.client}", name=f"{check.id} {check.title}")
        if outcome.status is Status.FAIL:
            failure = SubElement(case, "failure", message=_clean(outcome.found))
            failure.text = _clean(f"rule: {check.source}\nfix: {check.fix}")
        elif outcome.status is not Status.PASS:
            SubElement(case, "skipped", message=_clean(f"{outcome.status.value}: {outcome.found}"))
    indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
