"""Markdown and Atlassian's document format: any text there and back, and what becomes of the parts Markdown has not."""

from typing import Any

import pytest
from adf_documents import documents, junk, markdown
from hypothesis import given, settings
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline

from gatelodge.toolpacks.jira.adf import to_adf, to_markdown
from gatelodge.toolpacks.jira.adf_cut import shortened
from gatelodge.toolpacks.jira.adf_form import MAX_DEPTH, tidied
from gatelodge.toolpacks.jira.models import document as shown_document
from gatelodge.toolpacks.text import Texts

MANY = settings(max_examples=300, deadline=None)


def doc(*content: Any) -> dict[str, Any]:
    return {"version": 1, "type": "doc", "content": list(content)}


def text(words: str, *marks: str) -> dict[str, Any]:
    return {"type": "text", "text": words, "marks": [{"type": name} for name in marks]}


def para(*content: Any) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(content)}


@MANY
@given(documents)
def test_a_document_survives_as_markdown(document: dict[str, Any]) -> None:
    assert to_adf(to_markdown(document)) == tidied(document)


@MANY
@given(markdown)
def test_markdown_means_the_same_after_there_and_back(given_text: str) -> None:
    document = to_adf(given_text)
    assert to_adf(to_markdown(document)) == document


@MANY
@given(documents | junk)
def test_tidying_twice_changes_nothing(document: Any) -> None:
    assert tidied(tidied(document)) == tidied(document)


@MANY
@given(junk)
def test_anything_at_all_becomes_markdown(content: Any) -> None:
    document = {"type": "doc", "content": content}
    assert to_adf(to_markdown(document)) == tidied(document)
    assert isinstance(to_markdown(content), str)


@pytest.mark.parametrize(
    "given_text",
    [
        "# Title\n\nSome **bold**, _it_, ~~gone~~ and `code`.",
        "- one\n- two\n  * nested\n\n1. first\n2. second",
        "> quoted\n\n---\n\n```python\nprint(1)\n```",
        "| a | b |\n| --- | --- |\n| 1 | **2** |",
        "[words](https://a.example/x?y=1)",
        "line one\\\nline two",
    ],
)
def test_ordinary_markdown_comes_back_as_it_was(given_text: str) -> None:
    assert to_markdown(to_adf(given_text)) == given_text


def test_markdown_becomes_the_nodes_that_jira_knows() -> None:
    assert to_adf("## T\n\n- **a**\n")["content"] == [
        {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "T"}]},
        {
            "type": "bulletList",
            "content": [
                {
                    "type": "listItem",
                    "content": [para({"type": "text", "text": "a", "marks": [{"type": "strong"}]})],
                }
            ],
        },
    ]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"type": "panel", "content": [para(text("mind"))]}, "> mind"),
        ({"type": "expand", "attrs": {"title": "More"}, "content": [para(text("x"))]}, "> **More**\n>\n> x"),
        (para({"type": "mention", "attrs": {"text": "@Mia"}}), "@Mia"),
        (para({"type": "emoji", "attrs": {"shortName": ":tada:"}}), ":tada:"),
        (para({"type": "date", "attrs": {"timestamp": "1700000000000"}}), "2023-11-14"),
        (para({"type": "status", "attrs": {"text": "DONE"}}), "DONE"),
        ({"type": "blockCard", "attrs": {"url": "https://a.example/"}}, "[https://a.example/](https://a.example/)"),
        ({"type": "mediaSingle", "content": [{"type": "media", "attrs": {"alt": "a.png"}}]}, "(attachment: a.png)"),
        (
            {"type": "taskList", "content": [{"type": "taskItem", "attrs": {"state": "DONE"}, "content": [text("t")]}]},
            "- \\[x\\] t",
        ),
        (para(text("a", "underline")), "a"),
        (para(text("Note: ", "strong"), text("x")), "**Note:** x"),
        (para(text("1. no list")), "1\\. no list"),
        (para(text("snake_case_name")), "snake_case_name"),
    ],
)
def test_what_markdown_has_not_becomes_plain_words(node: Any, expected: str) -> None:
    assert to_markdown(doc(node)) == expected


@pytest.mark.parametrize("mark", ["strong", "em", "strike"])
@pytest.mark.parametrize("inner", ["b", '"b"', "(b)", "*b*", "_", "~~", "`b`", "\\"])
@pytest.mark.parametrize(
    ("before", "after"), [("a", "c"), ("«", "»"), ("a ", "."), ("", "c"), ("!", "~"), ("1", "\u200bc")]
)
def test_emphasis_counts_whatever_stands_beside_it(mark: str, inner: str, before: str, after: str) -> None:
    document = tidied(doc(para(text(before), text(inner, mark), text(after))))
    assert to_adf(to_markdown(document)) == document


