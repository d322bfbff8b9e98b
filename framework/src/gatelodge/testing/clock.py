"""A clock that stands still until a test moves it.

Invariant: both readings move together and only forward, so a token's age and a cache's age stay in step.
"""

__all__ = ["ManualClock"]


class ManualClock:
    """A ``core.clock.Clock`` under the test's control; ``start`` is its first wall time in seconds."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both readings forward. Raises: ValueError for a negative step."""
        if seconds < 0:
            raise ValueError(f"a clock only goes forward, not by {seconds} seconds")
        self._now += seconds
        self._monotonic += seconds
