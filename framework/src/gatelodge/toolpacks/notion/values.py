"""Values of Notion's properties as text.

developers.notion.com/reference/page-property-values. A kind that is not known shows nothing; a value never fails.
"""

from collections.abc import Callable
from typing import Any

from gatelodge.toolpacks.answer import member

__all__ = ["shown"]

_MAX_ENTRIES = 25
_MAX_DEPTH = 4


def shown(value: object, depth: int = 0) -> str:
    """The text of a property's value, which names its own kind."""
    kind = member(value, "type")
    if not isinstance(kind, str) or depth > _MAX_DEPTH:
        return ""
    found = member(value, kind)
    if kind in ("formula", "rollup"):
        return _array(found, depth) if member(found, "type") == "array" else shown(found, depth + 1)
    return _READ.get(kind, _plain)(found)


def _plain(found: Any) -> str:
    if isinstance(found, bool):
        return "yes" if found else "no"
    return str(found) if isinstance(found, str | int | float) else ""


def _named(found: Any) -> str:
    return next((str(text) for name in ("name", "plain_text", "email", "id") if (text := member(found, name))), "")


def _list(separator: str) -> Callable[[Any], str]:
    def read(found: Any) -> str:
        return separator.join(map(_named, found[:_MAX_ENTRIES])) if isinstance(found, list) else ""

    return read


def _date(found: Any) -> str:
    start, end = member(found, "start"), member(found, "end")
    return f"{start} to {end}" if start and end else str(start or "")


def _unique(found: Any) -> str:
    prefix, number = member(found, "prefix"), member(found, "number")
    return f"{prefix}-{number}" if prefix else _plain(number)


def _runs(found: Any) -> str:
    # All of them: a text of many colours has many runs.
    return "".join(_plain(member(run, "plain_text")) for run in found) if isinstance(found, list) else ""


def _array(found: Any, depth: int) -> str:
    entries = member(found, "array")
    return ", ".join(shown(entry, depth + 1) for entry in entries[:_MAX_ENTRIES]) if isinstance(entries, list) else ""


_READ: dict[str, Callable[[Any], str]] = {
    "title": _runs,
    "rich_text": _runs,
    "select": _named,
    "status": _named,
    "created_by": _named,
    "last_edited_by": _named,
    "multi_select": _list(", "),
    "people": _list(", "),
    "files": _list(", "),
    "relation": _list(", "),
    "date": _date,
    "unique_id": _unique,
}