def test_an_image_is_a_link_with_its_words() -> None:
    (node,) = to_adf("![A cat](https://a.example/cat.png)")["content"][0]["content"]
    assert (node["text"], node["marks"][0]["attrs"]["href"]) == ("A cat", "https://a.example/cat.png")


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (para({"type": "hardBreak"}, text("a"), {"type": "hardBreak"}), "a"),
        (para({"type": "date", "attrs": {"timestamp": "soon"}}, text("a")), "a"),
        ({"type": "table", "content": [{"type": "tableRow", "content": []}]}, ""),
    ],
)
def test_what_is_empty_leaves_nothing(node: Any, expected: str) -> None:
    assert to_markdown(doc(node)) == expected


@pytest.mark.parametrize("href", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//a.example", 7])
def test_only_web_and_mail_addresses_are_links(href: Any) -> None:
    linked = {"type": "text", "text": "x", "marks": [{"type": "link", "attrs": {"href": href}}]}
    assert to_markdown(doc(para(linked))) == "x"
    assert "marks" not in str(to_adf(f"[x]({href})"))


def test_linked_code_is_not_taken_for_a_definition() -> None:
    run = text("]:", "code")
    run["marks"].append({"type": "link", "attrs": {"href": "https://a.example/"}})
    document = tidied(doc(para(run)))
    assert to_markdown(document) == "`]:`"
    assert to_adf("`]:`") == document


def test_html_is_text() -> None:
    assert to_adf("<script>alert(1)</script>")["content"] == [
        para({"type": "text", "text": "<script>alert(1)</script>"})
    ]


def test_a_document_of_great_depth_ends_in_words() -> None:
    node: Any = para(text("deep"))
    for _ in range(MAX_DEPTH * 2):
        node = {"type": "bulletList", "content": [{"type": "listItem", "content": [node]}]}
    assert "deep" in to_markdown(doc(node))


LONG_LINKS = [{"type": "link", "attrs": {"href": "https://a.example/" + "x" * 5000}}] * 20_000


def nested(levels: int, inner: dict[str, Any]) -> dict[str, Any]:
    for _ in range(levels):
        inner = {"type": "blockquote", "content": [inner]}
    return inner


@pytest.mark.parametrize(
    ("content", "least"),
    [
        ([para(text("*_`[" * 50_000))], 199_000),
        ([para(*[text("a") for _ in range(20_000)])], 19_800),
        ([para(text("a")) for _ in range(20_000)], 19_800),
        ([nested(3000, para(text("a" * 200_000)))], 199_000),
        ([{"type": "table", "content": [{"type": "tableRow"} for _ in range(20_000)]}, para(text("a"))], 1),
        ([para({"type": "mention", "attrs": {"text": "a" * 200_000}}), para(text("a"))], 1),
        ([para({**text("a", "link"), "marks": LONG_LINKS}), para(text("a"))], 1),
    ],
)
def test_a_document_is_cut_before_the_work_on_it_and_says_how_much_is_left_out(content: list[Any], least: int) -> None:
    cut, left_out = shortened(doc(*content), 1000)
    # By hand: json and repr would call themselves for each level.
    nodes, size, places = 0, 0, list(cut["content"])
    while places:
        node = places.pop()
        nodes, size = nodes + 1, size + len(node.get("text", "")) + len(node.get("attrs", {}).get("text", ""))
        assert len(node.get("marks", ())) <= 10
        places += node.get("content", ())
    assert nodes <= 130
    assert size <= 3100
    assert left_out >= least


def test_a_document_that_fits_is_not_changed_by_the_cut() -> None:
    whole = to_adf("# a\n\n- b [c](https://d.example)\n\n| e |\n| - |\n| f |")
    cut, left_out = shortened(whole, 1000)
    assert (to_markdown(cut), left_out) == (to_markdown(whole), 0)


def test_what_was_cut_before_the_work_shows_in_the_result() -> None:
    texts = Texts("Jira")
    shown = shown_document(doc(para(text("a" * 500_000))), texts)
    assert shown.endswith("[truncated: 480000 more characters]")
    assert texts.notice().truncated is True


def test_brackets_without_end_are_read_in_a_time_that_follows_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    skip = ParserInline.skipToken

    def counted(self: ParserInline, state: StateInline) -> None:
        nonlocal looks
        looks += 1
        skip(self, state)

    monkeypatch.setattr(ParserInline, "skipToken", counted)
    to_adf("![" * 1000)
    assert looks < 60 * 1000, "with the nesting of blocks it is 240 for each"
