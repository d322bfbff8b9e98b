"""JSON with one reading only (RFC 8259; I-JSON, RFC 7493, section 2): what parsers read differently is refused.

Refused: other encodings than UTF-8, a byte order mark, twin members, NaN and infinities, lone surrogates, deep
nesting, anything but an object. Input is bounded by the caller, as is the time this takes.
"""

import json
from typing import Any

from gatelodge.core.strict_json import no_constant, no_twins

__all__ = ["parse_object"]

MAX_DEPTH = 16


def parse_object(raw: bytes) -> dict[str, Any]:
    """The object that ``raw`` holds. Raises: ValueError, whatever is wrong."""
    text = raw.decode("utf-8")
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of failure for every input
    # Fewer brackets than levels allowed cannot nest too deeply: the walk is left to the rare rest.
    if text.count("{") + text.count("[") > MAX_DEPTH and _too_deep(value):
        raise ValueError("nested too deeply")
    # UTF-8 itself has no surrogates, so only an escape can bring one in.
    if "\\ud" in text or "\\uD" in text:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return number


def _too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: object) -> list[object]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


# Built once: a decoder keeps no state between documents.
_DECODER = json.JSONDecoder(object_pairs_hook=no_twins, parse_float=_finite, parse_constant=no_constant)
