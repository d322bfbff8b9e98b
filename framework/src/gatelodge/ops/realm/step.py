"""One step of a plan, and what it changes, field by field; a secret's value is never in its text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gatelodge.ops.realm.placeholders import SECRET_DIGEST
from gatelodge.ops.realm.things import Thing, is_secret

__all__ = ["Action", "Change", "Step", "merged", "present_of", "wanted_of", "without"]

Action = Literal["create", "update", "delete", "patch-client"]
_HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Change:
    """A field with its value in Keycloak and in the files; None: not there."""

    name: str
    before: Any = field(repr=False)
    after: Any = field(repr=False)

    def shown(self) -> tuple[Any, Any]:
        """Both values as they may be printed."""
        if not is_secret(self.name) and self.name != f"config.{SECRET_DIGEST}":
            return self.before, self.after
        return (_HIDDEN if self.before else None, _HIDDEN if self.after else None)


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to one thing and why; ``wanted`` and ``present`` are what it is done with."""

    action: Action
    kind: str
    name: str
    changes: tuple[Change, ...]
    reason: str
    wanted: Thing | None = field(default=None, repr=False)
    present: Thing | None = field(default=None, repr=False)

    def document(self) -> Mapping[str, Any]:
        """For JSON."""
        changes = {change.name: dict(zip(("before", "after"), change.shown(), strict=True)) for change in self.changes}
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "reason": self.reason,
            "changes": changes,
        }


def merged(present: Mapping[str, Any], step: Step) -> dict[str, Any]:
    """``present`` with the changed fields of ``step`` in it."""
    result = dict(present)
    for change in step.changes:
        outer, dot, inner = change.name.partition(".")
        result[outer] = {**(result.get(outer) or {}), inner: change.after} if dot else change.after
    return result


def wanted_of(step: Step) -> Thing:
    """What a step makes or changes; a deletion has none."""
    assert step.wanted is not None, step  # noqa: S101 - for the types
    return step.wanted


def present_of(step: Step) -> Thing:
    """What a step changes or deletes; a creation has none."""
    assert step.present is not None, step  # noqa: S101 - for the types
    return step.present


def without(source: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A representation without those members."""
    return {name: value for name, value in source.items() if name not in names}
