"""What a while of calls took, and how it compares with another while of the same round."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Load", "compared", "spread", "together"]


@dataclass(frozen=True, slots=True)
class Load:
    """What a while of calls took: milliseconds of each, seconds of it all and of the server's processor; open files."""

    ms: list[float]
    seconds: float
    processor_s: float
    files: int

    def figures(self) -> dict[str, float]:
        """As the results have it."""
        return {
            "calls": len(self.ms),
            "calls_a_second": round(len(self.ms) / self.seconds, 1),
            "processor_us": round(self.processor_s / len(self.ms) * 1e6, 1),
            "files": self.files,
            **spread(self.ms),
        }


def spread(ms: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile of milliseconds, values that were seen."""
    ordered = sorted(ms)
    return {f"p{rank}_ms": round(ordered[max(0, -(-rank * len(ordered) // 100) - 1)], 3) for rank in (50, 99)}


def together(loads: Sequence[Load | None], bases: Sequence[Load | None]) -> dict[str, float]:
    """All slices' calls together, and the ratio to the smallest size's known callers in the same slice."""
    pairs = [(own, base) for own, base in zip(loads, bases, strict=True) if own and base]
    return compared([own for own, _ in pairs], [base for _, base in pairs])


def compared(loads: Sequence[Load], bases: Sequence[Load]) -> dict[str, float]:
    """Figures of all rounds together, and medians over the rounds of the ratios to the smallest size."""
    all_ = Load(
        [ms for load in loads for ms in load.ms],
        sum(load.seconds for load in loads),
        sum(load.processor_s for load in loads),
        max(load.files for load in loads),
    )
    pairs = [(own.figures(), base.figures()) for own, base in zip(loads, bases, strict=True)]
    ratios: dict[str, float] = {}
    for name in ("p50_ms", "p99_ms", "calls_a_second"):
        ratios[f"{name.removesuffix('_ms')}_ratio"] = round(statistics.median(a[name] / b[name] for a, b in pairs), 2)
    return {**all_.figures(), **ratios}
