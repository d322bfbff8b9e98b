"""The figures of a run, from its samples alone.

Pure. Invariant: a share is given with its counts, a percentile with the number of its samples, and one that was not sampled
is None. Not here: whether a figure is good enough (``verdicts``).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gatelodge.ops.slo.folder import Evidence
from gatelodge.ops.slo.percentile import QUANTILES, percentile
from gatelodge.ops.slo.record import RunRecord
from gatelodge.ops.slo.sample import Sample

__all__ = ["distribution", "figures_of", "latencies", "objective_figure", "overheads", "totals"]

_DIGITS = 4
# Seconds that a link counts for which did not come about: it must not make the figure better.
_FAILED_LINK = 30.0
Figure = dict[str, Any]


def distribution(values: Sequence[float]) -> Figure:
    """Count, smallest, percentiles (None when not sampled) and largest."""
    found: Figure = {"samples": len(values), "min": _rounded(min(values, default=None))}
    found |= {name: _rounded(percentile(values, name)) for name in QUANTILES}
    return found | {"max": _rounded(max(values, default=None))}


def share(part: int, whole: int) -> Figure:
    """A share in percent, with both counts; None of nothing."""
    return {"count": part, "of": whole, "value": _rounded(100 * part / whole) if whole else None}


def totals(samples: Sequence[Sample]) -> Figure:
    """How many requests there were, by lane and by status."""
    lanes = {lane: sum(sample.lane == lane for sample in samples) for lane in sorted({s.lane for s in samples})}
    statuses = sorted({sample.status for sample in samples})
    return {
        "requests": len(samples),
        "lanes": lanes,
        "through_traefik": _by_server([sample for sample in samples if sample.lane == "edge"]),
        "statuses": {str(status): sum(sample.status == status for sample in samples) for status in statuses},
        "in_restart": sum(bool(sample.window) for sample in samples),
        "not_good": sum(not sample.good for sample in samples),
        "latest_start_ms": _rounded(max((sample.late for sample in samples), default=None)),
    }


def _by_server(samples: Sequence[Sample]) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for server in sorted({sample.server for sample in samples}):
        own = [sample for sample in samples if sample.server == server]
        found[server] = {
            "requests": len(own),
            "server_errors": sum(sample.server_error for sample in own),
            "without_answer": sum(sample.status == 0 for sample in own),
            "valid": len(_valid(own)),
            "good": sum(sample.good for sample in _valid(own)),
        }
    return found


def figures_of(evidence: Evidence) -> dict[str, Figure]:
    """The figures that objectives can name; ``value`` is None when it was not measured, ``why`` then says why."""
    edge = [sample for sample in evidence.samples if sample.lane == "edge"]
    calm = [sample for sample in edge if not sample.window]
    # The issuer's answers are no answers of a server of ours; for availability they count.
    served, calmly_served = ([sample for sample in group if sample.server != "issuer"] for group in (edge, calm))
    streams = [sample.ttfb for sample in edge if sample.streamed and sample.good and sample.ttfb is not None]
    links = [link.seconds if link.good else max(link.seconds, _FAILED_LINK) for link in evidence.record.links]
    return {
        "stream_ttfb_p95_ms": _p95(streams),
        "server_5xx_percent": _share(calmly_served, lambda sample: sample.server_error),
        "server_5xx_percent_with_restart": _restarted(served, evidence.record, lambda sample: sample.server_error),
        "availability_percent": _share(_valid(calm), lambda sample: sample.good),
        "availability_percent_with_restart": _restarted(_valid(edge), evidence.record, lambda sample: sample.good),
        "link_p95_s": {**_p95(links), "failed": sum(not link.good for link in evidence.record.links)},
    }


def objective_figure(figures: dict[str, Figure], name: str) -> float | None:
    """The value of one figure."""
    value = figures[name]["value"]
    return float(value) if value is not None else None


def latencies(samples: Iterable[Sample]) -> list[Figure]:
    """Time to first byte and to the end, ms, of good answers, by lane, kind and revision."""
    groups: dict[tuple[str, str, str, str], list[Sample]] = {}
    for sample in samples:
        if sample.good:
            groups.setdefault((sample.lane, sample.server, sample.kind, sample.era), []).append(sample)
    return [
        {
            "lane": lane,
            "server": server,
            "kind": kind,
            "era": era,
            "streamed": sum(sample.streamed for sample in group),
            "ttfb_ms": distribution([sample.ttfb for sample in group if sample.ttfb is not None]),
            "total_ms": distribution([sample.total for sample in group]),
        }
        for (lane, server, kind, era), group in sorted(groups.items())
    ]


def overheads(samples: Iterable[Sample]) -> list[Figure]:
    """What Traefik and auth add: the same call by two ways, in turn. Pairs that are not whole and good are left out."""
    pairs: dict[int, dict[str, Sample]] = {}
    for sample in samples:
        if sample.pair and sample.good and not sample.window:
            pairs.setdefault(sample.pair, {})[sample.lane] = sample
    return [
        _overhead("Traefik", "edge", "direct", pairs.values()),
        _overhead("auth", "direct", "open", pairs.values()),
    ]


def _overhead(name: str, lane: str, base: str, pairs: Iterable[dict[str, Sample]]) -> Figure:
    whole = [pair for pair in pairs if pair.keys() == {lane, base}]
    with_it, without = ([pair[side].total for pair in whole] for side in (lane, base))
    found: Figure = {"of": name, "lane": lane, "base": base, "pairs": len(whole)}
    for quantile in ("p50", "p95"):
        ours, theirs = percentile(with_it, quantile), percentile(without, quantile)
        found[f"{quantile}_ms"] = [_rounded(ours), _rounded(theirs)]
        found[f"{quantile}_ratio"] = _rounded(ours / theirs) if ours and theirs else None
    return found


def _valid(samples: Iterable[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.valid]


def _p95(values: Sequence[float]) -> Figure:
    found = distribution(values)
    why = "" if found["p95"] is not None else f"not sampled: {len(values)} samples, a p95 needs 20"
    return {"value": found["p95"], "why": why, **found}


def _share(samples: Sequence[Sample], chosen: Callable[[Sample], bool]) -> Figure:
    found = share(sum(chosen(sample) for sample in samples), len(samples))
    return {**found, "why": "" if samples else "not sampled: no request"}


def _restarted(samples: Sequence[Sample], record: RunRecord, chosen: Callable[[Sample], bool]) -> Figure:
    found = _share(samples, chosen)
    if any(event.name == "restart" for event in record.events):
        return found
    return {**found, "value": None, "why": "the run had no restart"}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
