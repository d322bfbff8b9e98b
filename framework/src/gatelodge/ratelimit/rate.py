"""A rate as operators write it, ``10/minute``: so many within any span of that length."""

import re
from dataclasses import dataclass, field
from typing import Self

from limits import RateLimitItem, RateLimitItemPerSecond

__all__ = ["MOST", "Rate"]

# Each event within the window is remembered (32 bytes).
MOST = 100_000
_FORM = re.compile(r"(\d{1,9})\s*/\s*(?:(\d{1,5})\s*)?(second|minute|hour|day)s?")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True, slots=True)
class Rate:
    """``amount`` within any ``seconds`` seconds."""

    amount: int
    seconds: int = 60
    # The same for the library ``limits``.
    item: RateLimitItem = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "item", RateLimitItemPerSecond(self.amount, self.seconds, namespace="gatelodge"))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The rate of ``10/minute`` or ``300/5 minutes``; None for ``off``. Raises: ValueError."""
        text = text.strip().lower()
        if text == "off":
            return None
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("must look like 10/minute (second, minute, hour, day), or be: off")
        amount, seconds = int(found[1]), int(found[2] or 1) * _SECONDS[found[3]]
        if not 1 <= amount <= MOST or not 1 <= seconds <= _SECONDS["day"]:
            raise ValueError(f"must be from 1 to {MOST}, within a day at most")
        return cls(amount, seconds)
