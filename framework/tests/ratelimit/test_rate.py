"""A rate as operators write it."""

import pytest

from gatelodge.ratelimit.rate import Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/minute", Rate(10)),
        (" 10 / Minutes ", Rate(10, 60)),
        ("300/5 minutes", Rate(300, 300)),
        ("1/second", Rate(1, 1)),
        ("100000/day", Rate(100_000, 86_400)),
        ("off", None),
    ],
)
def test_a_rate_is_read_as_it_is_written(text: str, rate: Rate | None) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(
    "text", ["", "10", "10/m", "0/minute", "-1/minute", "100001/minute", "1/2 days", "1/0 seconds", "ten/minute", "on"]
)
def test_what_is_no_rate_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"10/minute|from 1 to 100000"):
        Rate.parse(text)
