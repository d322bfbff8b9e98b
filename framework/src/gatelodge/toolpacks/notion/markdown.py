"""Markdown to Notion's blocks, for where Notion does not take Markdown itself.

developers.notion.com/reference/block. What blocks cannot say (tables, deep lists, images) becomes paragraphs. Invariant:
no text is over Notion's 2000 characters, and no list of blocks is nested deeper than one request may have it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it.tree import SyntaxTreeNode

from gatelodge.toolpacks.commonmark import parse

__all__ = ["MAX_CHILDREN", "blocks"]

# Of one request.
MAX_CHILDREN = 100
_MAX_TEXT, _MAX_RUNS = 2000, 100
_LANGUAGES = frozenset({"bash", "c", "css", "go", "html", "java", "javascript", "json", "markdown", "python", "ruby"})
_LANGUAGES |= {"rust", "shell", "sql", "typescript", "xml", "yaml"}
_MARKS = {"strong": "bold", "em": "italic", "s": "strikethrough"}
_LISTS = {"bullet_list": "bulleted_list_item", "ordered_list": "numbered_list_item"}
Block = dict[str, Any]


def blocks(markdown: str) -> list[Block]:
    """Blocks of a page, in order."""
    return list(_blocks(parse(markdown).children, depth=0))


def _blocks(nodes: Sequence[SyntaxTreeNode], *, depth: int) -> Iterator[Block]:
    for node in nodes:
        if node.type in _LISTS:
            yield from _items(node, depth=depth)
        elif node.type == "heading":
            yield _block(f"heading_{min(int(node.tag[1:]), 3)}", _runs(node))
        elif node.type in ("fence", "code_block"):
            language = (node.info.split() or [""])[0].lower()
            named = {"language": language if language in _LANGUAGES else "plain text"}
            yield _block("code", list(_cut(node.content.removesuffix("\n"), {}, None)), **named)
        elif node.type == "hr":
            yield {"object": "block", "type": "divider", "divider": {}}
        elif node.type == "blockquote":
            yield from (_block("quote", runs) for child in node.children if (runs := _runs(child)))
        elif node.type == "table":
            yield from (_block("paragraph", _row(row)) for row in node.walk() if row.type == "tr")
        elif runs := _runs(node):
            yield _block("paragraph", runs)


def _items(node: SyntaxTreeNode, *, depth: int) -> Iterator[Block]:
    for item in node.children:
        first, rest = (item.children[0], item.children[1:]) if item.children else (None, [])
        lead = first is not None and first.type == "paragraph"
        found = _block(_LISTS[node.type], _runs(first) if lead and first is not None else [])
        inner = list(_blocks(rest if lead else item.children, depth=depth + 1))
        if inner and depth == 0:
            found[found["type"]]["children"] = inner[:MAX_CHILDREN]
        yield found
        if depth:
            yield from inner


def _block(kind: str, runs: list[Block], **more: str) -> Block:
    return {"object": "block", "type": kind, kind: {"rich_text": runs[:_MAX_RUNS], **more}}


def _row(row: SyntaxTreeNode) -> list[Block]:
    cells = [_runs(cell) for cell in row.children]
    bar = list(_cut(" | ", {}, None))
    return [run for number, cell in enumerate(cells) for run in (bar if number else []) + cell]


def _runs(node: SyntaxTreeNode) -> list[Block]:
    """All text below a node."""
    return list(_inline(node, {}, None))


def _inline(node: SyntaxTreeNode, marks: dict[str, bool], href: str | None) -> Iterator[Block]:
    if node.type in ("softbreak", "hardbreak"):
        yield from _cut(" " if node.type == "softbreak" else "\n", marks, href)
    elif node.type == "code_inline":
        yield from _cut(node.content, marks | {"code": True}, href)
    elif node.type in ("text", "text_special", "fence", "code_block", "image"):
        yield from _cut(node.content, marks, href)
    else:
        if node.type in _MARKS:
            marks = marks | {_MARKS[node.type]: True}
        elif node.type == "link":
            target = str(node.attrs.get("href"))
            href = (
                target if target.startswith(("https://", "http://", "mailto:")) and len(target) <= _MAX_TEXT else None
            )
        for child in node.children:
            yield from _inline(child, marks, href)


def _cut(text: str, marks: dict[str, bool], href: str | None) -> Iterator[Block]:
    """One text as runs that Notion takes."""
    for start in range(0, len(text), _MAX_TEXT):
        content: Block = {"content": text[start : start + _MAX_TEXT]} | ({"link": {"url": href}} if href else {})
        yield {"type": "text", "text": content} | ({"annotations": dict(marks)} if marks else {})
