"""CommonMark with tables and strike-through, read in bounded time; HTML stays text.

Invariant: the time is proportional to the length, whatever the text. Not here: what becomes of the tree (the packs).
"""

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.tree import SyntaxTreeNode

__all__ = ["parse"]

_BLOCKS = 60
# At each opening bracket the parser looks so many brackets ahead: with the depth of blocks, "![" and nothing else took
# two seconds for 30,000 characters.
_BRACKETS = 10


def parse(markdown: str) -> SyntaxTreeNode:
    """The tree of a text. Slow for long ones (30,000 characters: some 0.3 s), so call it in a thread."""
    # A parser keeps state of its last text; a new one costs less than a millisecond.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": _BLOCKS}).enable(["table", "strikethrough"])
    parser.core.ruler.before("inline", "brackets", _brackets)
    return SyntaxTreeNode(parser.parse(markdown))


def _brackets(state: StateCore) -> None:
    state.md.options["maxNesting"] = _BRACKETS
