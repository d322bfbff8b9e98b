"""A line of ADF's text runs as Markdown: marks as ``~~``, ``**``, ``_``, code and links, all else escaped.

Emphasis counts only by what stands on both sides of its signs (CommonMark 0.31, 6.2). Where a letter in the way would
undo it, that letter is written as a character reference.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["spans"]

Node = dict[str, Any]
_SIGNS = {"strike": "~~", "strong": "**", "em": "_"}
_ALWAYS = frozenset("\\`*[]<")
_REFERENCE = re.compile(r"&(?:#|[A-Za-z])")


@dataclass
class _Atom:
    """A piece of the line; of kind ``sign`` it is one character of a text."""

    kind: Literal["sign", "open", "close", "other"]
    shown: str
    raw: str = ""


def spans(nodes: list[Node]) -> str:
    """The runs; a line break is a backslash at the end of a line."""
    atoms: list[_Atom] = []
    open_: list[tuple[str, str]] = []
    for node in nodes:
        marks = [(mark["type"], mark.get("attrs", {}).get("href", "")) for mark in node.get("marks", ())]
        code = ("code", "") in marks
        wanted = [mark for mark in marks if mark[0] != "code"]
        kept = 0
        while kept < min(len(open_), len(wanted)) and open_[kept] == wanted[kept]:
            kept += 1
        _close(atoms, open_[kept:])
        _open(atoms, wanted[kept:])
        open_ = wanted
        if node["type"] == "hardBreak":
            atoms.append(_Atom("other", "\\\n"))
        elif code:
            atoms.append(_Atom("other", _code(node["text"])))
        else:
            atoms += _signs(node["text"])
    _close(atoms, open_)
    return _joined(atoms)


def _open(atoms: list[_Atom], marks: list[tuple[str, str]]) -> None:
    for name, _ in marks:
        atoms.append(_Atom("other", "[") if name == "link" else _Atom("open", _SIGNS[name]))


def _close(atoms: list[_Atom], marks: list[tuple[str, str]]) -> None:
    for name, href in reversed(marks):
        atoms.append(_Atom("other", f"]({_target(href)})") if name == "link" else _Atom("close", _SIGNS[name]))


def _target(href: str) -> str:
    href = href.replace("&", "\\&") if _REFERENCE.search(href) else href
    return f"<{href}>" if "(" in href or ")" in href else href


def _code(text: str) -> str:
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    padded = text[0] == "`" or text[-1] == "`" or (text[0] == text[-1] == " " and bool(text.strip(" ")))
    return f"{fence} {text} {fence}" if padded else f"{fence}{text}{fence}"


def _signs(text: str) -> list[_Atom]:
    last = len(text) - 1
    return [_Atom("sign", "\\" + sign if _means(text, at, last) else sign, sign) for at, sign in enumerate(text)]


def _means(text: str, at: int, last: int) -> bool:
    """Whether Markdown could take the sign for its own."""
    sign = text[at]
    if sign in _ALWAYS:
        return True
    if sign == "&":
        return bool(_REFERENCE.match(text, at)) or at == last
    if sign == "!":
        return at == last
    if sign == "~":
        return at in (0, last) or "~" in (text[at - 1], text[at + 1])
    # Within a word an underscore is one; near the edge the neighbour could be written as a reference.
    return sign == "_" and not (1 < at < last - 1 and text[at - 1].isalnum() and text[at + 1].isalnum())


def _joined(atoms: list[_Atom]) -> str:
    for at, atom in enumerate(atoms):
        outer, inner = (at - 1, at + 1) if atom.kind == "open" else (at + 1, at - 1)
        if atom.kind not in ("open", "close") or not 0 <= outer < len(atoms):
            continue
        beside = atoms[outer]
        if beside.kind != "sign" or _apart(beside.raw):
            continue
        if atom.shown == "_" or not (atoms[inner].raw or "-")[0].isalnum():
            beside.shown = f"&#{ord(beside.raw)};"
    return "".join(atom.shown for atom in atoms)


def _apart(sign: str) -> bool:
    """White space or punctuation, to every reader of Markdown."""
    return sign == " " or unicodedata.category(sign)[0] == "P"
