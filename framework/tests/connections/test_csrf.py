"""Every change needs our own page: another origin, a missing token and a page of another site change nothing."""

from typing import Any

import pytest
from accounts_site import FRONT_END, ISSUER, ORIGIN, RETURN, Site
from vaults import canary

from gatelodge.vault.owner import Owner

ACCOUNTS, API = "/workspace/accounts", "/workspace/api"
OWN: dict[str, str] = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
CHANGES = ["github/link", "github/unlink", "coda/token", "sign-out"]
FOREIGN: list[dict[str, str]] = [
    {},
    {"origin": "null"},
    {"origin": "https://evil.example"},
    {"origin": f"{ORIGIN}.evil.example"},
    {"origin": f"{ORIGIN}:444"},
    {"origin": "http://us.example"},
    {"origin": FRONT_END},
    {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
    {"origin": ORIGIN, "sec-fetch-site": "same-site"},
    {"origin": ORIGIN, "sec-fetch-site": "none"},
]
RETURNS = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https://app.example@evil.example/settings",
    "https://app.example.evil.example/settings",
    "https://evil.example/https://app.example/settings",
    "https://evil.example/?https://app.example/settings",
    "https://evil.example#https://app.example/settings",
    "data:text/html,x",
    "javascript:alert(1)",
    "https:app.example/settings",
    "HTTPS://APP.EXAMPLE/settings",
    f"{RETURN}/",
    f"{RETURN}?x=1",
    f"{RETURN}#x",
    f"{RETURN}/../x",
    f" {RETURN}",
    f"{RETURN}\n",
    f"{RETURN}%00",
    "",
    "/",
]


async def with_account(site: Site) -> Any:
    browser = site.browser("alice")
    await browser.sign_in()
    await site.vault.store.put(
        Owner(ISSUER, "alice", "github"), {"access_token": canary("a")}, actor="user:1", account_id="7"
    )
    return browser


@pytest.mark.parametrize("path", CHANGES)
async def test_a_page_of_another_origin_changes_nothing(site: Site, path: str) -> None:
    browser = await with_account(site)
    data = {"csrf": await browser.csrf(), "token": "t"}
    for headers in FOREIGN:
        answer = await browser.client.post(f"{ACCOUNTS}/{path}", data=data, headers=headers)
        assert answer.status_code == 403, headers
    assert await site.linked("alice")
    assert "Signed in as" in (await browser.open(ACCOUNTS)).text
    assert site.provider.asked == []


@pytest.mark.parametrize("path", CHANGES)
async def test_a_form_without_this_sessions_token_changes_nothing(site: Site, path: str) -> None:
    browser, other = await with_account(site), site.browser("mallory")
    await other.sign_in()
    for token in (None, "", "wrong", await other.csrf(), "tökén"):
        data = {"token": "t"} | ({} if token is None else {"csrf": token})
        answer = await browser.client.post(f"{ACCOUNTS}/{path}", data=data, headers=OWN)
        assert answer.status_code == 403, token
    assert await site.linked("alice")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"csrf": "TOKEN"}', "application/json"),
        (b"csrf=TOKEN", "text/plain"),
        (b"csrf=TOKEN&csrf=TOKEN", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(20)) + b"&csrf=TOKEN", "application/x-www-form-urlencoded"),
        (b"csrf=TOKEN&x=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_only_a_form_of_ours_is_read(site: Site, content: bytes, kind: str) -> None:
    browser = await with_account(site)
    sent = content.replace(b"TOKEN", (await browser.csrf()).encode())
    headers = {**OWN, "content-type": kind}
    assert (await browser.client.post(f"{ACCOUNTS}/github/unlink", content=sent, headers=headers)).status_code == 403
    assert await site.linked("alice")


@pytest.mark.parametrize("path", CHANGES)
async def test_a_change_without_a_session_is_refused(site: Site, path: str) -> None:
    answer = await site.browser("alice").client.post(f"{ACCOUNTS}/{path}", data={"csrf": ""}, headers=OWN)
    assert answer.status_code == 401


async def test_a_visit_changes_nothing(site: Site) -> None:
    browser = await with_account(site)
    for path in (*CHANGES, "callback"):
        answer = await browser.open(f"{ACCOUNTS}/{path}")
        assert answer.status_code in (400, 405), path
    assert await site.linked("alice")
    assert "Signed in as" in (await browser.open(ACCOUNTS)).text


async def test_a_session_may_use_the_api_from_our_own_page_with_its_token(site: Site) -> None:
    browser = await with_account(site)
    listed = await browser.client.get(f"{API}/connections", headers={"sec-fetch-site": "same-origin"})
    assert {one["provider"]: one["status"] for one in listed.json()["connections"]}["github"] == "active"
    given = listed.json()["csrf"]
    gone = f"{API}/connections/github"
    assert (await browser.client.delete(gone, headers=OWN)).status_code == 403
    assert (await browser.client.delete(gone, headers={given["header"]: given["token"]})).status_code == 403
    done = await browser.client.delete(gone, headers={**OWN, given["header"]: given["token"]})
    assert done.status_code == 204
    assert not await site.linked("alice")
    again = await browser.client.delete(gone, headers={**OWN, given["header"]: given["token"]})
    assert again.status_code == 404


async def test_another_origin_reads_nothing_with_a_session(site: Site) -> None:
    browser = await with_account(site)
    for name, value in (
        ("origin", FRONT_END),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ):
        for path in ("connections", "auth/github/url"):
            answer = await browser.client.get(f"{API}/{path}", headers={name: value})
            assert answer.status_code == 403, value
            assert "access-control-allow-credentials" not in answer.headers


async def test_the_browser_returns_to_an_address_of_the_list_only(site: Site) -> None:
    browser, bearer = site.browser("alice"), site.bearer("alice")
    for return_to in RETURNS:
        answer = await browser.client.get(f"{API}/auth/github/url", params={"return_to": return_to}, headers=bearer)
        assert answer.status_code == 400, return_to
        assert answer.json()["error"] == "return_refused"
        # Nor does the page follow an address of its own query.
        shown = await browser.open(f"{ACCOUNTS}/sign-in", return_to=return_to, link=return_to or "x")
        back = await browser.finish_sign_in(shown)
        assert back.headers["location"] == ACCOUNTS, return_to
