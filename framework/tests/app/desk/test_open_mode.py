"""Mode ``open``: a stranger's host is asked about first, each time, and the answer is good for nothing else (M12)."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx2
import pytest
from desks import BASE, Desk, Desks
from shelf import document

from gatelodge.app.desk.consent import COOKIE, LIFE
from gatelodge.ops.link.pages import parse_page

AUTH = "/realms/mcp/protocol/openid-connect/auth"
NEW = "https://new.example/client.json"
OTHER = "https://other.example/client.json"


@pytest.fixture
async def desk(desks: Desks) -> AsyncIterator[Desk]:
    async with desks.running(client_documents="open") as running:
        running.shelf.put(NEW, document(NEW, client_name="New <b>Thing</b>"))
        running.shelf.put(OTHER, document(OTHER))
        yield running


def asked(client_id: str = NEW, callback: str = "http://127.0.0.1/callback") -> str:
    return f"{AUTH}?{urlencode({'client_id': client_id, 'redirect_uri': callback, 'state': 'a;b'})}"


async def opened(desk: Desk, url: str | None = None) -> dict[str, str]:
    """The fields of the consent page's form; the cookie stays with the client."""
    page = await desk.http.get(url or asked())
    assert page.status_code == 200
    (form,) = parse_page(page.text).forms
    assert (form.action, form.method, form.buttons) == ("/desk/consent", "post", ("answer", "answer"))
    return dict(form.fields)


async def sent(desk: Desk, fields: dict[str, str], *, answer: str = "continue", origin: str = BASE) -> httpx2.Response:
    return await desk.http.post("/desk/consent", data={**fields, "answer": answer}, headers={"origin": origin})


def refused(desk: Desk, response: httpx2.Response) -> bool:
    return response.status_code == 400 and "location" not in response.headers and not desk.realm.clients


async def test_a_strangers_host_is_shown_and_nothing_is_made_before_the_person_agrees(desk: Desk) -> None:
    page = await desk.http.get(asked())
    assert "<bdi>new.example</bdi>" in page.text
    assert "<bdi>New Thing</bdi> (new.example)" in page.text
    assert "http://127.0.0.1" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert desk.realm.clients == {}
    assert all("clients" not in path for _, path in desk.realm.calls)


async def test_who_agrees_goes_on_with_the_same_request(desk: Desk) -> None:
    fields = await opened(desk)
    onward = await sent(desk, fields)
    assert onward.status_code == 200
    target = f"{BASE}{asked()}&gatelodge_client=ready"
    assert f'content="0; url={target.replace("&", "&amp;")}"' in onward.text
    assert NEW in desk.realm.clients
    assert COOKIE not in desk.http.cookies


async def test_who_cancels_changes_nothing(desk: Desk) -> None:
    response = await sent(desk, await opened(desk), answer="cancel")
    assert response.status_code == 200
    assert "http-equiv" not in response.text
    assert desk.realm.clients == {}


async def test_a_host_of_the_list_is_not_asked_about(desk: Desk) -> None:
    good = "https://good.example/c.json"
    desk.shelf.put(good, document(good))
    assert (await desk.http.get(asked(good))).status_code == 302


async def test_each_sign_in_is_asked_about_again(desk: Desk) -> None:
    await sent(desk, await opened(desk))
    assert (await desk.http.get(asked())).status_code == 200


# Confused deputy


async def test_consent_to_one_client_is_none_to_another(desk: Desk) -> None:
    fields = await opened(desk)
    fields["query"] = fields["query"].replace("new.example", "other.example")
    assert refused(desk, await sent(desk, fields))


async def test_a_cookie_of_an_earlier_consent_does_not_help_a_new_client(desk: Desk) -> None:
    await opened(desk)
    old = desk.http.cookies[COOKIE]
    fields = await opened(desk, asked(OTHER))
    desk.http.cookies.clear()
    desk.http.cookies.set(COOKIE, old)
    assert refused(desk, await sent(desk, fields))


async def test_a_redirect_changed_after_the_question_is_refused(desk: Desk) -> None:
    fields = await opened(desk)
    fields["query"] = fields["query"].replace("callback", "elsewhere")
    assert refused(desk, await sent(desk, fields))


async def test_a_document_changed_after_the_question_is_asked_about_again(desk: Desk) -> None:
    fields = await opened(desk)
    desk.shelf.put(NEW, document(NEW, redirect_uris=["https://new.example/other"]))
    desk.clock.advance(LIFE - 1)
    assert refused(desk, await sent(desk, fields))


async def test_a_form_without_its_cookie_is_refused(desk: Desk) -> None:
    fields = await opened(desk)
    desk.http.cookies.clear()
    assert refused(desk, await sent(desk, fields))


async def test_a_form_posted_by_another_site_is_refused(desk: Desk) -> None:
    for origin in ("https://evil.example", "null"):
        assert refused(desk, await sent(desk, await opened(desk), origin=origin))


async def test_a_stale_form_is_refused(desk: Desk) -> None:
    fields = await opened(desk)
    desk.clock.advance(LIFE)
    assert refused(desk, await sent(desk, fields))


async def test_a_form_is_good_once(desk: Desk) -> None:
    fields = await opened(desk)
    cookie = desk.http.cookies[COOKIE]
    assert (await sent(desk, fields)).status_code == 200
    desk.realm.clients.clear()
    desk.http.cookies.set(COOKIE, cookie)
    assert refused(desk, await sent(desk, fields))


@pytest.mark.parametrize("missing", ["query", "ticket"])
async def test_a_form_with_a_part_missing_is_refused(desk: Desk, missing: str) -> None:
    fields = await opened(desk)
    del fields[missing]
    assert refused(desk, await sent(desk, fields))


async def test_in_the_other_modes_a_ticket_opens_nothing(desks: Desks, desk: Desk) -> None:
    fields = await opened(desk)
    cookie = desk.http.cookies[COOKIE]
    for mode in ("allow-list", "off"):
        async with desks.running(client_documents=mode) as strict:
            strict.shelf.put(NEW, document(NEW))
            strict.http.cookies.set(COOKIE, cookie)
            assert refused(strict, await sent(strict, fields))


async def test_a_page_shown_before_a_restart_is_good_after_it(desks: Desks, desk: Desk) -> None:
    fields = await opened(desk)
    cookie = desk.http.cookies[COOKIE]
    async with desks.running(client_documents="open") as again:
        again.shelf.put(NEW, document(NEW, client_name="New <b>Thing</b>"))
        again.http.cookies.set(COOKIE, cookie)
        assert (await sent(again, fields)).status_code == 200
        assert NEW in again.realm.clients
    assert (desks.state / "consent.key").stat().st_mode & 0o777 == 0o600
