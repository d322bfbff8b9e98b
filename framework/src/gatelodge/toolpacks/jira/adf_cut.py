"""An ADF document cut to what a result can show, before any work that costs more than one look at each node.

Invariant: the cost of what stays is bounded by ``room``, whatever the document is made of. Not here: the cut of the text
itself, and how it is marked (``toolpacks.text``).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gatelodge.toolpacks.answer import member, records

__all__ = ["shortened"]

Node = dict[str, Any]
# What a node takes of the room besides its text; a row can become as many cells as the widest has.
_NODE, _ROW = 8, 100
# A link longer than 2000 is none, so a longer one must stay too long.
_LONGEST = 2001
_MARKS = 10
_SHOWN = ("title", "url", "alt", "text", "shortName", "language", "timestamp")


def shortened(document: object, room: int) -> tuple[Node, int]:
    """The document as far as ``room`` (characters) goes, and how many characters of text are left out."""
    top: list[Node] = []
    left_out = 0
    # By hand, for a document may be nested deeper than calls may be.
    places: list[tuple[Iterator[Mapping[str, Any]], list[Node]]] = [(iter(records(document, "content")), top)]
    while places:
        nodes, kept = places[-1]
        node = next(nodes, None)
        if node is None:
            places.pop()
            continue
        length = len(text) if isinstance(text := node.get("text"), str) else 0
        below = list[Node]()
        if room > 0:
            kept.append(copy := _copy(node, room))
            below = copy["content"]
            left_out += max(length - room, 0)
            room -= length + _cost(copy)
        else:
            left_out += length
        if "content" in node:
            places.append((iter(records(node, "content")), below))
    return {"type": "doc", "version": 1, "content": top}, left_out


def _copy(node: Mapping[str, Any], room: int) -> Node:
    """The node without what is below it, and with what is on it cut."""
    found: Node = {**node, "content": []}
    if isinstance(text := node.get("text"), str):
        found["text"] = text[:room]
    if isinstance(attrs := node.get("attrs"), Mapping):
        cut = {name: value[:_LONGEST] for name in _SHOWN if isinstance(value := attrs.get(name), str)}
        found["attrs"] = {**attrs, **cut}
    if "marks" in node:
        found["marks"] = records(node, "marks")[:_MARKS]
    return found


def _cost(node: Node) -> int:
    """What a node takes of the room besides its text."""
    said = [member(node, "attrs", name) for name in _SHOWN]
    said += [member(mark, "attrs", "href") for mark in node.get("marks", ())]
    own = _ROW if node.get("type") == "tableRow" else _NODE
    # A link's address that is too long is not read.
    return own + sum(min(len(value), _LONGEST) for value in said if isinstance(value, str))
