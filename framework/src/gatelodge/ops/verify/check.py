"""What a check is and what comes of it: a stable id, a rule with its source, one of four outcomes, evidence, a fix.

Invariant: ``fail`` means that the server was seen to break the rule; whatever could not be looked at is
``not_evaluated`` with the reason, and is never counted as passed.
Not here: the checks themselves (one module per section of the checklist), running them (``run``).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = [
    "Check",
    "Exchange",
    "Finding",
    "Outcome",
    "Status",
    "Unmet",
    "check",
    "failed",
    "passed",
    "skipped",
    "unseen",
]


class Status(Enum):
    """The four outcomes; the value is what reports show."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, secrets removed. ``status`` is None when none came; ``seconds`` to the headers."""

    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: str
    status: int | None
    headers: Mapping[str, str]
    body: str
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check came to, and in words what was found."""

    status: Status
    found: str


class Unmet(GatelodgeError):
    """Something a check builds on is not there. ``check`` is the id of the check that answers for it."""

    code = Code.LINK_FAILED

    def __init__(self, check: str, reason: str, *, status: Status = Status.FAIL) -> None:
        super().__init__(reason)
        self.check = check
        self.reason = reason
        # What the answering check itself becomes; every other check is not evaluated.
        self.outcome = status


# The argument is a ``session.Session``, which is built on this module.
Probe = Callable[[Any], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule. ``clients``: the profiles it concerns, all when empty."""

    id: str
    title: str
    source: str
    fix: str
    probe: Probe = field(repr=False)
    clients: frozenset[str] = frozenset()

    @property
    def section(self) -> str:
        """The letter of the checklist's section."""
        return self.id[0]


@dataclass(frozen=True, slots=True)
class Finding:
    """A check with its outcome and the exchanges that show it."""

    check: Check
    outcome: Outcome
    evidence: tuple[Exchange, ...] = ()


def check(
    id: str,  # noqa: A002 - what reports call it
    title: str,
    *,
    source: str,
    fix: str,
    clients: tuple[str, ...] = (),
) -> Callable[[Probe], Check]:
    """Make a probe a check; the module lists it in its ``CHECKS``."""
    return lambda probe: Check(id, title, source, fix, probe, frozenset(clients))


def passed(found: str) -> Outcome:
    """The rule is kept."""
    return Outcome(Status.PASS, found)


def failed(found: str) -> Outcome:
    """The rule is broken."""
    return Outcome(Status.FAIL, found)


def skipped(reason: str) -> Outcome:
    """The rule does not concern this server or client."""
    return Outcome(Status.NOT_APPLICABLE, reason)


def unseen(reason: str) -> Outcome:
    """The rule could not be looked at."""
    return Outcome(Status.NOT_EVALUATED, reason)
