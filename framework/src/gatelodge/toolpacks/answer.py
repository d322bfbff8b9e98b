"""Reads what a provider's JSON says without trusting its form: a member that is missing or of another kind is left out."""

from collections.abc import Mapping
from typing import Any

__all__ = ["flag", "member", "number", "records"]


def member(value: Any, *path: str) -> Any:
    """What stands at the end of a path of members, None where it ends early."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def records(value: Any, *path: str) -> list[Mapping[str, Any]]:
    """The objects of a list; what is no object is left out."""
    found = member(value, *path)
    return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []


def number(value: Any, *path: str) -> int | None:
    """A whole number."""
    found = member(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def flag(value: Any, *path: str) -> bool:
    """Whether a member is true."""
    return member(value, *path) is True
