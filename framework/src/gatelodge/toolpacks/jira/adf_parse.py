"""CommonMark, with tables and strike-through, to ADF nodes that are not tidied yet.

HTML is text, and an image is a link with its description: ADF shows only what was uploaded.
"""

from typing import Any

from markdown_it.tree import SyntaxTreeNode

from gatelodge.toolpacks.commonmark import parse

__all__ = ["parsed"]

Node = dict[str, Any]
_BLOCKS = {
    "paragraph": "paragraph",
    "blockquote": "blockquote",
    "bullet_list": "bulletList",
    "list_item": "listItem",
    "hr": "rule",
    "table": "table",
    "tr": "tableRow",
    "th": "tableHeader",
    "td": "tableCell",
}
_MARKS = {"strong": "strong", "em": "em", "s": "strike"}


def parsed(markdown: str) -> Node:
    """The document."""
    return {"version": 1, "type": "doc", "content": _blocks(parse(markdown))}


def _blocks(parent: SyntaxTreeNode) -> list[Node]:
    return [node for child in parent.children for node in _block(child)]


def _block(node: SyntaxTreeNode) -> list[Node]:
    if node.type in ("fence", "code_block"):
        language = node.info.split()[:1]
        text = [{"type": "text", "text": node.content.removesuffix("\n")}]
        return [{"type": "codeBlock", "attrs": {"language": language[0]} if language else {}, "content": text}]
    if node.type == "inline":
        return [run for child in node.children for run in _inline(child, [])]
    if node.type == "heading":
        return [{"type": "heading", "attrs": {"level": int(node.tag[1:])}, "content": _blocks(node)}]
    if node.type == "ordered_list":
        return [{"type": "orderedList", "attrs": {"order": node.attrs.get("start", 1)}, "content": _blocks(node)}]
    kind = _BLOCKS.get(node.type)
    return [{"type": kind, "content": _blocks(node)}] if kind else _blocks(node)


def _inline(node: SyntaxTreeNode, marks: list[Node]) -> list[Node]:
    if node.type == "hardbreak":
        return [{"type": "hardBreak"}]
    if node.type == "softbreak":
        return [_text(" ", marks)]
    if node.type == "code_inline":
        return [_text(node.content, [*marks, {"type": "code"}])]
    if node.type == "image":
        return [_text(node.content or str(node.attrs.get("src")), [*marks, _link(node.attrs.get("src"))])]
    if node.type in _MARKS:
        marks = [*marks, {"type": _MARKS[node.type]}]
    elif node.type == "link":
        marks = [*marks, _link(node.attrs.get("href"))]
    if node.children:
        return [run for child in node.children for run in _inline(child, marks)]
    return [_text(node.content, marks)] if node.type in ("text", "text_special") else []


def _link(href: object) -> Node:
    return {"type": "link", "attrs": {"href": href}}


def _text(text: str, marks: list[Node]) -> Node:
    return {"type": "text", "text": text, "marks": marks}
