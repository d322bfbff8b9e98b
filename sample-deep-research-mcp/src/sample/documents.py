"""One document, and how it is read from the source of a Markdown, HTML or text file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser, LexborNode

__all__ = ["MARKDOWN", "Document", "Heading", "Reading", "read"]

MARKDOWN = MarkdownIt("commonmark").enable("table")
_FRONT_MATTER = re.compile(r"---\n(.*?\n)?---\n", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(['\"]?)(.+?)\1[ \t]*$", re.MULTILINE)
_UNSEEN = "body :is(script, style, template, noscript, iframe, object, svg, textarea, [hidden], [aria-hidden=true])"
_HIDING_STYLE = re.compile(r"display:none|visibility:hidden|(font-size|opacity):0(px|em|%)?(;|$)")
_BLOCKS = "p, div, section, article, ul, ol, li, dl, dt, dd, table, tr, blockquote, pre, br, hr, h1, h2, h3, h4, h5, h6"
_BREAK = "\ue000"  # private use: marks the edges of blocks while white space is collapsed


class Heading(NamedTuple):
    """A heading of a text: 0-based line, level 1 to 6, plain title."""

    line: int
    level: int
    title: str


class Reading(NamedTuple):
    """What a file says; an empty title means it names none."""

    title: str
    text: str
    headings: tuple[Heading, ...] = ()
    html: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What search ranks and fetch returns. ``html`` is the untrusted body of an HTML file, else empty."""

    id: str
    title: str
    text: str
    url: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    headings: tuple[Heading, ...] = ()
    html: str = ""


def read(media_type: str, source: str) -> Reading:
    """Read a source as ``text/markdown``, ``text/html`` or, whatever else is said, plain text."""
    if media_type == "text/markdown":
        return _read_markdown(source)
    return _read_html(source) if media_type == "text/html" else Reading("", source)


def _read_markdown(source: str) -> Reading:
    front = _FRONT_MATTER.match(source)
    named = _FRONT_TITLE.search(front[0]) if front else None
    text = source[front.end() :] if front else source
    headings = tuple(_headings(text))
    return Reading(named[2] if named else _first_title(headings), text, headings)


def _read_html(source: str) -> Reading:
    tree = LexborHTMLParser(source)
    for node in tree.css("[style]"):
        if _HIDING_STYLE.search(re.sub(r"\s", "", node.attributes["style"] or "").lower()):
            node.attrs["hidden"] = ""
    for node in tree.css(f"{_UNSEEN}:not({_UNSEEN} *)"):  # outermost only: what is in them goes with them
        node.decompose()
    named, body = tree.css_first("title"), tree.body
    if body is None:  # a frameset
        return Reading("", "")
    html = body.html or ""
    text = _text_of(body)
    headings = tuple(_headings(text))
    return Reading(_first_title(headings) or (named.text(strip=True) if named else ""), text, headings, html)


def _text_of(body: LexborNode) -> str:
    """Paragraphs apart by blank lines, headings marked as in Markdown, so that one splitter serves both."""
    for node in body.css(_BLOCKS):
        level = re.fullmatch("h([1-6])", node.tag or "")
        node.insert_before(_BREAK + ("#" * int(level[1]) + " " if level else ""))
        node.insert_after(_BREAK)
    blocks = (" ".join(block.split()) for block in body.text().split(_BREAK))
    return "\n\n".join(filter(None, blocks))


def _headings(text: str) -> Iterator[Heading]:
    for opening, inline in pairwise(MARKDOWN.parse(text)):
        if opening.type == "heading_open" and opening.level == 0 and opening.map:
            title = "".join(child.content or " " for child in inline.children or ())
            yield Heading(opening.map[0], int(opening.tag[1]), " ".join(title.split()))


def _first_title(headings: tuple[Heading, ...]) -> str:
    return next((heading.title for heading in headings if heading.level == 1), "")
