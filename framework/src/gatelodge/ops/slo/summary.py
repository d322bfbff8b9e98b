"""The summary of a run: every number of a report, with a verdict per objective. Pure: the same samples, the same summary."""

from typing import Any

from gatelodge.ops.slo.figures import figures_of, latencies, objective_figure, overheads, totals
from gatelodge.ops.slo.folder import RUN, SAMPLES, Evidence
from gatelodge.ops.slo.objectives import Objective

__all__ = ["REPRODUCE", "summarise", "verdict"]

MET, MISSED, NOT_MEASURED = "met", "missed", "not measured"
REPRODUCE = "gatelodge slo verify FOLDER"


def verdict(objective: Objective, value: float | None, limit: float) -> str:
    """``met``, ``missed`` or ``not measured``."""
    if value is None:
        return NOT_MEASURED
    return MET if objective.meets(value, limit) else MISSED


def summarise(evidence: Evidence) -> dict[str, Any]:
    """The document of ``summary.json``."""
    record, figures = evidence.record, figures_of(evidence)
    return {
        "format": 1,
        "sources": {name: record.files.get(name, "") for name in sorted(record.files)} | {"run": RUN},
        "run": record.model_dump(exclude={"links", "files", "format"}),
        "totals": totals(evidence.samples),
        "objectives": [_judged(objective, figures) for objective in evidence.objectives],
        "figures": figures,
        "latencies": latencies(evidence.samples),
        "overheads": overheads(evidence.samples),
        "not_good": _not_good(evidence),
        "not_measured": _not_measured(evidence, figures),
    }


def _judged(objective: Objective, figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    value = objective_figure(figures, objective.figure)
    return {
        **objective.model_dump(),
        "value": value,
        "verdict": verdict(objective, value, objective.target),
        "aim_verdict": verdict(objective, value, objective.aim),
        "why": figures[objective.figure]["why"],
        "from": SAMPLES if objective.figure != "link_p95_s" else RUN,
    }


def _not_good(evidence: Evidence) -> list[dict[str, Any]]:
    """Requests without the right answer, by what was seen; ``first`` is the line of the first of them."""
    groups: dict[tuple[str, str, int, str, str], list[int]] = {}
    for number, sample in enumerate(evidence.samples, 1):
        if not sample.good:
            key = (sample.lane, sample.kind, sample.status, sample.window, sample.why)
            groups.setdefault(key, []).append(number)
    return [
        {"lane": lane, "kind": kind, "status": status, "window": window, "why": why, "count": len(n), "first": n[0]}
        for (lane, kind, status, window, why), n in sorted(groups.items())
    ]


def _not_measured(evidence: Evidence, figures: dict[str, dict[str, Any]]) -> dict[str, str]:
    missing = dict(evidence.record.not_measured)
    missing |= {
        f"objective {objective.id}": figures[objective.figure]["why"]
        for objective in evidence.objectives
        if objective_figure(figures, objective.figure) is None
    }
    if not any(sample.kind == "expired" for sample in evidence.samples):
        missing["a call with an expired token"] = "the run was too short for a token to end and for clocks to differ"
    missing["more than one machine"] = (
        "clients, Traefik, Keycloak and server shared one machine"
        if (evidence.record.local)
        else "all clients ran on one machine"
    )
    return missing
