"""Pauses after a provider failed, so that callers of a connection do not hammer a token endpoint that is down.

Kept per process and in memory: a pause is never longer than ten minutes, so losing it costs one request.
"""

from dataclasses import dataclass
from typing import TypeVar

from gatelodge.connections.errors import ProviderMisconfigured, ProviderUnavailable
from gatelodge.core.clock import Clock
from gatelodge.vault.owner import Owner

__all__ = ["Holdoff"]

_FIRST, _LONGEST = 1.0, 600.0
# After a lost answer: a provider's leeway is over in ten minutes.
_LONGEST_LOST = 60.0
_MOST = 10_000

Failure = ProviderUnavailable | ProviderMisconfigured
F = TypeVar("F", bound=Failure)


@dataclass(frozen=True, slots=True)
class _Pause:
    until: float
    length: float
    error: Failure


class Holdoff:
    """Pauses by owner: one second first, twice as long with each further failure, or as long as the provider asks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pauses: dict[Owner, _Pause] = {}

    def failed(self, owner: Owner, error: Failure) -> None:
        """Start or lengthen the pause of an owner."""
        before = self._pauses.pop(owner, None)
        lost = isinstance(error, ProviderUnavailable) and error.sent
        length = min(_FIRST if before is None else before.length * 2, _LONGEST_LOST if lost else _LONGEST)
        asked = min(error.retry_after or 0.0, _LONGEST) if isinstance(error, ProviderUnavailable) else 0.0
        if len(self._pauses) >= _MOST:
            self._pauses.pop(next(iter(self._pauses)))
        self._pauses[owner] = _Pause(self._clock.monotonic() + max(length, asked), length, _bare(error))

    def succeeded(self, owner: Owner) -> None:
        """End the pause."""
        self._pauses.pop(owner, None)

    def reason(self, owner: Owner) -> Failure | None:
        """What the pause is for, while it lasts."""
        pause = self._pauses.get(owner)
        return _bare(pause.error) if pause is not None and self._clock.monotonic() < pause.until else None


def _bare(error: F) -> F:
    """The same error without traceback and cause: they hold the request with its secrets, and grow with every raise."""
    again = type(error).__new__(type(error), *error.args)
    again.__dict__.update(error.__dict__)
    return again
