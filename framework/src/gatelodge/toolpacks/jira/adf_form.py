"""The form of ADF that Markdown can say, and the way from any document to it.

ADF: developer.atlassian.com/cloud/jira/platform/apis/document/structure. Invariant: the result is a valid document, and
tidying it again changes nothing. Panels become quotations, cards links, people and emoji words; colours are dropped.
"""

from collections.abc import Callable, Iterator
from typing import Any

from gatelodge.toolpacks.answer import member, records
from gatelodge.toolpacks.jira.adf_inline import inline, words

__all__ = ["MAX_DEPTH", "tidied"]

Node = dict[str, Any]
# Blocks within blocks; deeper ones become one paragraph of their words.
MAX_DEPTH = 20
_MAX_COLUMNS = 50
_LISTS = frozenset({"bulletList", "orderedList", "taskList", "decisionList"})
_INLINE = frozenset({"text", "hardBreak", "mention", "emoji", "inlineCard", "date", "status"})
_QUOTED = frozenset({"blockquote", "panel", "expand", "nestedExpand"})


def tidied(document: object) -> Node:
    """The document in this form; an empty one for anything that is none."""
    return {"version": 1, "type": "doc", "content": list(_blocks(records(document, "content"), top=True, depth=0))}


def _blocks(nodes: list[Any], *, top: bool, depth: int) -> Iterator[Node]:
    """Blocks of a place; not at the ``top``, only what lists and quotations may hold."""
    loose: list[Any] = []
    for node in [*nodes, None]:
        kind = _kind(node)
        if kind in _INLINE:
            loose.append(node)
            continue
        if loose:
            yield from _paragraph(loose)
            loose = []
        if node is not None:
            yield from _block(node, kind, top=top, depth=depth)


def _kind(node: Any) -> str:
    kind = member(node, "type")
    return kind if isinstance(kind, str) else ""


def _block(node: Any, kind: str, *, top: bool, depth: int) -> Iterator[Node]:
    content = records(node, "content")
    if depth >= MAX_DEPTH:
        yield from _paragraph([{"type": "text", "text": words(node)}])
    elif kind in _LISTS:
        yield from _list(node, kind, content, depth)
    elif kind in _QUOTED:
        title = member(node, "attrs", "title")
        named = [{"type": "paragraph", "content": [_strong(title)]}] if isinstance(title, str) else []
        inner = list(_blocks([*named, *content], top=False, depth=depth + 1))
        if not top:
            yield from inner
        elif inner:
            yield {"type": "blockquote", "content": inner}
    elif kind in ("heading", "table"):
        yield from (_heading if kind == "heading" else _table)(node, top)
    elif kind == "rule":
        yield from [{"type": "rule"}] if top else []
    elif kind in _SIMPLE:
        yield from _SIMPLE[kind](node)
    else:
        yield from _blocks(content, top=top, depth=depth + 1)


def _paragraph(content: list[Any]) -> Iterator[Node]:
    found = inline(content)
    if found:
        yield {"type": "paragraph", "content": found}


def _heading(node: Any, top: bool) -> Iterator[Node]:
    found = inline(records(node, "content"), breaks=False)
    level = member(node, "attrs", "level")
    if not found:
        return
    if top:
        yield {
            "type": "heading",
            "attrs": {"level": min(max(level, 1), 6) if isinstance(level, int) else 1},
            "content": found,
        }
    else:
        yield from _paragraph([_strong(words({"content": found}))])


def _code(node: Any) -> Iterator[Node]:
    text = "".join(part for entry in records(node, "content") if isinstance(part := entry.get("text"), str))
    text = "".join(sign for sign in text.replace("\r\n", "\n").replace("\r", "\n") if _in_code(sign))
    language = member(node, "attrs", "language")
    known = isinstance(language, str) and language.isascii() and language.replace("-", "").replace("+", "").isalnum()
    code: Node = {"type": "codeBlock", "attrs": {"language": language} if known else {}}
    yield code | {"content": [{"type": "text", "text": text}] if text else []}


def _in_code(sign: str) -> bool:
    return sign in "\n\t" or sign.isprintable() or (sign.isspace() and ord(sign) > 0x9F)


def _table(node: Any, top: bool) -> Iterator[Node]:
    rows = [_cells(row) for row in records(node, "content")]
    width = max(map(len, rows), default=0)
    if not width:
        return
    if not top:
        for row in rows:
            yield from _paragraph([{"type": "text", "text": " | ".join(words({"content": cell}) for cell in row)}])
        return
    filled = [[*row, *([[]] * (width - len(row)))] for row in rows]
    kinds = ["tableHeader", *["tableCell"] * (len(rows) - 1)]
    yield {"type": "table", "content": [_row(kind, row) for kind, row in zip(kinds, filled, strict=True)]}


def _cells(row: Any) -> list[list[Node]]:
    return [inline(records(cell, "content"), breaks=False) for cell in records(row, "content")[:_MAX_COLUMNS]]


def _row(kind: str, cells: list[list[Node]]) -> Node:
    content = [{"type": kind, "attrs": {}, "content": [{"type": "paragraph", "content": cell}]} for cell in cells]
    return {"type": "tableRow", "content": content}


def _list(node: Any, kind: str, content: list[Any], depth: int) -> Iterator[Node]:
    items = [_item(entry, depth) for entry in content]
    if not items:
        return
    if kind != "orderedList":
        yield {"type": "bulletList", "content": items}
        return
    order = member(node, "attrs", "order")
    first = order if isinstance(order, int) and 0 <= order < 10**9 else 1
    yield {"type": "orderedList", "attrs": {"order": int(first)}, "content": items}


def _item(entry: Any, depth: int) -> Node:
    content = records(entry, "content")
    if _kind(entry) in _LISTS:  # Jira's task lists nest so
        content = [entry]
    state = member(entry, "attrs", "state")
    if isinstance(state, str) and entry.get("type") == "taskItem":
        content = [{"type": "text", "text": "[x] " if state == "DONE" else "[ ] "}, *content]
    found = list(_blocks(content, top=False, depth=depth + 1))
    if not found or found[0]["type"] not in ("paragraph", "codeBlock"):
        found.insert(0, {"type": "paragraph", "content": []})
    return {"type": "listItem", "content": found}


def _card(node: Any) -> Iterator[Node]:
    yield from _paragraph([{"type": "inlineCard", "attrs": member(node, "attrs")}])


def _media(node: Any) -> Iterator[Node]:
    for entry in [node, *records(node, "content")]:
        if entry.get("type") == "media":
            name = member(entry, "attrs", "alt")
            text = f"(attachment: {name})" if isinstance(name, str) and name else "(attachment)"
            yield from _paragraph([{"type": "text", "text": text}])


def _strong(text: str) -> Node:
    return {"type": "text", "text": text, "marks": [{"type": "strong"}]}


def _text_block(node: Any) -> Iterator[Node]:
    yield from _paragraph(records(node, "content"))


_SIMPLE: dict[str, Callable[[Any], Iterator[Node]]] = {
    "paragraph": _text_block,
    "codeBlock": _code,
    "blockCard": _card,
    "embedCard": _card,
    "media": _media,
    "mediaSingle": _media,
    "mediaGroup": _media,
}
