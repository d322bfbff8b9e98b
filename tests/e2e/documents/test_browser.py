"""A stranger's client in a real browser: asked about, signed in, and on a second time straight through (M12)."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from chromium import Chromium, chromium
from document_site import STRANGER, DocumentSite, listening
from native_stack import READ, Stack

from gatelodge.ops.link.oauth_steps import authorize_url
from gatelodge.ops.link.oauth_types import AuthorizationServer, Pkce

pytestmark = pytest.mark.stack
NAME = "Notes\u202e<script>document.title='x'</script>"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    with chromium(tmp_path / "profile") as page:
        yield page


@pytest.fixture
def client_id(stack: Stack, documents: DocumentSite) -> Iterator[str]:
    client_id = documents.put("notes.json", host=STRANGER, client_name=NAME)
    yield client_id
    stack.admin.delete_client(client_id)
    documents.bodies.clear()


def request_of(stack: Stack, client_id: str, port: int, state: str) -> str:
    endpoint = f"{stack.issuer}/protocol/openid-connect/auth"
    return authorize_url(
        AuthorizationServer(stack.issuer, endpoint, ""),
        client_id=client_id,
        redirect_uri=f"http://127.0.0.1:{port}/callback",
        scopes=(READ, "offline_access"),
        state=state,
        pkce=Pkce.new(),
        resource=stack.mcp_url,
    )


def agree(browser: Chromium) -> None:
    """Answer the desk's question with yes."""
    browser.until("document.querySelector('button[value=continue]')")
    assert STRANGER in browser.text
    assert browser.run("document.title") == f"Continue to {STRANGER}?"
    assert browser.run("document.scripts.length") == 0
    assert browser.run("getComputedStyle(document.querySelector('main')).borderTopStyle") == "solid"
    browser.run("document.querySelector('button[value=continue]').click()")


def sign_in(browser: Chromium, user: tuple[str, str]) -> None:
    """Keycloak's own pages, with a yes."""
    browser.until("document.querySelector('#password')")
    browser.run(f"document.querySelector('#username').value = {user[0]!r}")
    browser.run(f"document.querySelector('#password').value = {user[1]!r}")
    browser.run("document.querySelector('#kc-login').click()")
    browser.until("document.querySelector('[name=accept]')")
    assert STRANGER in browser.text
    browser.run("document.querySelector('[name=accept]').click()")


def test_a_person_agrees_signs_in_and_comes_back_to_the_client_then_straight_through(
    stack: Stack, browser: Chromium, client_id: str
) -> None:
    with listening() as (port, targets):
        browser.open(request_of(stack, client_id, port, "first"))
        agree(browser)
        sign_in(browser, stack.users[0])
        browser.until("location.pathname === '/callback'")
        # Signed in and agreed at Keycloak: its answer to the next request is the redirect to the client itself, which a
        # form-action policy would stop if it followed from the form's answer.
        browser.open(request_of(stack, client_id, port, "second"))
        agree(browser)
        browser.until("location.pathname === '/callback' && location.search.includes('second')")
    answers = [parse_qs(urlsplit(target).query) for target in targets if target.startswith("/callback")]
    assert [answer["state"] for answer in answers] == [["first"], ["second"]]
    assert all(answer["code"] and answer["iss"] == [stack.issuer] for answer in answers)


def test_a_person_who_cancels_stays_and_no_client_is_made(stack: Stack, browser: Chromium, client_id: str) -> None:
    browser.open(request_of(stack, client_id, 1, "s"))
    browser.until("document.querySelector('button[value=cancel]')")
    browser.run("document.querySelector('button[value=cancel]').click()")
    browser.until("document.querySelector('h1')?.innerText === 'Cancelled'")
    assert stack.admin.keycloak.get_client_id(client_id) is None


def test_the_question_cannot_be_framed(stack: Stack, browser: Chromium, client_id: str) -> None:
    url = request_of(stack, client_id, 1, "s").replace("&", "&amp;")
    with listening(f"<iframe src='{url}' onload='document.title=\"loaded\"'></iframe>".encode()) as (port, _):
        browser.open(f"http://127.0.0.1:{port}/")
        browser.until("document.title === 'loaded'")
        (refused,) = browser.heard("frame-ancestors")
    assert stack.public_base in refused


def test_an_answer_from_another_browser_is_refused(
    stack: Stack, browser: Chromium, client_id: str, tmp_path: Path
) -> None:
    with browser.beside(tmp_path / "other") as attacker:
        attacker.open(request_of(stack, client_id, 1, "s"))
        attacker.until("document.querySelector('button[value=continue]')")
        form = attacker.run("document.querySelector('form').outerHTML").replace("/desk/consent", _consent(stack))
    assert "ticket" in form
    with listening(form.encode()) as (port, _):
        browser.open(f"http://127.0.0.1:{port}/")
        browser.until("document.querySelector('button[value=continue]')")
        browser.run("document.querySelector('button[value=continue]').click()")
        browser.until("document.querySelector('h1')?.innerText === 'Please start again'")
    assert stack.admin.keycloak.get_client_id(client_id) is None


def _consent(stack: Stack) -> str:
    return f"{stack.public_base}/desk/consent"
