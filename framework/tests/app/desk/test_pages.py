"""The desk's pages: what strangers wrote stays text, and no page can be framed, scripted or kept."""

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from json import loads
from typing import Any

import pytest
from problems import members
from starlette.requests import Request
from starlette.responses import Response

from gatelodge.app.desk.pages import notice, page, plain
from gatelodge.core.codes import Code

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><form action=https://evil.example>",
    "{{ 7 * 7 }}{% include 'style.css' %}",
    "</dd></dl><h1>Approved by Keycloak</h1>",
    "ChatGPT\u202emoc.live",
    "zero\u200bwidth\ufeff",
    "two\nlines\r\nand\x00more",
    "\U0001d402\U0001d421\U0001d41a\U0001d42d\U0001d406\U0001d40f\U0001d413",
    "ChatGPT\U000e0067",
    "a" * 5000,
]
HOST = "new.example"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(response: Response) -> Tags:
    tags = Tags()
    tags.feed(bytes(response.body).decode())
    tags.close()
    return tags


def consent(**values: Any) -> Response:
    given: dict[str, Any] = {
        "host": HOST,
        "name": "New",
        "client_id": f"https://{HOST}/client.json",
        "targets": [f"https://{HOST}"],
        "query": "client_id=x",
        "ticket": "1.n.m",
        **values,
    }
    return page("consent", **given)


PLAIN_TAGS = [tag for tag, _ in read(consent()).found]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_stays_text_beside_its_host(text: str) -> None:
    response = consent(name=plain(text), query=text, ticket=text)
    tags = read(response)
    assert [tag for tag, _ in tags.found] == PLAIN_TAGS
    assert all(not name.startswith("on") for _, attributes in tags.found for name in attributes)
    name_shown = next(line for line in tags.text.splitlines() if f"({HOST})" in line)
    assert name_shown == f"{plain(text)} ({HOST})"
    hidden = {attributes.get("name"): attributes.get("value") for tag, attributes in tags.found if tag == "input"}
    # Byte by byte: a ticket is made over it. (A parser turns NUL and CR into others; queries have none.)
    if not set(text) & set("\x00\r"):
        assert hidden["query"] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_shown_is_one_short_line_without_hidden_characters(text: str) -> None:
    shown = plain(text)
    assert len(shown) <= 80
    assert not re.search("[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]", shown)
    assert plain(shown) == shown


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("Claude Code (ada)", "Überblick: Suche", "日本語クライアント", "עברית"):
        assert plain(name) == name


def directives(response: Response) -> dict[str, str]:
    policy = response.headers["content-security-policy"]
    return {name: value for name, _, value in (part.strip().partition(" ") for part in policy.split(";"))}


@pytest.mark.parametrize("name", ["consent", "notice", "onward"])
def test_every_page_allows_no_script_no_frame_and_is_kept_nowhere(name: str) -> None:
    request = Request({"type": "http", "headers": []})
    made: dict[str, Callable[[], Response]] = {
        "consent": consent,
        "notice": lambda: notice(request, 400, "invalid_request", "Title", "Text", code=Code.AUTHORIZATION_REQUEST),
        "onward": lambda: page("onward", target="https://localhost/x?a=b&c=d"),
    }
    response = made[name]()
    policy = directives(response)
    style = re.search(r"<style>(.*?)</style>", bytes(response.body).decode(), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "same-origin"
    assert "<script" not in bytes(response.body).decode()


def test_going_on_needs_no_script_and_can_be_done_by_hand() -> None:
    target = "https://localhost:8443/auth?client_id=https://x.example/c&state='a;b'\"<>&gatelodge_client=ready"
    tags = read(page("onward", target=target))
    refresh = next(attributes for tag, attributes in tags.found if attributes.get("http-equiv") == "refresh")
    assert refresh["content"] == f"0; url={target}"
    assert ("a", {"href": target}) in tags.found


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        ("application/json", True),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/json, text/html", False),
        ("", False),
    ],
)
def test_a_client_that_asks_for_json_gets_it(accept: str, json: bool) -> None:
    request = Request({"type": "http", "headers": [(b"accept", accept.encode())]})
    code = Code.CLIENT_DOCUMENT_INVALID
    url = "https://x.example/<b>"
    response = notice(request, 400, "invalid_client", "Title", "Text.", code=code, hint="Hint.", client_id=url)
    assert response.status_code == 400
    assert (response.headers["content-type"] == "application/problem+json") is json
    if json:
        told = {"detail": "Text.", "hint": "Hint."}
        assert loads(bytes(response.body)) == members(code, "invalid_client", "Text. Hint.", **told)
    else:
        assert "<b>" not in bytes(response.body).decode()
