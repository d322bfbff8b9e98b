"""The scripted browser: it signs in once, at the issuer, over TLS, and tells plainly what went wrong."""

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
from scripted_realm import ISSUER, ORIGIN, PASSWORD

from gatelodge.ops.link.browser import CallbackParams, ScriptedBrowser, SignInFailed

if TYPE_CHECKING:
    from ops.link.conftest import World

REDIRECT = "http://127.0.0.1:33419/callback"


def authorize_url(world: "World", *, redirect_uri: str = REDIRECT, client_id: str = "client-1") -> str:
    world.realm.registered["client-1"] = {}
    query = {"client_id": client_id, "redirect_uri": redirect_uri, "state": "s1", "scope": "deep-research:read"}
    query |= {"response_type": "code", "code_challenge": "c", "code_challenge_method": "S256"}
    return f"{ISSUER}/protocol/openid-connect/auth?{urlencode(query)}"


def passwords_sent(world: "World") -> int:
    return sum("password" in form for _, _, form in world.realm.requests)


async def test_sign_in_and_consent_end_with_a_code_at_the_redirect_which_is_not_followed(world: "World") -> None:
    answer = await world.browser().authorize(authorize_url(world))
    assert answer.code
    assert (answer.state, answer.iss, answer.error) == ("s1", ISSUER, None)
    assert answer.location.startswith(f"{REDIRECT}?")
    assert all(url.startswith(ORIGIN) for _, url, _ in world.realm.requests)


async def test_a_person_who_is_signed_in_is_not_asked_for_the_password_again(world: "World") -> None:
    browser = world.browser()
    await browser.authorize(authorize_url(world))
    again = await browser.authorize(authorize_url(world))
    assert again.code
    assert passwords_sent(world) == 1


async def test_another_browser_is_not_signed_in(world: "World") -> None:
    await world.browser().authorize(authorize_url(world))
    await world.browser().authorize(authorize_url(world))
    assert passwords_sent(world) == 2


async def test_denied_consent_comes_back_as_an_error_to_the_client(world: "World") -> None:
    answer = await world.browser(consent=False).authorize(authorize_url(world))
    assert (answer.code, answer.error, answer.iss) == (None, "access_denied", ISSUER)


async def test_a_wrong_password_is_sent_once_and_named_as_the_cause(world: "World") -> None:
    with pytest.raises(SignInFailed, match=r"refused for user 'ada': Invalid username or password\."):
        await world.browser(password="wrong-one").authorize(authorize_url(world))
    assert passwords_sent(world) == 1


async def test_an_error_page_is_told_with_its_status_and_message(world: "World") -> None:
    with pytest.raises(SignInFailed, match=r"answered 400 at /realms/mcp/.*: Client not found\."):
        await world.browser().authorize(authorize_url(world, client_id="unknown"))


@pytest.mark.parametrize(
    "action",
    [
        "https://evil.test/authenticate",
        "//evil.test/authenticate",
        "http://login.test/authenticate",
        "https://login.test:8443/authenticate",
        "https://login.test@evil.test/authenticate",
        "https://login.test.evil.test/authenticate",
        "javascript:alert(1)",
    ],
)
async def test_the_password_is_not_sent_to_another_origin(world: "World", action: str) -> None:
    world.realm.faults.form_action = action
    with pytest.raises(SignInFailed, match="nothing was sent there"):
        await world.browser().authorize(authorize_url(world))
    assert passwords_sent(world) == 0


async def test_an_authorization_url_off_the_issuers_origin_is_not_opened(world: "World") -> None:
    with pytest.raises(SignInFailed, match=r"the issuer is at https://other\.test"):
        await world.browser(issuer="https://other.test/realms/mcp").authorize(authorize_url(world))
    assert world.realm.requests == []


@pytest.mark.requirement("MCP26-AUTH-14c")
async def test_a_sign_in_without_tls_is_refused() -> None:
    browser = ScriptedBrowser(None, "ada", PASSWORD)
    with pytest.raises(SignInFailed, match="not https"):
        await browser.authorize("http://127.0.0.1:1/auth?redirect_uri=x")


