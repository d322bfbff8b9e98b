"""JSON Schema (draft 2020-12) of the variables of a process, as the environment holds them: every value is a text.

Invariant: a schema holds names, defaults and examples, nothing that is set here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from annotated_types import Ge, Gt, Le, Lt

from gatelodge.settings.processes import PROCESSES, Process
from gatelodge.settings.variables import Variable, variables

__all__ = ["schema_of", "whole_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BOUNDS: Mapping[type, str] = {Ge: "at least", Gt: "more than", Le: "at most", Lt: "less than"}


def whole_schema(processes: Sequence[Process] = PROCESSES) -> dict[str, Any]:
    """One definition for each process."""
    return {
        "$schema": _DIALECT,
        "title": "Environment variables of gatelodge",
        "anyOf": [{"$ref": f"#/$defs/{one.name}"} for one in processes],
        "$defs": {one.name: _object(one) for one in processes},
    }


def schema_of(process: Process) -> dict[str, Any]:
    """The schema of one process alone."""
    return {"$schema": _DIALECT, **_object(process)}


def _object(process: Process) -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = {}
    required: list[str] = []
    for model in process.sections():
        for variable in variables(model):
            properties.setdefault(variable.name, _property(variable))
            if variable.field.is_required() and variable.name not in required:
                required.append(variable.name)
    return {
        "title": f"Environment variables of {process.words}",
        "type": "object",
        "properties": properties,
        "required": required,
    }


def _property(variable: Variable) -> dict[str, Any]:
    field = variable.field
    said: dict[str, Any] = {"type": "string", "description": _description(variable)}
    choices = _choices(field.annotation)
    if choices:
        said["enum"] = choices
    elif _number(field.annotation):
        said["pattern"] = r"^\s*[+-]?[0-9]+(\.[0-9]*)?\s*$" if field.annotation is float else r"^\s*[+-]?[0-9]+\s*$"
    if variable.secret:
        said["writeOnly"] = True
    elif not field.is_required() and field.default is not None:
        said["default"] = "" if variable.default == "none" else variable.default
    if field.examples:
        said["examples"] = [str(example) for example in field.examples]
    if variable.also:
        said["x-also"] = list(variable.also)
    return said


def _description(variable: Variable) -> str:
    bounds = [
        f"{words} {getattr(mark, kind.__name__.lower())}"
        for mark in variable.field.metadata
        for kind, words in _BOUNDS.items()
        if isinstance(mark, kind)
    ]
    return variable.description + (f" A number {' and '.join(bounds)}." if bounds else "")


def _choices(annotation: Any) -> list[str]:
    values = getattr(annotation, "__args__", ())
    return [str(value) for value in values] if values and all(isinstance(value, str) for value in values) else []


def _number(annotation: Any) -> bool:
    return annotation in {int, float}
