"""A plan as a person reads it: one line a step, one line a field, the reason beside each step. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gatelodge.ops.realm.plan import Plan
from gatelodge.ops.realm.step import Change, Step

__all__ = ["plan_document", "render_plan", "render_step", "render_steps"]

_SIGNS = {"create": "+", "update": "~", "delete": "-", "patch-client": "~"}
_LONGEST = 100


def render_plan(plan: Plan) -> str:
    """The plan as text."""
    if plan.empty:
        return f"realm {plan.realm}: nothing to do"
    lines = [f"! {conflict}" for conflict in plan.conflicts]
    return "\n".join([*lines, *render_steps(plan.steps), f"realm {plan.realm}: {_count(plan)}"])


def render_steps(steps: Iterable[Step]) -> Iterator[str]:
    """The lines of some steps with their fields."""
    for step in steps:
        yield render_step(step)
        yield from _fields(step)


def render_step(step: Step) -> str:
    """One step on one line."""
    verb = "patch" if step.action == "patch-client" else step.action
    return f"{_SIGNS[step.action]} {verb} {step.kind} {step.name} ({step.reason})"


def plan_document(plan: Plan) -> Mapping[str, Any]:
    """The plan for JSON."""
    steps = [step.document() for step in plan.steps]
    return {"realm": plan.realm, "steps": steps, "conflicts": list(plan.conflicts)}


def _fields(step: Step) -> Iterator[str]:
    for change in step.changes:
        before, after = map(_text, change.shown())
        secret = "(hidden)" in (before, after)
        if step.action == "create" or change.before is None:
            yield f"    {change.name}: {after}"
        elif secret:
            yield f"    {change.name}: (hidden) -> (another one)"
        else:
            yield from _both(change, before, after)


def _both(change: Change, before: str, after: str) -> Iterator[str]:
    old, new = (value if isinstance(value, list) else None for value in (change.before, change.after))
    if old is None or new is None:
        yield f"    {change.name}: {before} -> {after}"
        return
    yield f"    {change.name}:"
    yield from (f"      - {_text(entry)}" for entry in old if entry not in new)
    yield from (f"      + {_text(entry)}" for entry in new if entry not in old)


def _text(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) and value.isprintable() and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _count(plan: Plan) -> str:
    counts = {
        "to create": sum(step.action == "create" for step in plan.steps),
        "to change": sum(step.action == "update" for step in plan.steps),
        "to delete": sum(step.action == "delete" for step in plan.steps),
        "clients to patch": sum(step.action == "patch-client" for step in plan.steps),
        "in the way": len(plan.conflicts),
    }
    return ", ".join(f"{number} {what}" for what, number in counts.items() if number)
