"""Documents and Markdown for the property tests of ADF."""

from typing import Any

from hypothesis import strategies as st

__all__ = ["documents", "junk", "markdown"]

_SIGNS = st.sampled_from(list("aZ9 é中«—_*~`\\[]()<>#+-=|!&;:.\"'\u200b\u00a0🙂"))
_WORDS = st.lists(_SIGNS, min_size=1, max_size=8).map("".join)
_HREFS = st.sampled_from(["https://a.example/x?y=1&copy;=2", "https://a.example/(b)", "mailto:a@b.example"])
_MARKS = st.lists(
    st.one_of(
        st.sampled_from([{"type": name} for name in ("strong", "em", "strike", "code", "underline")]),
        _HREFS.map(lambda href: {"type": "link", "attrs": {"href": href}}),
    ),
    max_size=3,
)
_RUN = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": _WORDS, "marks": _MARKS}),
    st.just({"type": "hardBreak"}),
    st.just({"type": "mention", "attrs": {"text": "@someone"}}),
)
_RUNS = st.lists(_RUN, max_size=6)


def _node(kind: str, content: st.SearchStrategy[Any], **attrs: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"type": st.just(kind), "attrs": st.fixed_dictionaries(attrs), "content": content})


_TEXT = st.text(st.sampled_from("ab`~ \n\t#->|"), max_size=12).map(lambda text: [{"type": "text", "text": text}])
_CELL = _node("tableCell", st.lists(_node("paragraph", _RUNS), max_size=2))
_LEAVES = st.one_of(
    _node("paragraph", _RUNS),
    _node("heading", _RUNS, level=st.integers(0, 9)),
    _node("codeBlock", _TEXT, language=st.sampled_from(["python", "c++", "a b", ""])),
    st.just({"type": "rule"}),
    _node("table", st.lists(_node("tableRow", st.lists(_CELL, max_size=3)), max_size=3)),
)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    blocks = st.lists(inner, max_size=3)
    items = st.lists(_node("listItem", blocks), max_size=3)
    return st.one_of(
        _node("bulletList", items),
        _node("orderedList", items, order=st.integers(0, 12)),
        _node("blockquote", blocks),
        _node("panel", blocks),
    )


documents = st.lists(st.recursive(_LEAVES, _nested, max_leaves=12), max_size=4).map(
    lambda content: {"type": "doc", "version": 1, "content": content}
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "content", "text", "marks", "attrs", "level", "order"]), inner)
    ),
    max_leaves=20,
)
markdown = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            [
                *"ab1 \n\t*_~`[]()<>#+-=|!\\&.:",
                "\n\n",
                "- ",
                "1. ",
                "> ",
                "```",
                "**",
                "~~",
                "](https://a.example)",
                "---",
                "| a |\n| - |\n",
                "    ",
            ]
        ),
        max_size=30,
    ).map("".join),
)
