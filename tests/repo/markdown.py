"""What the tests read in Markdown: links, headings, commands and tables, by a real parser (CommonMark and tables)."""

import re
from collections.abc import Iterator
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["code_blocks", "command_lines", "inline_code", "links", "sections", "slugs", "tables"]

_PARSER = MarkdownIt("commonmark").enable("table")
_SHELLS = frozenset({"", "bash", "sh", "shell", "console"})
_NO_WORD = re.compile(r"[^\w\- ]")


def _inline(text: str) -> Iterator[Token]:
    for token in _PARSER.parse(text):
        if token.type == "inline":
            yield from token.children or ()


def links(text: str) -> list[str]:
    """Targets of all links and images."""
    names = {"link_open": "href", "image": "src"}
    return [str(token.attrs[names[token.type]]) for token in _inline(text) if token.type in names]


def inline_code(text: str) -> list[str]:
    """Everything between backticks in running text and tables."""
    return [token.content for token in _inline(text) if token.type == "code_inline"]


def command_lines(text: str) -> list[str]:
    """Lines of shell blocks, without prompts, comments and what follows on the next line."""
    lines: list[str] = []
    for token in _PARSER.parse(text):
        if token.type == "fence" and token.info.strip() in _SHELLS:
            shown = [line.strip() for line in token.content.splitlines()]
            # With prompts, what has none is output.
            prompted = [line for line in shown if line.startswith("$ ")]
            lines += [line.removeprefix("$ ").partition(" #")[0] for line in prompted or shown]
    return [line for line in lines if line]


@cache
def slugs(text: str) -> frozenset[str]:
    """Anchors that a hosting page gives the headings."""
    return frozenset(_NO_WORD.sub("", heading.lower()).replace(" ", "-") for heading in sections(text))


def sections(text: str) -> dict[str, str]:
    """Heading (without backticks) to everything below it, up to the next heading of any level."""
    tokens, lines = _PARSER.parse(text), text.splitlines()
    found: dict[str, str] = {}
    heads = [index for index, token in enumerate(tokens) if token.type == "heading_open"]
    for position, index in enumerate(heads):
        after = tokens[heads[position + 1]].map if position + 1 < len(heads) else None
        start = tokens[index].map
        if start is not None:
            name = tokens[index + 1].content.replace("`", "")
            found[name] = "\n".join(lines[start[1] : after[0] if after else len(lines)])
    return found


def tables(text: str) -> list[list[list[str]]]:
    """Tables as rows of cells, heading row first; cells as written."""
    found: list[list[list[str]]] = []
    for token in _PARSER.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level > 1 and found[-1]:
            found[-1][-1].append(token.content)
        elif token.type in {"th_open", "td_open"}:
            continue
    return found


def code_blocks(text: str, language: str) -> list[str]:
    """Contents of all fenced blocks of a language."""
    return [token.content for token in _PARSER.parse(text) if token.type == "fence" and token.info.strip() == language]
