"""One step of a plan, and what it changes, field by field; a secret's value is never in its text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gatelodge.ops.realm.placeholders import SECRET_DIGEST
from gatelodge.ops.realm.things import Thing, is_secret

__all__ = ["Action", "Change", "Step"]

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
