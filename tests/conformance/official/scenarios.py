"""The official suite's server scenarios that are held here, by revision, and what became of one in a run.

Not here: running them (``suite``); the scenarios that this server does not pass (``baseline.yaml``).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["BASELINE", "BEYOND", "HELD", "REQUIRED", "SECURITY", "faults", "shortfall"]

_BOTH = (
    "completion-complete",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-mixed-content",
    "tools-call-error",
    "tools-call-with-progress",
    "server-sse-multiple-streams",
    "resources-list",
    "resources-read-text",
    "resources-read-binary",
    "resources-templates-read",
    "prompts-list",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-embedded-resource",
    "prompts-get-with-image",
    "dns-rebinding-protection",
)
_ROUNDS = (
    "basic-elicitation",
    "basic-sampling",
    "basic-list-roots",
    "request-state",
    "multiple-input-requests",
    "multi-round",
    "missing-input-response",
    "non-tool-request",
    "result-type",
    "unsupported-methods",
    "tampered-state",
    "capability-check",
    "ignore-extra-params",
    "validate-input",
)

# What the suite itself counts. A test compares this with the installed package.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "2026-07-28": (
        *_BOTH,
        "server-stateless",
        "sep-2164-resource-not-found",
        "caching",
        *(f"input-required-result-{name}" for name in _ROUNDS),
    ),
    "2025-11-25": (
        *_BOTH,
        "server-initialize",
        "logging-set-level",
        "ping",
        "tools-call-with-logging",
        "tools-call-sampling",
        "tools-call-elicitation",
        "elicitation-sep1034-defaults",
        "elicitation-sep1330-enums",
        "resources-subscribe",
        "resources-unsubscribe",
    ),
}

# What it runs beside them without counting, and what we hold ourselves to.
BEYOND: Mapping[str, tuple[str, ...]] = {
    "2026-07-28": ("http-header-validation", "http-custom-header-server-validation", "json-schema-2020-12"),
    "2025-11-25": ("json-schema-2020-12",),
}
HELD: Mapping[str, tuple[str, ...]] = {revision: (*REQUIRED[revision], *BEYOND[revision]) for revision in REQUIRED}

# Those of 2026-07-28 that guard against an attacker.
SECURITY = (
    "dns-rebinding-protection",
    "http-header-validation",
    "http-custom-header-server-validation",
    "input-required-result-tampered-state",
    "server-stateless",
)

BASELINE: Mapping[str, Mapping[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "baseline.yaml").read_text(encoding="utf-8")
)


def shortfall(checks: Iterable[Mapping[str, Any]] | None) -> str | None:
    """Why a scenario with these checks is not passed; None when it is.

    Stricter than the suite: a warning is a shortfall too, and so is a scenario without one check that succeeded.
    """
    if checks is None:
        return "did not run"
    checks = list(checks)
    found = [
        f"{check['status']} {check['id']}: {check.get('errorMessage') or check.get('details')}"
        for check in checks
        if check["status"] in {"FAILURE", "WARNING"}
    ]
    if not found and not any(check["status"] == "SUCCESS" for check in checks):
        return "checked nothing"
    return "; ".join(found) or None


def faults(
    scenario: str, checks: Iterable[Mapping[str, Any]] | None, baseline: Mapping[str, str], held: Iterable[str]
) -> list[str]:
    """What is wrong with one scenario of a run, or with the baseline's entry for it; empty when nothing is."""
    if scenario not in held:
        return [f"{scenario}: the baseline names a scenario that is not held here"]
    short, reason = shortfall(checks), baseline.get(scenario)
    if short is not None and reason is None:
        return [f"{scenario}: {short}"]
    if reason is not None and checks is None:
        return [f"{scenario}: did not run, so nothing supports its entry in the baseline"]
    if reason is not None and short is None:
        return [f"{scenario}: passes now; take it off the baseline, which says: {reason}"]
    if reason is not None and not reason.strip():
        return [f"{scenario}: the baseline gives no reason"]
    return []
