"""Percentiles against the naive definition, and none that was not sampled."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatelodge.ops.slo.percentile import QUANTILES, least_samples, percentile

VALUES = st.lists(st.floats(0, 1e6), max_size=300)


@given(VALUES, st.sampled_from(sorted(QUANTILES)))
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(values: list[float], name: str) -> None:
    found = percentile(values, name)
    if len(values) < least_samples(name):
        assert found is None
        return
    enough = [one for one in values if Fraction(sum(v <= one for v in values), len(values)) >= QUANTILES[name]]
    assert found == min(enough)


@pytest.mark.parametrize(("name", "least"), [("p50", 2), ("p95", 20), ("p99", 100), ("p99.9", 1000)])
def test_a_percentile_needs_a_sample_beyond_it(name: str, least: int) -> None:
    assert least_samples(name) == least
    assert percentile([1.0] * (least - 1), name) is None
    assert percentile([1.0] * least, name) == 1.0


def test_the_last_percentiles_are_exact_where_floating_point_is_not() -> None:
    values = [float(number) for number in range(1, 1001)]
    assert [percentile(values, name) for name in ("p50", "p95", "p99", "p99.9")] == [500, 950, 990, 999]
