"""What the log says about refusals: one line when somebody is first refused, not one for each request.

Invariant: at most ``_LINES`` lines a minute for each limit and a bounded memory, whoever calls; what was left out is
counted, and told with the next line.
"""

import logging
from collections import OrderedDict

from gatelodge.core.clock import Clock
from gatelodge.observability.metrics import limit_known, limit_reached

__all__ = ["Bursts"]

logger = logging.getLogger(__name__)

_QUIET = 60.0
_LINES = 10
_MOST = 1000


class Bursts:
    """The refusals of one limit."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._told: OrderedDict[str, float] = OrderedDict()
        self._unsaid, self._lines, self._minute = 0, 0, 0.0
        limit_known(name)

    def refused(self, who: str, detail: str) -> None:
        """Count a refusal, and write a line when ``who`` was not refused in the last minute."""
        limit_reached(self._name)
        now = self._clock.monotonic()
        if now - self._minute >= _QUIET:
            self._minute, self._lines = now, 0
        told = self._told.get(who)
        if (told is not None and now - told < _QUIET) or self._lines >= _LINES:
            self._unsaid += 1
            return
        self._told[who] = now
        self._told.move_to_end(who)
        if len(self._told) > _MOST:
            self._told.popitem(last=False)
        unsaid, self._unsaid = self._unsaid, 0
        self._lines += 1
        logger.warning("limit %s reached by %s: %s; %d more refused before this line", self._name, who, detail, unsaid)
