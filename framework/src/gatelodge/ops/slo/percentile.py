"""Percentiles that were really sampled: nearest rank, and none beyond what the number of samples can show."""

import math
from collections.abc import Sequence
from fractions import Fraction

__all__ = ["QUANTILES", "least_samples", "percentile"]

# By name, as exact numbers: 0.999 * 1000 is more than 999 in floating point.
QUANTILES: dict[str, Fraction] = {
    "p50": Fraction(50, 100),
    "p95": Fraction(95, 100),
    "p99": Fraction(99, 100),
    "p99.9": Fraction(999, 1000),
}


def least_samples(name: str) -> int:
    """How many samples a percentile needs, so that one of them lies beyond it: 20 for p95, 100 for p99."""
    return math.ceil(1 / (1 - QUANTILES[name]))


def percentile(values: Sequence[float], name: str) -> float | None:
    """The smallest value that at least that share of the values does not exceed; None with too few values."""
    if len(values) < least_samples(name):
        return None
    return sorted(values)[math.ceil(QUANTILES[name] * len(values)) - 1]
