"""Reading a source: titles, headings, and what of an HTML page is text."""

import pytest

from sample.documents import Heading, read


@pytest.mark.parametrize(
    ("media_type", "source", "title"),
    [
        pytest.param("text/markdown", "---\ntitle: 'From the front'\n---\n# Heading\n", "From the front", id="front"),
        pytest.param("text/markdown", "---\ntags: a\n---\n# Head *ing* `x`\n", "Head ing x", id="first-h1"),
        pytest.param("text/markdown", "## Second\n\n# First\n", "First", id="h1-after-h2"),
        pytest.param("text/markdown", "Setext\n======\n", "Setext", id="setext"),
        pytest.param("text/markdown", "```\n# code\n```\nplain", "", id="code-is-no-heading"),
        pytest.param("text/html", "<title>Page</title><h1>Seen <b>title</b></h1>", "Seen title", id="html-h1"),
        pytest.param("text/html", "<title>Page &amp; more</title><p>text", "Page & more", id="html-title"),
        pytest.param("text/html", "<frameset><frame></frameset>", "", id="html-frameset"),
        pytest.param("text/plain", "# not a heading", "", id="text"),
    ],
)
def test_the_title_is_what_a_reader_sees_first(media_type: str, source: str, title: str) -> None:
    assert read(media_type, source).title == title


def test_front_matter_is_no_text() -> None:
    assert read("text/markdown", "---\ntitle: T\nsecret: s\n---\nBody\n").text == "Body\n"


def test_a_rule_at_the_start_is_no_front_matter() -> None:
    assert read("text/markdown", "---\nBody\n").text == "---\nBody\n"


def test_headings_carry_line_level_and_plain_title() -> None:
    reading = read("text/markdown", "# A\n\ntext\n\n## [B](b.md)\n\n> # quoted\n")
    assert reading.headings == (Heading(0, 1, "A"), Heading(4, 2, "B"))


def test_html_becomes_paragraphs_with_headings_as_in_markdown() -> None:
    text = read("text/html", "<h1>Top</h1><p>one\n  <i>two</i>, three<br>four</p><ul><li>a<li>b</ul>").text
    assert text == "# Top\n\none two, three\n\nfour\n\na\n\nb"


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>HIDDEN</script>",
        "<style>HIDDEN</style>",
        "<template>HIDDEN</template>",
        "<noscript>HIDDEN</noscript>",
        "<!-- HIDDEN -->",
        "<textarea>HIDDEN</textarea>",
        "<svg><text>HIDDEN</text></svg>",
        "<p hidden>HIDDEN</p>",
        "<p aria-hidden=true>HIDDEN</p>",
        "<p style='color:red; DISPLAY : none'>HIDDEN</p>",
        "<p style=visibility:hidden>HIDDEN</p>",
        "<p style='font-size:0px'>HIDDEN</p>",
        "<p style=opacity:0>HIDDEN</p>",
        "<div hidden><p>HIDDEN<span hidden>HIDDEN<script>HIDDEN</script></span></p></div>",
    ],
)
def test_text_that_no_reader_of_the_page_sees_is_left_out(hidden: str) -> None:
    reading = read("text/html", f"<body><p>before</p>{hidden}<p>after</p>")
    assert reading.text == "before\n\nafter"
    assert "HIDDEN" not in reading.html.replace("<!-- HIDDEN -->", "")


def test_a_page_that_a_script_would_reveal_is_read() -> None:
    assert read("text/html", "<html hidden><body style='opacity:0'><script>x</script><p>text").text == "text"


def test_half_transparent_text_is_read() -> None:
    assert read("text/html", "<p style='opacity:0.5;font-size:0.8em'>text").text == "text"


def test_deeply_nested_html_is_read() -> None:
    assert read("text/html", "<div>" * 5_000 + "deep").text == "deep"
