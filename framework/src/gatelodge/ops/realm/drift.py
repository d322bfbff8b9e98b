"""Where a realm and its files went apart, and who moved: someone in Keycloak, or the files since the last apply. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.ops.realm.diff import render_steps
from gatelodge.ops.realm.memory import Memory
from gatelodge.ops.realm.patches import BUILT_IN
from gatelodge.ops.realm.plan import (
    CHANGED_THERE,
    REMOVED_THERE,
    UNKNOWN,
    UNKNOWN_SECRET,
    Plan,
    made_here,
)
from gatelodge.ops.realm.step import Step
from gatelodge.ops.realm.things import Key, Thing, things_of
from gatelodge.registration.marks import made_by

__all__ = ["Drift", "find_drift"]


@dataclass(frozen=True, slots=True)
class Drift:
    """``changed``: ours, by someone in Keycloak; ``added``: theirs; ``pending``: by the files, not applied yet."""

    realm: str
    changed: tuple[Step, ...]
    pending: tuple[Step, ...]
    added: tuple[Key, ...]
    conflicts: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the realm does not say what the files say; what someone added beside it is no difference."""
        return bool(self.changed or self.pending or self.conflicts)

    def document(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "realm": self.realm,
            "changed": [step.document() for step in self.changed],
            "pending": [step.document() for step in self.pending],
            "added": [{"kind": key.kind, "name": key.name} for key in self.added],
            "conflicts": list(self.conflicts),
        }

    def render(self) -> str:
        """As text."""
        lines = [f"! {conflict}" for conflict in self.conflicts]
        for title, steps in (
            ("changed by someone in Keycloak (apply puts it back):", self.changed),
            ("changed in the files (apply brings it):", self.pending),
        ):
            lines += [title, *render_steps(steps)] if steps else []
        if self.added:
            lines += ["added by someone (apply leaves it alone):", *(f"  {key.kind} {key.name}" for key in self.added)]
        if not self.differs:
            lines.append(f"realm {self.realm}: no drift")
        return "\n".join(lines)


def find_drift(wanted: Mapping[str, Any], present: Mapping[str, Any], plan: Plan, *, account: str) -> Drift:
    """The drift of ``present`` against ``wanted``; ``plan`` is the plan of the two."""
    memory = Memory.of(present.get("attributes") or {})
    # Nothing was rendered anew since the last apply: whatever differs, someone changed it.
    same_files = memory.stamp is not None and memory.stamp == plan.memory.stamp
    theirs = {CHANGED_THERE, REMOVED_THERE} | ({UNKNOWN, UNKNOWN_SECRET} if same_files else set())
    steps = [step for step in plan.steps if step.kind != "memory"]
    changed = tuple(step for step in steps if step.reason in theirs)
    pending = tuple(step for step in steps if step.reason not in theirs)
    things, there = things_of(wanted), things_of(present)
    ours = made_here(things, there, memory, account)
    return Drift(plan.realm, changed, pending, tuple(_added(things, there, ours)), plan.conflicts)


def _added(wanted: Mapping[Key, Thing], there: Mapping[Key, Thing], ours: frozenset[Key]) -> Iterator[Key]:
    theirs = {key for key, thing in there.items() if key not in wanted and key not in ours and not _not_theirs(thing)}
    for key in there:
        parent = there[key].parent
        # What belongs to something of theirs, or of Keycloak's own, is not named beside it.
        if key in theirs and (parent is None or parent in wanted or parent in ours):
            yield key


def _not_theirs(thing: Thing) -> bool:
    return thing.key.kind == "client" and (thing.key.name in BUILT_IN or made_by(thing.source) is not None)
