"""What a process records with, whether it keeps a trail or not: one event each, or counted where strangers could flood.

Invariants: without a trail everything is accepted and forgotten. Of what is counted, the first of its kind, rule, actor
and details is noted at once and the others of the same ``WINDOW`` as one event with their number, so that strangers
cannot fill a disk: at most ``4 * MOST`` events a window, half of them strangers', plus two for each kind and rule.
Not here: the database (``trail``). Loads no driver.
"""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from gatelodge.audit.actor import ADDRESS, OTHERS
from gatelodge.audit.event import Event, Outcome, Scalar
from gatelodge.core.errors import GatelodgeError

if TYPE_CHECKING:
    from gatelodge.audit.trail import Trail

__all__ = ["MOST", "WINDOW", "Recorder"]

WINDOW = 60.0  # seconds
# Different events that are told apart in one window.
MOST = 200
_Key: TypeAlias = tuple[str, Outcome, str, str, tuple[tuple[str, Scalar], ...]]
_NONE: Mapping[str, Scalar] = MappingProxyType({})
logger = logging.getLogger(__name__)


class Recorder:
    """Records into the trail that is attached, when one is."""

    def __init__(self, *, most: int = MOST) -> None:
        self._trail: Trail | None = None
        self._most = most
        self._counts: dict[_Key, int] = {}
        # How many were told apart, strangers and others: those must not take the place of these.
        self._apart = {True: 0, False: 0}

    def attach(self, trail: "Trail") -> None:
        """Record into this trail from now on."""
        self._trail = trail

    def detach(self) -> None:
        """Note what was counted, and record nothing any more."""
        self.settle()
        self._trail = None

    @property
    def on(self) -> bool:
        """Whether there is a trail."""
        return self._trail is not None

    def note(self, event: Event, *, done: bool = False) -> None:
        """As ``Trail.note``."""
        if self._trail is not None:
            self._trail.note(event, done=done)

    async def record(self, event: Event) -> None:
        """As ``Trail.record``."""
        if self._trail is not None:
            await self._trail.record(event)

    def tell(self, event: Event, *, lacking: str = "") -> None:
        """As ``note``, for what has happened: a fault is a line in the log and never an error."""
        try:
            self.note(event)
        except GatelodgeError as error:
            about = (event.kind, event.actor, event.outcome, event.rule)
            logger.error("the audit trail lacks %s by %s, %s by rule %s%s: %s", *about, lacking, error.detail)

    def count(
        self, kind: str, rule: str, actor: str, details: Mapping[str, Scalar] = _NONE, *, outcome: Outcome = "refused"
    ) -> None:
        """Note it, or count it when the like was noted in this window. Never raises: nothing is done by it."""
        if self._trail is None:
            return
        key: _Key = (kind, outcome, rule, actor, tuple(details.items()))
        if key not in self._counts:
            stranger = actor.startswith(ADDRESS)
            if self._apart[stranger] >= self._most:
                key = (kind, outcome, rule, OTHERS, ())
            else:
                self._apart[stranger] += 1
        if key in self._counts:
            self._counts[key] += 1
            return
        self._counts[key] = 0
        self.tell(Event(kind, key[3], dict(key[4]), outcome, rule))

    def settle(self) -> None:
        """End the window: the numbers of what was counted beyond the first."""
        counts, self._counts, self._apart = self._counts, {}, {True: 0, False: 0}
        for (kind, outcome, rule, actor, details), number in counts.items():
            if number:
                event = Event(kind, actor, {**dict(details), "more": number}, outcome, rule, None)
                self.tell(event, lacking=f", {number} times")