async def test_a_redirect_to_another_address_than_the_clients_is_refused(world: "World") -> None:
    url = authorize_url(world).replace("redirect_uri=", "was=", 1)

    async def elsewhere(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"location": "https://evil.test/cb?code=c"})

    browser = ScriptedBrowser(None, "ada", PASSWORD, issuer=ISSUER, transport=httpx2.MockTransport(elsewhere))
    with pytest.raises(SignInFailed, match=r"https://evil\.test, but the issuer is at"):
        await browser.authorize(url)


async def test_a_redirect_loop_ends_with_an_error() -> None:
    async def again(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"location": str(request.url)})

    browser = ScriptedBrowser(None, "ada", PASSWORD, transport=httpx2.MockTransport(again))
    with pytest.raises(SignInFailed, match="no end after 15 pages"):
        await browser.authorize(f"{ISSUER}/auth?redirect_uri={REDIRECT}")


@pytest.mark.parametrize("location", ["https://[broken/", "https://login.test:port/"])
async def test_an_unusable_redirect_is_an_error_of_the_sign_in(location: str) -> None:
    async def broken(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"location": location})

    browser = ScriptedBrowser(None, "ada", PASSWORD, transport=httpx2.MockTransport(broken))
    with pytest.raises(SignInFailed):
        await browser.authorize(f"{ISSUER}/auth?redirect_uri={REDIRECT}")


async def test_a_form_that_would_put_the_password_into_the_url_is_not_sent() -> None:
    page = '<form action="/a" method="get"><input name="password" type="password"></form>'

    async def get_form(request: httpx2.Request) -> httpx2.Response:
        assert "password=" not in str(request.url)
        return httpx2.Response(200, text=page)

    browser = ScriptedBrowser(None, "ada", PASSWORD, transport=httpx2.MockTransport(get_form))
    with pytest.raises(SignInFailed, match="into the URL"):
        await browser.authorize(f"{ISSUER}/auth?redirect_uri={REDIRECT}")


async def test_an_authorization_server_that_does_not_answer_is_named() -> None:
    async def silent(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    browser = ScriptedBrowser(None, "ada", PASSWORD, transport=httpx2.MockTransport(silent))
    with pytest.raises(SignInFailed, match=r"https://login\.test did not answer: ConnectError"):
        await browser.authorize(f"{ISSUER}/auth?redirect_uri={REDIRECT}")


async def test_deliver_calls_the_clients_listener_with_the_redirect(world: "World") -> None:
    heard: list[str] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = authorize_url(world, redirect_uri=f"http://127.0.0.1:{port}/callback")
        answer = await world.browser().deliver(url)
    assert heard == [f"GET /callback?{urlsplit(answer.location).query} HTTP/1.1\r\n"]


async def test_deliver_calls_nothing_but_loopback(world: "World") -> None:
    with pytest.raises(SignInFailed, match="no loopback listener"):
        await world.browser().deliver(authorize_url(world, redirect_uri="https://chatgpt.com/callback"))


async def test_a_listener_that_is_gone_is_told_without_the_code(world: "World") -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    with pytest.raises(SignInFailed) as caught:
        await world.browser().deliver(authorize_url(world, redirect_uri=f"http://127.0.0.1:{port}/callback"))
    assert "code=" not in str(caught.value)
    assert f"http://127.0.0.1:{port}" in str(caught.value)


async def test_neither_password_nor_code_is_logged_at_any_level(
    world: "World", caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await world.browser().authorize(authorize_url(world))
    assert answer.code
    assert PASSWORD not in caplog.text
    assert answer.code not in caplog.text
    assert answer.code not in repr(answer)
    logging.getLogger("httpx2").info("after the sign-in")
    assert "after the sign-in" in caplog.text


def test_a_parameter_that_comes_twice_is_dropped() -> None:
    assert CallbackParams.of("http://127.0.0.1/cb?code=a&code=b&state=s").code is None
