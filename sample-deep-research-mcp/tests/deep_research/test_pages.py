"""The page of a public document: nothing of a hostile document can act."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from sample.documents import Document, read
from sample.pages import respond


def page(media_type: str, source: str, title: str = "T") -> str:
    reading = read(media_type, source)
    metadata = {"type": media_type, "path": "a", "modified": "2026-01-01T00:00:00+00:00"}
    document = Document("id", title, reading.text, "", metadata, reading.headings, reading.html)
    return bytes(respond(document).body).decode()


HOSTILE = """<title>x</title><h1 onclick=alert(1)>Hi</h1><script>ATTACK</script><img src=x onerror=ATTACK>
<a href="javascript:ATTACK">j</a><a href="data:text/html,ATTACK">d</a><a href="/admin">relative</a>
<iframe src="https://evil.example/ATTACK"></iframe><object data=ATTACK></object><embed src=ATTACK>
<form action="https://evil.example/ATTACK"><input name=password></form><meta http-equiv=refresh content="0;url=ATTACK">
<base href="https://evil.example/ATTACK"><link rel=stylesheet href=ATTACK><style>ATTACK</style><svg onload=ATTACK>
<math><mi xlink:href="javascript:ATTACK">m</mi></math><p style="background:url(ATTACK)">styled</p>
</main></body></html><p>end</p><noscript><p title="</noscript><img src=x onerror=ATTACK>"></noscript>"""


@pytest.mark.parametrize("media_type", ["text/html", "text/markdown"])
def test_a_hostile_document_keeps_its_words_and_loses_everything_that_acts(media_type: str) -> None:
    shown = page(media_type, HOSTILE)
    body = shown[shown.index("<main>") :]
    assert "Hi" in body
    assert "end" in body
    assert "ATTACK" not in re.sub(r"&lt;.*?&gt;", "", body)
    assert not re.search(r"<(script|img|iframe|object|embed|form|input|meta|base|link|style|svg|math)\b", body)
    assert not re.search(r"<[^>]*\s(on\w+|style|src)=", body)
    assert 'href="/admin"' not in body


def test_plain_text_is_shown_as_text() -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page("text/plain", "<script>alert(1)</script>")


def test_a_title_and_a_path_are_escaped() -> None:
    shown = page("text/plain", "x", title="</title><script>alert(1)</script>")
    assert "<script>" not in shown


def test_markdown_is_rendered() -> None:
    shown = page(
        "text/markdown", "# Title\n\n**bold** [out](https://example.org/)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    assert shown.count("<h1>") == 1
    assert "<strong>bold</strong>" in shown
    assert '<a href="https://example.org/" rel="noopener noreferrer">out</a>' in shown
    assert "<td>1</td>" in shown


def test_a_document_without_a_title_of_its_own_gets_one() -> None:
    assert "<h1>T</h1>" in page("text/markdown", "no heading")


def test_the_policy_forbids_everything_but_our_one_style() -> None:
    response = respond(Document("id", "T", "x", metadata={"type": "text/plain", "path": "a", "modified": ""}))
    policy = dict(part.strip().partition(" ")[::2] for part in response.headers["content-security-policy"].split(";"))
    style = re.search(r"<style>(.*?)</style>", bytes(response.body).decode(), re.DOTALL)
    assert style
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "sandbox": "",
    }
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_what_is_not_there_is_404_with_the_same_policy() -> None:
    response = respond(None)
    assert response.status_code == 404
    assert "sandbox" in response.headers["content-security-policy"]
