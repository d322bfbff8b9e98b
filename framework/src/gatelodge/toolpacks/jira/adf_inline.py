"""Runs of text in the form that Markdown can say: five marks in one order, no white space at the edge of a marked run.

Invariant: no two neighbours have the same marks, no run is empty, and a line begins and ends with something seen.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from markdown_it.common.normalize_url import normalizeLink

from gatelodge.toolpacks.answer import member, records

__all__ = ["MARKS", "inline", "words"]

Node = dict[str, Any]
# From the outermost to the innermost, as they are written.
MARKS = ("link", "strike", "strong", "em", "code")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>]+", re.IGNORECASE)
_MAX_LINK = 2000
_MAX_DEPTH = 150
# A mark's name, with the address for a link; None is a line break.
_Run = tuple[str, tuple[tuple[str, str], ...]] | None


def inline(nodes: list[Any], *, breaks: bool = True) -> list[Node]:
    """Text nodes and, unless ``breaks`` is false, line breaks."""
    runs = list(_runs(nodes, breaks=breaks, depth=0))
    lines: list[list[tuple[str, tuple[tuple[str, str], ...]]]] = [[]]
    for run in runs:
        if run is None:
            lines.append([])
        else:
            lines[-1].append(run)
    tidy = [_line(line) for line in lines]
    while tidy and not tidy[0]:
        tidy.pop(0)
    while tidy and not tidy[-1]:
        tidy.pop()
    found: list[Node] = []
    for number, line in enumerate(tidy):
        found += [{"type": "hardBreak"}] if number else []
        found += [_text(text, marks) for text, marks in line]
    return found


def words(node: Any, depth: int = 0) -> str:
    """All text below a node, in one line."""
    if depth > _MAX_DEPTH:
        return ""
    own = member(node, "text")
    parts = [own] if isinstance(own, str) else [words(entry, depth + 1) for entry in records(node, "content")]
    return " ".join("".join(parts).split()) if depth == 0 else "".join(parts)


def _runs(nodes: list[Any], *, breaks: bool, depth: int) -> Iterator[_Run]:
    for node in nodes:
        kind = member(node, "type")
        kind = kind if isinstance(kind, str) else ""
        if kind == "hardBreak":
            yield None if breaks else (" ", ())
        elif kind == "text":
            text, marks = _plain(member(node, "text")), _marks(records(node, "marks"))
            # A bracket in linked code cannot be escaped, and could make a definition of the line.
            yield text, marks[-1:] if ("code", "") in marks and "]" in text else marks
        elif kind == "inlineCard":
            url = member(node, "attrs", "url")
            yield _plain(url), _marks([{"type": "link", "attrs": {"href": url}}])
        elif kind in _WORDS:
            yield _plain(_WORDS[kind](node)), ()
        elif depth < _MAX_DEPTH:
            yield from _runs(records(node, "content"), breaks=breaks, depth=depth + 1)
            yield " ", ()


def _line(runs: list[tuple[str, tuple[tuple[str, str], ...]]]) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """One line: white space out of the marks, neighbours joined, edges trimmed."""
    parts: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    for text, marks in runs:
        parts += [(text, marks)] if not marks or ("code", "") in marks else _edges(text, marks)
    joined: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    for text, marks in parts:
        if text and joined and joined[-1][1] == marks:
            joined[-1] = (joined[-1][0] + text, marks)
        elif text:
            joined.append((text, marks))
    # Joined runs may only now have their white space in the middle, so the line's own edges come last.
    while joined and not joined[0][1] and not joined[0][0].strip():
        joined.pop(0)
    while joined and not joined[-1][1] and not joined[-1][0].strip():
        joined.pop()
    if joined and not joined[0][1]:
        joined[0] = (joined[0][0].lstrip(), ())
    if joined and not joined[-1][1]:
        joined[-1] = (joined[-1][0].rstrip(), ())
    return joined


def _edges(text: str, marks: tuple[tuple[str, str], ...]) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    inner = text.strip()
    if not inner:
        return [(text, ())]
    start = text.index(inner)
    return [(text[:start], ()), (inner, marks), (text[start + len(inner) :], ())]


def _text(text: str, marks: tuple[tuple[str, str], ...]) -> Node:
    node: Node = {"type": "text", "text": text}
    named = [{"type": name, "attrs": {"href": href}} if href else {"type": name} for name, href in marks]
    return node | {"marks": named} if named else node


def _marks(nodes: list[Any]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for node in nodes:
        name = node.get("type")
        if name == "link":
            href = _address(member(node, "attrs", "href"))
            found |= {"link": href} if href else {}
        elif isinstance(name, str) and name in MARKS:
            found[name] = ""
    if "code" in found:
        found = {name: href for name, href in found.items() if name in ("link", "code")}
    return tuple((name, found[name]) for name in MARKS if name in found)


def _address(href: object) -> str:
    """An address as Markdown keeps it, "" for one that is no link."""
    if not isinstance(href, str) or len(href) > _MAX_LINK or any(map(_unwritable, href)):
        return ""
    found = normalizeLink(href.strip())
    return found if _LINK.fullmatch(found) and normalizeLink(found) == found and "\\" not in found else ""


def _plain(text: object) -> str:
    """Text without what Markdown cannot say; any line end or tab is a space."""
    if not isinstance(text, str):
        return ""
    return "".join(" " if sign in "\t\n\v\f\r\x85\u2028\u2029" else sign for sign in text if not _unwritable(sign))


def _unwritable(sign: str) -> bool:
    number = ord(sign)
    if sign in "\t\n\v\f\r\x85":
        return False
    return unicodedata.category(sign) in ("Cc", "Cs") or number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF


def _date(node: Any) -> str:
    stamp = member(node, "attrs", "timestamp")
    try:
        return datetime.fromtimestamp(int(stamp) / 1000, UTC).date().isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


_WORDS = {
    "mention": lambda node: member(node, "attrs", "text") or "@somebody",
    "emoji": lambda node: member(node, "attrs", "text") or member(node, "attrs", "shortName"),
    "status": lambda node: member(node, "attrs", "text"),
    "date": _date,
}
