"""Hooks for ``json.loads`` that refuse what two parsers read apart (RFC 8259, section 4; RFC 7493, section 2.3).

``json.loads(text, object_pairs_hook=no_twins, parse_constant=no_constant)``. Not here: what else a reader refuses.
"""

from typing import Any, NoReturn

__all__ = ["TwinMembers", "no_constant", "no_twins"]


class TwinMembers(ValueError):
    """A name occurs twice in one object: which value counts depends on the parser."""


def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these members. Raises: TwinMembers."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise TwinMembers("twin members")
    return members


def no_constant(name: str) -> NoReturn:
    """``NaN``, ``Infinity`` and ``-Infinity`` are words of JavaScript, not of JSON. Raises: ValueError."""
    raise ValueError(f"{name} is no JSON")
