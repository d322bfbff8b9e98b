"""The plots of a report, as PNG. The only module that needs matplotlib, which is the extra ``report``.

Not here: numbers; a plot shows the samples themselves.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gatelodge.ops.slo.faults import RunFailed
from gatelodge.ops.slo.folder import Evidence, events_of
from gatelodge.ops.slo.journal import Event
from gatelodge.ops.slo.sample import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_COLOURS = {
    "search": "#1f77b4",
    "fetch": "#2ca02c",
    "list": "#9467bd",
    "note": "#8c564b",
    "stream": "#ff7f0e",
    "refresh": "#17becf",
    "expired": "#bcbd22",
}
_GREY, _BAD, _EVENT = "#7f7f7f", "#c02020", "#404040"


def draw(evidence: Evidence) -> dict[str, bytes]:
    """PNG images by name: ``latency``, ``timeline``, ``errors``. Raises: RunFailed, when matplotlib is missing."""
    edge = [sample for sample in evidence.samples if sample.lane == "edge" and sample.ttfb is not None]
    events = events_of(evidence.record)
    return {
        "latency": _latency([sample for sample in edge if sample.good and sample.kind != "expired"]),
        "timeline": _timeline(edge, events),
        "errors": _errors(evidence.samples, events, evidence.record.lasted),
    }


def _figure(height: float) -> "tuple[Figure, Axes]":
    try:
        # Here and not above: only a report needs it, and an installation may lack it.
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise RunFailed(
            "the plots of a report need matplotlib", hint="Install gatelodge with the extra report."
        ) from error
    # No pyplot: it keeps state in its module and looks for a display.
    figure = Figure(figsize=(9, height), dpi=70, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _png(figure: "Figure") -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _latency(samples: Sequence[Sample]) -> bytes:
    figure, axes = _figure(3.6)
    for kind in sorted({sample.kind for sample in samples}):
        values = sorted(sample.ttfb for sample in samples if sample.kind == kind and sample.ttfb is not None)
        shares = [(index + 1) / len(values) for index in range(len(values))]
        axes.step(values, shares, where="post", label=f"{kind} ({len(values)})", color=_COLOURS.get(kind))
    axes.set(xscale="log", xlabel="time to first byte through Traefik, ms", ylabel="share of good answers", ylim=(0, 1))
    axes.grid(visible=True, which="both", alpha=0.25)
    if samples:
        axes.legend(fontsize=8)
    return _png(figure)


def _timeline(samples: Sequence[Sample], events: Sequence[Event]) -> bytes:
    figure, axes = _figure(3.6)
    for kind in sorted({sample.kind for sample in samples if sample.good}):
        shown = [sample for sample in samples if sample.good and sample.kind == kind]
        colour = _COLOURS.get(kind, _GREY)
        axes.plot(*_points(shown), ".", ms=3, label=kind, color=colour)
    bad = [sample for sample in samples if not sample.good]
    if bad:
        axes.plot(*_points(bad), "x", ms=5, label="not good", color=_BAD)
    _mark(axes, events)
    axes.set(yscale="log", xlabel="seconds of the run", ylabel="time to first byte, ms")
    axes.grid(visible=True, alpha=0.25)
    if samples:
        axes.legend(fontsize=8, ncols=4)
    return _png(figure)


def _points(samples: Sequence[Sample]) -> tuple[list[float], list[float]]:
    return [sample.at for sample in samples], [sample.ttfb or 0.0 for sample in samples]


def _errors(samples: Sequence[Sample], events: Sequence[Event], lasted: float) -> bytes:
    figure, axes = _figure(2.4)
    edge = [sample for sample in samples if sample.lane == "edge"]
    edges = [second / 2 for second in range(2 * int(lasted + 2))]
    bad = [sample.at for sample in edge if sample.valid and not sample.good]
    axes.hist([sample.at for sample in edge], bins=edges, color="#d0d8e0", label=f"requests ({len(edge)})")
    axes.hist(bad, bins=edges, color=_BAD, label=f"valid, without the right answer ({len(bad)})")
    _mark(axes, events)
    axes.set(xlabel="seconds of the run", ylabel="per half second")
    axes.legend(fontsize=8)
    return _png(figure)


def _mark(axes: "Axes", events: Sequence[Event]) -> None:
    for event in events:
        axes.axvspan(event.at, event.until or event.at, color=_EVENT, alpha=0.15)
        axes.annotate(
            event.name,
            (event.at, 1.0),
            xycoords=("data", "axes fraction"),
            fontsize=8,
            rotation=90,
            va="top",
            ha="right",
        )
