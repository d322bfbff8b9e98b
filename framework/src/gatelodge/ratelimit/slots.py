"""What runs at once, by key and in total, in this process."""

from gatelodge.core.clock import Clock
from gatelodge.ratelimit.bursts import Bursts
from gatelodge.ratelimit.errors import LimitReached, Overloaded
from gatelodge.ratelimit.limit import digest

__all__ = ["Slots"]


class Slots:
    """At most ``per_key`` for one key and ``total`` for all; 0 means no limit."""

    def __init__(self, name: str, clock: Clock, *, per_key: int, total: int = 0, hint: str | None = None) -> None:
        self._name, self._per_key, self._most, self._hint = name, per_key, total, hint
        # Holds only who has something running, so it is as small as that.
        self._held: dict[tuple[str, ...], int] = {}
        self._total = 0
        self._bursts = Bursts(name, clock)

    @property
    def running(self) -> int:
        """How many there are now."""
        return self._total

    def enter(self, *key: str) -> tuple[str, ...]:
        """Take a slot; what to ``leave`` with. Without a key only the total counts.

        Raises: LimitReached for this key, Overloaded for all.
        """
        held = self._held.get(key, 0)
        if key and self._per_key and held >= self._per_key:
            detail = f"{self._per_key} at once"
            self._bursts.refused(digest(*key)[:12], detail)
            raise LimitReached(self._name, f"limit {self._name}: {detail}", wait=1, hint=self._hint)
        if self._most and self._total >= self._most:
            self._bursts.refused("all", f"{self._most} at once")
            raise Overloaded(f"limit {self._name}: {self._most} at once for all", hint=self._hint)
        self._held[key] = held + 1
        self._total += 1
        return key

    def leave(self, key: tuple[str, ...]) -> None:
        """Give back a slot."""
        self._total -= 1
        held = self._held[key] - 1
        if held:
            self._held[key] = held
        else:
            del self._held[key]
