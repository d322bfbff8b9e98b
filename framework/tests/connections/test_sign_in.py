"""The browser's sign-in: bound to the browser, checked to the last claim, under a new session id."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest
from accounts_site import ISSUER, ORIGIN, PUBLIC, WEB_SECRET, Browser, Site, accounts_site
from vaults import Vault

from gatelodge.testing.tokens import make_key

ACCOUNTS = "/workspace/accounts"


def cookies(browser: Browser) -> dict[str, str]:
    return {name: str(value) for name, value in browser.client.cookies.items()}


async def test_a_browser_signs_in_with_code_pkce_state_and_nonce(site: Site) -> None:
    browser = site.browser("alice")
    begun = await browser.open(f"{ACCOUNTS}/sign-in")
    target = urlsplit(begun.headers["location"])
    asked = {name: values[0] for name, values in parse_qs(target.query).items()}
    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{ISSUER}/protocol/openid-connect/auth"
    assert asked["redirect_uri"] == f"{ORIGIN}{ACCOUNTS}/callback"
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", "gatelodge-web", "openid")
    assert asked["code_challenge_method"] == "S256"
    done = await browser.finish_sign_in(begun)
    assert (done.status_code, done.headers["location"]) == (303, ACCOUNTS)
    header, form = site.issuer.asked[0]
    verifier = form["code_verifier"][0]
    assert urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode() == asked["code_challenge"]
    assert form["redirect_uri"] == [asked["redirect_uri"]]
    assert unquote_plus(b64decode(header.removeprefix("Basic ")).decode()) == f"gatelodge-web:{WEB_SECRET}"
    assert "Signed in as <bdi>alice</bdi>" in (await browser.open(ACCOUNTS)).text
    assert [event.event.kind for event in await site.vault.events("session.open")] == ["session.open"]


async def test_cookies_are_host_bound_unreadable_and_lax(site: Site) -> None:
    browser = site.browser("alice")
    begun = await browser.open(f"{ACCOUNTS}/sign-in")
    done = await browser.finish_sign_in(begun)
    set_cookies = [*begun.headers.get_list("set-cookie"), *done.headers.get_list("set-cookie")]
    kept = [cookie for cookie in set_cookies if "Max-Age=0" not in cookie]
    assert [cookie.partition("=")[0] for cookie in kept] == [
        "__Host-gatelodge-sign-in-workspace",
        "__Host-gatelodge-session-workspace",
    ]
    for cookie in kept:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "secure", "path=/", "samesite=lax"} <= attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)
    assert list(cookies(browser)) == ["__Host-gatelodge-session-workspace"]
    for secret in ("alice", "canary", "verifier"):
        assert all(secret not in cookie for cookie in kept)


async def test_a_planted_session_id_is_worth_nothing_after_a_sign_in(site: Site) -> None:
    browser, name = site.browser("alice"), "__Host-gatelodge-session-workspace"
    browser.client.cookies.set(name, "planted", domain="us.example")
    begun = await browser.open(f"{ACCOUNTS}/sign-in")
    await browser.finish_sign_in(begun)
    attacker = site.browser("mallory")
    attacker.client.cookies.set(name, "planted", domain="us.example")
    assert "Sign in to see" in (await attacker.open(ACCOUNTS)).text
    # Neither is the id of an earlier session of this browser.
    fresh = site.browser("alice")
    await fresh.sign_in()
    first = cookies(fresh)[name]
    await fresh.sign_in()
    assert cookies(fresh)[name] != first
    attacker.client.cookies.set(name, first, domain="us.example")
    assert "Sign in to see" in (await attacker.open(ACCOUNTS)).text


@pytest.mark.parametrize(
    ("claims", "header", "why"),
    [
        ({"nonce": "another"}, {}, "nonce"),
        ({"nonce": None}, {}, "nonce"),
        ({"aud": "another-client"}, {}, "aud"),
        ({"aud": ["gatelodge-web", "another"]}, {}, "aud"),
        ({"aud": PUBLIC}, {}, "aud"),
        ({"azp": "another"}, {}, "azp"),
        ({"iss": "https://as.example/realms/other"}, {}, "iss"),
        ({"iss": None}, {}, "iss"),
        ({"typ": "Bearer"}, {}, "typ"),
        ({"exp": 1_600_000_000}, {}, "exp"),
        ({"exp": True}, {}, "exp"),
        ({"iat": 1_600_000_000}, {}, "iat"),
        ({"sub": None}, {}, "sub"),
        ({"sub": "two\nlines"}, {}, "sub"),
        ({}, {"alg": "none"}, "alg"),
        ({}, {"alg": "HS256"}, "alg"),
        ({}, {"kid": "unknown"}, "no such key"),
        ({}, {"jwk": {}}, "header member"),
        ({}, {"typ": "at+jwt"}, "typ"),
    ],
)
async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(
    site: Site, claims: dict[str, Any], header: dict[str, Any], why: str
) -> None:
    browser = site.browser("alice")
    site.issuer.claims, site.issuer.header = claims, header
    done = await browser.sign_in()
    assert done.status_code == 400
    assert "You are not signed in" in done.text
    assert cookies(browser) == {}
    refused = (await site.vault.events("session.open"))[0].event
    assert refused.outcome == "refused"
    assert why in str(refused.subject["why"])


async def test_a_stranger_at_the_callback_makes_one_event_by_address(site: Site) -> None:
    browser = site.browser("alice")
    for number in range(20):
        assert (await browser.open(f"{ACCOUNTS}/callback?state=x&code={number}")).status_code == 400
    site.parts.recorder.settle()
    first, others = (found.event for found in await site.vault.events("session.open"))
    assert (first.outcome, first.rule) == ("refused", "sign_in_refused")
    assert first.actor == others.actor == site.parts.stranger({"client": ("127.0.0.1", 1)})
    assert others.subject["more"] == 19


async def test_an_id_token_signed_by_another_key_or_changed_is_refused(site: Site) -> None:
    assert (await site.browser("alice").sign_in()).status_code == 303
    changes: list[Callable[[str], str]] = [
        lambda token: token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB"),
        lambda token: token.replace(".", "", 1),
        lambda token: ".".join([*token.split(".")[:2], ""]),
        lambda _: "no token",
    ]
    for site.issuer.change in changes:
        assert (await site.browser("alice").sign_in()).status_code == 400
    site.issuer.change, site.issuer.key = str, make_key("RS256")
    assert (await site.browser("alice").sign_in()).status_code == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "another"},
        {"state": ""},
        {"iss": "https://evil.example"},
        {"code": ""},
        {"code": "unknown"},
        {"error": "access_denied"},
    ],
)
async def test_an_answer_that_does_not_fit_signs_nobody_in(site: Site, changed: dict[str, str]) -> None:
    browser = site.browser("alice")
    begun = await browser.open(f"{ACCOUNTS}/sign-in")
    back = site.issuer.approve(begun.headers["location"], "alice", **changed)
    done = await browser.open(f"{ACCOUNTS}/callback", **back)
    assert done.status_code == 400
    assert cookies(browser) == {}


async def test_an_answer_without_iss_counts_only_where_the_issuer_sends_none(site: Site) -> None:
    browser = site.browser("alice")
    begun = await browser.open(f"{ACCOUNTS}/sign-in")
    back = site.issuer.approve(begun.headers["location"], "alice")
    del back["iss"]
    assert (await browser.open(f"{ACCOUNTS}/callback", **back)).status_code == 400


async def test_a_sign_in_ends_only_in_the_browser_that_began_it_and_once(site: Site) -> None:
    victim, attacker = site.browser("victim"), site.browser("mallory")
    begun = await attacker.open(f"{ACCOUNTS}/sign-in")
    back = site.issuer.approve(begun.headers["location"], "mallory")
    # Login CSRF: without the attacker's cookie, and with one of the victim's own sign-in.
    assert (await victim.open(f"{ACCOUNTS}/callback", **back)).status_code == 400
    await victim.open(f"{ACCOUNTS}/sign-in")
    assert (await victim.open(f"{ACCOUNTS}/callback", **back)).status_code == 400
    assert cookies(victim) == {}
    assert (await attacker.open(f"{ACCOUNTS}/callback", **back)).status_code == 303
    assert (await attacker.open(f"{ACCOUNTS}/callback", **back)).status_code == 400


async def test_a_sign_in_begun_too_long_ago_is_refused(site: Site) -> None:
    browser = site.browser("alice")
    begun = await browser.open(f"{ACCOUNTS}/sign-in")
    site.vault.clock.advance(600)
    assert (await browser.finish_sign_in(begun)).status_code == 400


async def test_a_session_over_its_time_ends_in_a_sign_in(site: Site) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    csrf = await browser.csrf()
    site.vault.clock.advance(site.parts.sessions.ttl)
    assert "Sign in to see" in (await browser.open(ACCOUNTS)).text
    late = await browser.client.post(f"{ACCOUNTS}/github/unlink", data={"csrf": csrf}, headers={"origin": ORIGIN})
    assert late.status_code == 401
    assert await site.parts.sweep() == 1


async def test_a_sign_out_ends_the_session_here_and_at_the_issuer(site: Site) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    name, value = next(iter(cookies(browser).items()))
    done = await browser.send("sign-out")
    assert done.status_code == 200
    target = f"{ISSUER}/protocol/openid-connect/logout?id_token_hint="
    assert target in done.text
    assert "post_logout_redirect_uri=https%3A%2F%2Fus.example%2Fworkspace%2Faccounts" in done.text
    assert cookies(browser) == {}
    browser.client.cookies.set(name, value, domain="us.example")
    assert "Sign in to see" in (await browser.open(ACCOUNTS)).text
    assert [event.event.kind for event in await site.vault.events("session.close")] == ["session.close"]


@pytest.mark.parametrize("kept", [{}, {"end_session_endpoint": "https://evil.example/logout"}])
async def test_a_sign_out_works_without_one_at_the_issuer(site: Site, kept: dict[str, str]) -> None:
    metadata = site.issuer.metadata
    assert isinstance(metadata, dict)
    del metadata["end_session_endpoint"]
    metadata.update(kept)
    browser = site.browser("alice")
    await browser.sign_in()
    done = await browser.send("sign-out")
    assert done.status_code == 200
    assert "evil" not in done.text
    assert cookies(browser) == {}


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
async def test_an_endpoint_on_another_host_gets_neither_person_nor_secret(site: Site, name: str) -> None:
    metadata = site.issuer.metadata
    assert isinstance(metadata, dict)
    metadata[name] = "https://evil.example/x"
    browser = site.browser("alice")
    begun = await browser.open(f"{ACCOUNTS}/sign-in")
    if name == "token_endpoint":
        begun = await browser.finish_sign_in(begun)
    assert begun.status_code == 400
    assert "evil" not in begun.headers.get("location", "")
    assert site.provider.asked == []


async def test_an_issuer_that_is_away_is_told_as_that(site: Site) -> None:
    site.issuer.status = 503
    answer = await site.browser("alice").open(f"{ACCOUNTS}/sign-in")
    assert answer.status_code == 503
    assert "The authorization server does not answer." in answer.text


async def test_keys_that_cannot_be_had_at_the_end_of_a_sign_in_are_told_as_that(site: Site) -> None:
    browser = site.browser("alice")
    begun = await browser.open(f"{ACCOUNTS}/sign-in")
    site.issuer.status = 503
    answer = await browser.finish_sign_in(begun)
    assert answer.status_code == 503
    assert cookies(browser).keys() == {"__Host-gatelodge-sign-in-workspace"}


async def test_the_code_is_exchanged_on_the_internal_way_and_people_take_the_public_one(vault: Vault) -> None:
    internal = "http://keycloak.internal:8080/realms/mcp"
    async with accounts_site(vault, internal_url=internal) as site:
        browser = site.browser("alice")
        begun = await browser.open(f"{ACCOUNTS}/sign-in")
        assert begun.headers["location"].startswith(f"{ISSUER}/")
        assert (await browser.finish_sign_in(begun)).status_code == 303
    assert site.issuer.hosts == {"keycloak.internal:8080"}


async def test_without_a_client_secret_the_page_says_what_is_missing(site: Site) -> None:
    object.__setattr__(site.parts, "sign_in", None)
    browser = site.browser("alice")
    assert "GATELODGE_WEB_CLIENT_SECRET" in (await browser.open(ACCOUNTS)).text
    for path in ("sign-in", "callback"):
        assert (await browser.open(f"{ACCOUNTS}/{path}")).status_code == 400
