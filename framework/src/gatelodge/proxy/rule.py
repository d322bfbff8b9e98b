"""One entry of an allow-list: a method and a path template, and whether the call only reads.

A template has literal segments and places: ``{name}`` is any one segment, ``{name...}`` one or more at the end. What
matches is decoded and checked (``connections.api_paths``), so a place holds a value and never a way out of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gatelodge.connections.api_paths import PathRefused, segments

__all__ = ["METHODS", "Rule", "find", "get", "remove", "write"]

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
METHODS: frozenset[str] = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Rule:
    """``reads``: the call changes nothing, whatever its method. ``form``: its body goes out as a form."""

    method: Method
    template: str
    reads: bool = False
    form: bool = False

    @property
    def name(self) -> str:
        """For audit events: holds no value of a caller."""
        return f"{self.method} {self.template}"

    def matches(self, parts: Sequence[str]) -> bool:
        """Whether decoded segments fit the template."""
        places = self.template[1:].split("/")
        if places[-1].endswith("...}") and len(parts) > len(places):
            parts = parts[: len(places)]
        return len(parts) == len(places) and all(map(_fits, places, parts))


def get(*templates: str) -> tuple[Rule, ...]:
    """Reads by GET."""
    return tuple(Rule("GET", template, reads=True) for template in templates)


def write(method: Method, *templates: str) -> tuple[Rule, ...]:
    """Calls that change something."""
    return tuple(Rule(method, template) for template in templates)


def remove(*templates: str) -> tuple[Rule, ...]:
    """Removals."""
    return write("DELETE", *templates)


def find(rules: Mapping[str, Sequence[Rule]], provider: str, method: str, path: str) -> Rule:
    """The rule that allows a call. Raises: PathRefused, when there is none."""
    parts = segments(path)
    for rule in rules.get(provider, ()):
        if rule.method == method and rule.matches(parts):
            return rule
    raise PathRefused(f"{provider}: no rule allows that call")


def _fits(place: str, part: str) -> bool:
    return place.startswith("{") or place == part
