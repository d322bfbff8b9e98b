"""Linking in a browser: the right user, browser, provider and moment, and nothing bound to anybody else."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
from accounts_site import ISSUER, ORIGIN, PUBLIC, RETURN, Site, accounts_site
from vaults import Vault

from gatelodge.connections.registry import PROVIDERS
from gatelodge.vault.owner import Owner

ACCOUNTS, API = "/workspace/accounts", "/workspace/api"


async def test_a_user_links_and_unlinks_an_account_with_the_pages(site: Site) -> None:
    browser = site.browser("alice")
    assert "Sign in to see" in (await browser.open(ACCOUNTS)).text
    await browser.sign_in()
    asked = await browser.to_provider()
    assert asked["redirect_uri"] == f"{ORIGIN}{API}/auth/github/callback"
    done = await browser.back(asked["state"])
    assert (done.status_code, done.headers["location"]) == (303, f"{ACCOUNTS}?done=linked&provider=github")
    page = (await browser.open(done.headers["location"])).text
    assert "GitHub is linked now." in page
    assert "<bdi>octocat</bdi>" in page
    exchange = next(asked for asked in site.provider.asked if "access_token" in asked.url).fields
    assert exchange["redirect_uri"] == asked["redirect_uri"]
    digest = sha256(exchange["code_verifier"].encode()).digest()
    assert urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    assert asked["code_challenge_method"] == "S256"
    assert await site.vault.store.look(Owner(ISSUER, "alice", "github")) is not None
    for status in (204, 404):
        site.provider.will("/applications/our:client/token", (status, b""))
        gone = await browser.send("github/unlink")
        assert gone.status_code == 303
        said = (await browser.open(gone.headers["location"])).text
        assert "GitHub is not linked any more." in said
        assert ('href="https://github.com/settings/applications"' in said) is (status == 404)
        assert not await site.linked("alice")
        await browser.back((await browser.to_provider())["state"])


async def test_a_provider_without_pkce_gets_no_challenge_and_no_verifier(site: Site) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    site.provider.will("/v1/oauth/token", (200, {"access_token": "t", "bot_id": "b"}))
    asked = await browser.to_provider("notion")
    assert "code_challenge" not in asked
    assert (await browser.back(asked["state"], "notion")).status_code == 303
    assert "code_verifier" not in site.provider.asked[0].fields


async def test_a_link_that_an_attacker_forwards_links_nobodys_account(site: Site) -> None:
    victim, attacker = site.browser("victim"), site.browser("mallory")
    await victim.sign_in()
    await attacker.sign_in()
    # The victim consents at the provider for a flow that the attacker began.
    state = (await attacker.to_provider())["state"]
    refused = await victim.back(state)
    assert refused.status_code == 400
    assert "not under way here" in refused.text
    # The attacker consents, and the victim is made to open the way back.
    state = (await victim.to_provider())["state"]
    assert (await attacker.back(state)).status_code == 400
    assert not await site.linked("victim")
    assert not await site.linked("mallory")
    assert site.provider.asked == []


async def test_a_link_begun_with_a_token_and_forwarded_links_nobodys_account(site: Site) -> None:
    victim, attacker = site.browser("victim"), site.browser("mallory")
    begun = await attacker.client.get(f"{API}/auth/github/url", headers=site.bearer("mallory"))
    state = parse_qs(urlsplit(begun.json()["authorization_url"]).query)["state"][0]
    # Not signed in yet: the victim's browser shows first who it is.
    to_sign_in = await victim.back(state)
    assert to_sign_in.headers["location"].startswith(f"{ISSUER}/protocol/openid-connect/auth?")
    back = await victim.finish_sign_in(to_sign_in)
    assert back.headers["location"].startswith(f"{API}/auth/github/callback?")
    assert (await victim.open(back.headers["location"])).status_code == 400
    assert not await site.linked("victim")
    assert not await site.linked("mallory")
    assert site.provider.asked == []


async def test_a_link_begun_with_a_token_ends_for_its_user_at_the_front_end(site: Site) -> None:
    browser = site.browser("alice")
    begun = await browser.client.get(
        f"{API}/auth/github/url", params={"return_to": RETURN}, headers=site.bearer("alice")
    )
    state = parse_qs(urlsplit(begun.json()["authorization_url"]).query)["state"][0]
    signed_in = await browser.finish_sign_in(await browser.back(state))
    done = await browser.open(signed_in.headers["location"])
    assert (done.status_code, done.headers["location"]) == (303, RETURN)
    assert await site.linked("alice")


async def test_a_browser_that_keeps_no_cookies_does_not_go_round_for_ever(site: Site) -> None:
    browser = site.browser("alice")
    answer = await browser.open(f"{API}/auth/github/callback", state="s", code="c", signed_in="1")
    assert answer.status_code == 401


async def test_an_answer_too_long_for_a_cookie_is_refused_in_words(site: Site) -> None:
    answer = await site.browser("alice").open(f"{API}/auth/github/callback", state="s", code="c" * 4000)
    assert answer.status_code == 400


@pytest.mark.parametrize("case", ["replayed", "over", "other browser", "other provider", "unknown", "missing", "twice"])
async def test_a_state_that_is_not_this_browsers_own_is_refused(site: Site, case: str) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    state = (await browser.to_provider())["state"]
    where = "github"
    if case == "replayed":
        assert (await browser.back(state)).status_code == 303
        await browser.send("github/unlink")
    elif case == "over":
        site.vault.clock.advance(600)
    elif case == "other browser":
        browser = site.browser("alice")
        await browser.sign_in()
    elif case == "other provider":
        where = "slack"
    site.provider.asked.clear()
    if case == "twice":
        answer = await browser.open(f"{API}/auth/github/callback?state={state}&state={state}&code=good")
    else:
        sent = {"unknown": "unknown", "missing": ""}.get(case, state)
        answer = await browser.back(sent, where)
    assert answer.status_code == 400
    assert site.provider.asked == []
    assert not await site.linked("alice", where)


@pytest.mark.parametrize(
    ("iss", "status"),
    [
        ("https://github.com/login/oauth", 303),
        (None, 400),
        ("https://evil.example", 400),
        ("https://github.com", 400),
        ("https://github.com/login/oauth/", 400),
    ],
)
async def test_iss_is_checked_where_a_provider_sends_one(vault: Vault, iss: str | None, status: int) -> None:
    known = {"github": replace(PROVIDERS["github"], sends_iss=True)}
    async with accounts_site(vault, providers=("github",), known=known) as site:
        browser = site.browser("alice")
        await browser.sign_in()
        state = (await browser.to_provider())["state"]
        answer = await browser.back(state, code="good", **({} if iss is None else {"iss": iss}))
        assert answer.status_code == status
        assert await site.linked("alice") is (status == 303)


@pytest.mark.parametrize(
    ("name", "iss", "linked"),
    [
        ("github", "iss=https://github.com/login/oauth", True),
        ("github", "iss=https://evil.example", False),
        ("github", "iss=", False),
        ("github", "iss=https://github.com/login/oauth&iss=https://github.com/login/oauth", False),
        ("jira", "iss=https://auth.atlassian.com", True),
        ("jira", "iss=https://github.com/login/oauth", False),
    ],
)
async def test_an_issuer_that_nobody_asked_for_has_to_be_the_providers_own(
    site: Site, name: str, iss: str, linked: bool
) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    site.provider.will("/oauth/token", (200, {"access_token": "t"}))
    state = (await browser.to_provider(name))["state"]
    answer = await browser.open(f"{API}/auth/{name}/callback?code=good&state={state}&{iss}")
    assert answer.status_code == (303 if linked else 400)
    assert await site.linked("alice", name) is linked


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"error": "access_denied", "error_description": "<script>alert(1)</script>"}, "You did not agree at GitHub"),
        ({"error": "<img src=x onerror=alert(1)>", "code": "good"}, "GitHub sent you back without a permission"),
        ({"error": "call +1 555 0100 now"}, "GitHub sent you back without a permission"),
        ({"code": ""}, "GitHub sent you back without a permission"),
    ],
)
async def test_what_a_provider_writes_into_its_answer_is_not_shown(
    site: Site, answer: dict[str, str], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    shown = await browser.back((await browser.to_provider())["state"], **answer)
    assert shown.status_code == 400
    assert text in shown.text
    for hostile in ("<script", "<img", "alert", "555"):
        assert hostile not in shown.text
    assert "<" not in caplog.text
    assert site.provider.asked == []


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ((200, {"error": "bad_verification_code", "error_description": "<b>x"}), 502, "provider refused"),
        ((200, {"error": "incorrect_client_credentials"}), 500, "not configured correctly"),
        ((503, b"<script>"), 502, "does not answer as it should"),
        ((429, {}), 429, "takes no more requests"),
    ],
)
async def test_a_code_that_gives_no_tokens_ends_on_a_page_that_says_why(
    site: Site, answer: tuple[int, object], status: int, text: str
) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    site.provider.will("/login/oauth/access_token", answer)
    shown = await browser.back((await browser.to_provider())["state"])
    assert shown.status_code == status
    assert "GitHub is not linked" in shown.text
    assert text in shown.text
    assert "<b>" not in shown.text
    assert "canary" not in shown.text
    assert not await site.linked("alice")


async def test_linking_again_replaces_and_looking_with_link_binds_nothing(site: Site) -> None:
    browser = site.browser("alice")
    opened = await browser.open(ACCOUNTS, link="github")
    assert "A tool needs your GitHub account" in opened.text
    assert f'href="{ACCOUNTS}/sign-in?link=github"' in opened.text
    back = await browser.sign_in(f"{ACCOUNTS}/sign-in?link=github")
    assert back.headers["location"] == f"{ACCOUNTS}?link=github"
    assert "Link it only if" in (await browser.open(back.headers["location"])).text
    assert not await site.linked("alice")
    assert site.parts.place.link_url("github") == f"{ORIGIN}{ACCOUNTS}?link=github"
    for _ in range(2):
        assert (await browser.back((await browser.to_provider())["state"])).status_code == 303
    record = await site.vault.store.look(Owner(ISSUER, "alice", "github"))
    assert record is not None
    assert record.version > 2


@pytest.mark.parametrize("path", ["nothing/link", "coda/link", "nothing/unlink", "github/token", "nothing/token"])
async def test_a_form_for_a_provider_that_is_not_there_says_so(site: Site, path: str) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    assert (await browser.send(path)).status_code == 404


async def test_a_way_back_from_a_provider_that_is_not_there_says_so(site: Site) -> None:
    for name in ("nothing", "coda"):
        assert (await site.browser("alice").open(f"{API}/auth/{name}/callback", state="s")).status_code == 404


async def test_a_coda_token_is_checked_kept_and_never_shown(site: Site) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    site.provider.will("/apis/v1/whoami", (401, {}), (200, {"loginId": "a@example.com", "name": "Alice <i>"}))
    wrong = await browser.send("coda/token", token="canary-wrong-token")
    assert wrong.status_code == 400
    assert "Coda does not accept this token. Nothing was saved" in wrong.text
    assert "canary" not in wrong.text
    assert 'aria-invalid="true"' in wrong.text
    assert not await site.linked("alice", "coda")
    right = await browser.send("coda/token", token="  canary-right-token\n")
    assert right.status_code == 303
    assert site.provider.asked[-1].headers["authorization"] == "Bearer canary-right-token"
    page = (await browser.open(right.headers["location"])).text
    assert "Coda is linked now." in page
    assert "Alice &lt;i&gt;" in page
    assert "canary" not in page
    assert 'autocomplete="off"' in page


@pytest.mark.parametrize(
    ("answer", "text"),
    [((503, {}), "does not answer"), ((429, {}), "takes no more requests"), ((200, {}), "not accept")],
)
async def test_a_token_that_cannot_be_checked_is_not_kept(site: Site, answer: tuple[int, object], text: str) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    site.provider.will("/apis/v1/whoami", answer)
    shown = await browser.send("coda/token", token="token")
    assert shown.status_code == 400
    assert text in shown.text
    assert not await site.linked("alice", "coda")


@pytest.mark.parametrize("given", ["", "two words", "line\r\nbreak", "täglich", "x" * 501])
async def test_what_cannot_be_a_token_goes_nowhere(site: Site, given: str) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    shown = await browser.send("coda/token", token=given)
    assert shown.status_code == 400
    assert "This is no API token" in shown.text
    assert site.provider.asked == []


async def test_a_server_at_the_root_has_its_pages_at_the_root(vault: Vault) -> None:
    async with accounts_site(vault, public_url=PUBLIC.replace("/workspace", "")) as site:
        place = site.parts.place
        assert (place.base, place.accounts) == ("", "/accounts")
        assert place.callback("github") == f"{ORIGIN}/api/auth/github/callback"
        assert place.cookie("session") == "__Host-gatelodge-session"
        answer = await site.browser("alice").open("/accounts")
        assert answer.status_code == 200
