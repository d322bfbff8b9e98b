"""One event of the trail, checked when it is made: plain values only, never a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gatelodge.audit.errors import EventRefused
from gatelodge.audit.kinds import KINDS
from gatelodge.observability.request_id import current_request_id

__all__ = ["Event", "Outcome", "Scalar"]

Scalar = str | int | bool | None
Outcome = Literal["ok", "refused", "failed"]
_PLAIN = (str, int, bool, type(None))
_OUTCOMES = ("ok", "refused", "failed")
_LONGEST = 1024
_MOST = 32


@dataclass(frozen=True, slots=True)
class Event:
    """What is recorded: ``subject`` holds details as plain values, ``rule`` names what decided.

    ``request_id``: the request at hand, unless another one is given.

    Raises: EventRefused, for an unknown kind or outcome, and for a value that is a secret, a collection or too long.
    """

    kind: str
    actor: str
    subject: Mapping[str, Scalar] = field(default_factory=dict)
    outcome: Outcome = "ok"
    rule: str | None = None
    request_id: str | None = field(default_factory=current_request_id)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EventRefused(f"There is no audit event of the kind {self.kind!r}: see audit/kinds.py.")
        if self.outcome not in _OUTCOMES or not self.actor:
            raise EventRefused(f"An event {self.kind} needs an actor and an outcome of {', '.join(_OUTCOMES)}.")
        if len(self.subject) > _MOST:
            raise EventRefused(f"An event {self.kind} has more than {_MOST} details.")
        # A copy: what was checked is what is kept.
        subject = dict(self.subject)
        for text in (self.actor, self.rule, self.request_id):
            _check(self.kind, "its own fields", text)
        for name, value in subject.items():
            _check(self.kind, name, value)
        object.__setattr__(self, "subject", subject)


def _check(kind: str, name: str, value: object) -> None:
    # Nearly every value: made for each call of a tool, so it is told apart first.
    if value is None or (type(value) is str and len(value) <= _LONGEST and value.isascii() and "\x00" not in value):
        return
    # Exact types: a subclass of str may print something else than it holds.
    if type(value) not in _PLAIN:
        raise EventRefused(f"The detail {name} of an event {kind} is a {type(value).__name__}, not a plain value.")
    if isinstance(value, str) and (len(value) > _LONGEST or "\x00" in value or not _encodes(value)):
        raise EventRefused(f"The detail {name} of an event {kind} is too long or holds what no database keeps.")
    if type(value) is int and value.bit_length() > 63:
        raise EventRefused(f"The detail {name} of an event {kind} is too large a number.")


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
