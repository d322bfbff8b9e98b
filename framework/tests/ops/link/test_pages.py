"""Reading sign-in pages in the shape that Keycloak's login theme gives them."""

import pytest
from scripted_realm import CONSENT, ERROR, LOGIN, REFUSAL

from gatelodge.ops.link.pages import parse_page

EXPIRED = """<html><body><h1 id="kc-page-title">  Page has
   expired </h1><p id="instruction1" class="instruction"> To restart the login process
 <a id="loginRestartLink" href="/realms/mcp/login-actions/restart?tab_id=t">Click here</a> .<br/></p></body></html>"""


def test_a_login_page_gives_its_form_with_the_hidden_fields_and_the_unescaped_action() -> None:
    page = parse_page(LOGIN.format(action="/authenticate?a=1&amp;b=2", error=""))
    assert page.login is not None
    assert page.login.action == "/authenticate?a=1&b=2"
    assert page.login.method == "post"
    assert dict(page.login.fields) == {"username": "", "password": "", "credentialId": ""}
    assert page.login.password_field == "password"
    assert page.consent is None
    assert page.says == "Sign in to your account"


def test_a_refused_password_is_told_in_the_words_of_the_page() -> None:
    page = parse_page(LOGIN.format(action="/a", error=ERROR))
    assert page.login is not None
    assert page.says == "Invalid username or password."


def test_a_consent_page_gives_its_form_and_both_buttons() -> None:
    page = parse_page(CONSENT.format(code="c1"))
    assert page.consent is not None
    assert dict(page.consent.fields) == {"code": "c1"}
    assert page.consent.buttons == ("accept", "cancel")
    assert page.login is None
    assert page.title == "Grant Access to check"


def test_an_error_page_has_its_message_and_no_form() -> None:
    page = parse_page(REFUSAL)
    assert page.says == "Client not found."
    assert page.forms == ()


def test_an_expired_page_is_told_on_one_line() -> None:
    page = parse_page(EXPIRED)
    assert page.title == "Page has expired"
    assert page.says == "To restart the login process Click here ."


@pytest.mark.parametrize("html", ["", "plain text", "<form><input name=x", "</form></div>", "<p></form>", "\x00<<<"])
def test_a_page_of_another_shape_is_a_page_without_forms(html: str) -> None:
    page = parse_page(html)
    assert (page.login, page.consent) == (None, None)
    assert page.says == "a page without a message"


def test_a_long_message_is_cut_short() -> None:
    assert len(parse_page(f'<p class="instruction">{"x" * 5000}</p>').says) == 200


def test_the_values_of_hidden_fields_are_not_in_the_repr() -> None:
    assert "session-code" not in repr(parse_page(CONSENT.format(code="session-code")))
