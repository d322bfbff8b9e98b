"""The parts of the verifier by themselves: challenges, redaction, the callback listener, hostile text in reports."""

import asyncio
import json
import threading
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import httpx2
import pytest

from gatelodge.ops.link.browser import SignInFailed
from gatelodge.ops.verify.callback import listening
from gatelodge.ops.verify.challenges import bearer_challenge
from gatelodge.ops.verify.check import Check, Exchange, Finding, Outcome, Status, passed
from gatelodge.ops.verify.forged import changed_claims, changed_signature, unsigned
from gatelodge.ops.verify.redaction import Redactor
from gatelodge.ops.verify.report.html import as_html
from gatelodge.ops.verify.report.junit import as_junit
from gatelodge.ops.verify.run import Verification
from gatelodge.ops.verify.session import Session
from gatelodge.ops.verify.signin import PersonSignIn


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Bearer resource_metadata="https://a/b", scope="x y"', {"resource_metadata": "https://a/b", "scope": "x y"}),
        ("bearer realm=mcp", {"realm": "mcp"}),
        ('Basic realm="a", Bearer scope="x"', {"scope": "x"}),
        ('Bearer scope="x", Basic realm="a"', {"scope": "x"}),
        (r'Bearer error_description="a \"b\""', {"error_description": 'a "b"'}),
        ("Bearer", {}),
        ('Bearer scope="x', None),
        ("Basic realm=a", None),
        (None, None),
    ],
)
def test_a_challenge_is_read_as_clients_read_it(header: str | None, found: dict[str, str] | None) -> None:
    assert bearer_challenge(header) == found


def test_secrets_are_removed_by_name_by_shape_and_by_value() -> None:
    redactor = Redactor()
    redactor.know("the-known-secret", "abc")
    body = json.dumps({"access_token": "opaque", "error": "x", "note": "has the-known-secret in it", "code": -32601})
    shown = redactor.body(body.encode(), "application/json")
    assert "opaque" not in shown
    assert "the-known-secret" not in shown
    assert '"code": -32601' in shown, "an error number is no secret"
    assert "abc" in redactor.text("abc"), "a short value would hide ordinary words"
    assert redactor.url("https://a/cb?code=12345&state=s") == "https://a/cb?code=[removed]&state=s"
    assert redactor.headers({"Authorization": "Bearer x", "Cookie": "a=b"}) == {
        "authorization": "Bearer [removed]",
        "cookie": "[removed]",
    }
    assert "x.y" not in redactor.body(b"grant_type=a&refresh_token=x.y", "application/x-www-form-urlencoded")
    assert redactor.body(b"<html><title>Sign in</title><input value=secret>", "text/html").endswith("Sign in)")


def test_forged_tokens_differ_from_the_real_one() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    forged = {changed_signature(token), changed_claims(token, sub="b"), unsigned(token), changed_signature("opaque!")}
    assert len(forged | {token, "opaque!"}) == 6


async def _probe(_: Session) -> Outcome:
    return passed("")


def _report(text: str) -> Verification:
    check = Check("A1-x", "Title", "Source", "Fix", _probe)
    exchange = Exchange("GET", f"https://a/{text}", {}, "", 200, {"server": text}, text, 0.1)
    return Verification(
        "https://a/mcp", "chatgpt", (Finding(check, Outcome(Status.FAIL, text), (exchange,)),), 0.0, 1.0
    )


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))


def test_a_hostile_server_puts_no_markup_into_the_page() -> None:
    page = as_html(_report('</pre><script>alert(1)</script><img src="https://evil/x" onerror=alert(1)>'))
    tags = _Tags()
    tags.feed(page)
    assert "script" not in {tag for tag, _ in tags.seen}
    assert not [attrs for tag, attrs in tags.seen if {name for name, _ in attrs} & {"src", "href", "onerror"}]


def test_control_characters_of_a_server_leave_the_xml_readable() -> None:
    suite = ET.fromstring(as_junit(_report("a\x00b\x1b]]>&<")))  # noqa: S314 - our own text
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "\x00" not in failure.attrib["message"]
    assert suite.attrib["failures"] == "1"


async def test_a_persons_answer_arrives_at_the_loopback_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    said: list[str] = []
    async with listening() as listener, httpx2.AsyncClient(trust_env=False, timeout=60) as browser:
        person = PersonSignIn(listener, said.append)
        waiting = asyncio.create_task(person.authorize("https://issuer.test/auth"))
        assert (await browser.get(listener.redirect_uri.replace("/callback", "/other"))).status_code == 404
        page = await browser.get(f"{listener.redirect_uri}?code=c1&state=s1")
        answer = await waiting
    assert opened == ["https://issuer.test/auth"]
    assert "https://issuer.test/auth" in said[0]
    assert (answer.code, answer.state) == ("c1", "s1")
    assert "c1" not in page.text
    with pytest.raises(SignInFailed):
        person.fresh(consent=False)


async def test_the_listener_answers_while_a_browser_in_the_terminal_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, called = threading.Event(), threading.Event()

    def browse(_: str) -> bool:
        # As a text browser does, which keeps its caller until the person leaves it.
        called.set()
        return closed.wait(60)

    monkeypatch.setattr("webbrowser.open", browse)
    async with listening() as listener, httpx2.AsyncClient(trust_env=False, timeout=60) as browser:
        waiting = asyncio.create_task(PersonSignIn(listener, lambda _: None).authorize("https://issuer.test/auth"))
        await asyncio.to_thread(called.wait, 30)
        await browser.get(f"{listener.redirect_uri}?code=c1")
        assert (await waiting).code == "c1"
        assert not closed.is_set()
    closed.set()


async def test_an_answer_that_never_comes_ends_the_wait() -> None:
    async with listening() as listener:
        with pytest.raises(SignInFailed, match="no answer came back"):
            await listener.answer(0.01)
