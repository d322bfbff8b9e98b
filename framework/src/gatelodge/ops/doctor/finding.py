"""What a check says: one outcome, its cause, what to do and the command to do it with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatelodge.ops.doctor.facts import Facts

__all__ = ["Check", "Finding", "Severity", "healthy", "not_checked", "problem", "warning"]


class Severity(Enum):
    """How bad it is; only ``PROBLEM`` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One outcome. ``cause``: what was seen; ``fix``: what to do; ``command``: the next thing to type, or empty."""

    severity: Severity
    cause: str
    fix: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A trap that is looked for. ``name`` is stable; ``examine`` changes nothing. ``live``: needs a running stack."""

    name: str
    title: str
    examine: Callable[["Facts"], Awaitable[Finding]]
    live: bool = False


def healthy(cause: str) -> Finding:
    """Nothing to do."""
    return Finding(Severity.OK, cause)


def warning(cause: str, *, fix: str, command: str = "") -> Finding:
    """Works now, and will not always."""
    return Finding(Severity.WARNING, cause, fix, command)


def problem(cause: str, *, fix: str, command: str = "") -> Finding:
    """Clients cannot link or calls fail, or something is open that must not be."""
    return Finding(Severity.PROBLEM, cause, fix, command)


def not_checked(cause: str, *, fix: str = "", command: str = "") -> Finding:
    """Could not be looked at; says what it would need."""
    return Finding(Severity.NOT_CHECKED, cause, fix, command)
