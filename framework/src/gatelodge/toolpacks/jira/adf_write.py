"""Tidied ADF as CommonMark, so that reading it gives the same document again.

Invariant: every sign of a text that Markdown would take for its own is escaped, and nothing else where that can be told.
Not here: runs of text within a line (``adf_spans``).
"""

import re
from collections.abc import Callable
from typing import Any

from gatelodge.toolpacks.jira.adf_spans import spans

__all__ = ["written"]

Node = dict[str, Any]
# What at a line's start would begin a block, or make the line before a heading or a table.
_STARTS = re.compile(r"[=>|]|[-+](?=[\s:|-]|$)|:(?=[\s:|-]*$)|#{1,6}(?=\s|$)")
_NUMBER = re.compile(r"(\d{1,9})([.)])(?=\s|$)")


def written(document: Node) -> str:
    """The text of a tidied document."""
    return _blocks(document["content"], "*")


def _blocks(nodes: list[Node], above: str) -> str:
    """Blocks below each other. ``above`` is the bullet in whose item they stand."""
    lines, last = "", ""
    for node in nodes:
        mark = _marker(node, above, last)
        text = _block(node, mark)
        lines += _gap(lines, last, mark, node) + text
        last = mark or node["type"]
    return lines


def _gap(before: str, last: str, mark: str, node: Node) -> str:
    if not before:
        return ""
    # A list may follow a paragraph closely, but one with an empty start would be taken for an underlined heading.
    close = last == "paragraph" and mark in ("-", "*") and _text_first(node)
    return "\n" if close else "\n\n"


def _text_first(node: Node) -> bool:
    return (
        bool(node["content"][0]["content"][0].get("content"))
        and node["content"][0]["content"][0]["type"] == "paragraph"
    )


def _marker(node: Node, above: str, last: str) -> str:
    """The sign of a list: another than that of the list before it, which would go on, and of the item it stands in."""
    if node["type"] == "bulletList":
        avoided = last if last in ("-", "*") else above
        return "*" if avoided == "-" else "-"
    if node["type"] == "orderedList":
        return ")" if last == "." else "."
    return ""


def _block(node: Node, mark: str) -> str:
    if mark:
        return _list(node, mark)
    return _WRITERS[node["type"]](node)


def _paragraph(node: Node) -> str:
    return "\n".join(map(_line_start, spans(node["content"]).split("\n")))


def _heading(node: Node) -> str:
    text = spans(node["content"])
    # Number signs at the end would close the heading.
    return "#" * int(node["attrs"]["level"]) + " " + (text[:-1] + "\\#" if text.endswith("#") else text)


def _quotation(node: Node) -> str:
    return "\n".join(f"> {line}" if line else ">" for line in _blocks(node["content"], "*").split("\n"))


def _list(node: Node, mark: str) -> str:
    number = node.get("attrs", {}).get("order")
    lines = list[str]()
    for offset, item in enumerate(node["content"]):
        # Numbers after the first count for nothing, and ten digits would be no number.
        sign = mark if number is None else f"{min(number + offset, 999_999_999)}{mark}"
        content = item["content"]
        empty = content[0]["type"] == "paragraph" and not content[0]["content"]
        first, *more = _blocks(content[1:] if empty else content, mark).split("\n")
        lines.append(f"{sign} {first}" if first else sign)
        lines += [" " * (len(sign) + 1) + line if line else "" for line in more]
    return "\n".join(lines)


def _code(node: Node) -> str:
    text = node["content"][0]["text"] if node["content"] else ""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    opening = fence + node["attrs"].get("language", "")
    return f"{opening}\n{text}\n{fence}" if text else f"{opening}\n{fence}"


def _table(node: Node) -> str:
    rows = [
        "| " + " | ".join(spans(cell["content"][0]["content"]).replace("|", "\\|") for cell in row["content"]) + " |"
        for row in node["content"]
    ]
    return "\n".join([rows[0], "|" + " --- |" * len(node["content"][0]["content"]), *rows[1:]])


def _line_start(line: str) -> str:
    if _STARTS.match(line):
        return "\\" + line
    return _NUMBER.sub(r"\1\\\2", line, count=1) if _NUMBER.match(line) else line


def _rule(_: Node) -> str:
    return "---"


_WRITERS: dict[str, Callable[[Node], str]] = {
    "paragraph": _paragraph,
    "heading": _heading,
    "blockquote": _quotation,
    "codeBlock": _code,
    "table": _table,
    "rule": _rule,
}
