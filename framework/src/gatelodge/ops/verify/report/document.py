"""The report as plain data: what JSON shows and the page is made from.

Invariant: ``schema`` changes only when a reader of the older form would misread the newer one.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gatelodge.ops.verify.catalogue import SECTIONS
from gatelodge.ops.verify.check import Status
from gatelodge.ops.verify.run import Verification

__all__ = ["as_document", "as_json"]


def as_document(report: Verification) -> dict[str, Any]:
    """The report: ``schema``, ``url``, ``client``, ``counts``, ``checks`` and what was left behind."""
    return {
        "schema": 1,
        "url": report.url,
        "client": report.client,
        "started": datetime.fromtimestamp(report.started, UTC).isoformat(timespec="seconds"),
        "seconds": round(report.seconds, 2),
        "counts": {status.value: report.count(status) for status in Status},
        "removed_clients": report.removed,
        "left_behind": list(report.left_behind),
        "checks": [
            {
                "id": finding.check.id,
                "section": SECTIONS[finding.check.section],
                "title": finding.check.title,
                "outcome": finding.outcome.status.value,
                "found": finding.outcome.found,
                "source": finding.check.source,
                "fix": finding.check.fix,
                "evidence": [asdict(exchange) for exchange in finding.evidence],
            }
            for finding in report.findings
        ],
    }


def as_json(report: Verification) -> str:
    """The report as JSON, with a line end."""
    return json.dumps(as_document(report), indent=2, ensure_ascii=False) + "\n"
