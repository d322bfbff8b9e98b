"""The pages themselves: nothing active inside, in no frame, kept by nobody, escaped, and usable by everyone."""

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from accounts_site import ISSUER, Browser, Site
from vaults import canary

from gatelodge.connections.pages import _STYLE, shown
from gatelodge.connections.registry import PROVIDERS
from gatelodge.connections.views import account_view
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Record, Status

ACCOUNTS = "/workspace/accounts"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202egnp.exe\u200b\x00\n{{7*7}}"


class Read(HTMLParser):
    """A page as a tool for people who cannot see it reads it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


async def pages(site: Site) -> dict[str, tuple[str, dict[str, str]]]:
    """Every kind of page, by name: text and headers."""
    stranger, browser = site.browser("alice"), site.browser("alice")
    found = {"signed out": await stranger.open(ACCOUNTS, link="github")}
    await browser.sign_in()
    await site.vault.store.put(
        Owner(ISSUER, "alice", "github"), {"access_token": canary("a")}, actor="user:1", account_name=HOSTILE[:60]
    )
    found["accounts"] = await browser.open(ACCOUNTS, link="coda")
    found["onward"] = await browser.send("jira/link")
    found["token refused"] = await browser.send("coda/token", token="a b")
    found["outcome"] = await browser.back("unknown")
    found["redirect"] = await browser.open(f"{ACCOUNTS}/sign-in")
    return {name: (answer.text, dict(answer.headers)) for name, answer in found.items()}


async def test_every_page_forbids_what_it_does_not_need(site: Site) -> None:
    for name, (_, headers) in (await pages(site)).items():
        policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split("; ")}
        assert policy == {
            "default-src": ["'none'"],
            "style-src": ["'self'"],
            "form-action": ["'self'"],
            "base-uri": ["'none'"],
            "frame-ancestors": ["'none'"],
        }, name
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert headers["cross-origin-opener-policy"] == "same-origin"


async def test_only_pages_with_forms_let_our_own_origin_know_where_one_came_from(site: Site) -> None:
    for name, (text, headers) in (await pages(site)).items():
        if name != "redirect":
            assert headers["referrer-policy"] == ("same-origin" if "<form" in text else "no-referrer"), name


async def test_no_page_has_anything_inline_or_from_elsewhere(site: Site) -> None:
    for name, (text, _) in (await pages(site)).items():
        read = Read(text)
        assert not read.all("script", "style", "iframe", "img", "object", "embed", "base"), name
        for _, attributes in read.tags:
            assert not any(key == "style" or key.startswith("on") for key in attributes), name
        sources = [link["href"] for link in read.all("link")]
        assert all(source is not None and source.startswith(f"{ACCOUNTS}/style.css?") for source in sources)


async def test_the_style_sheet_is_served_by_its_content(site: Site) -> None:
    browser = site.browser("alice")
    link = Read((await browser.open(ACCOUNTS)).text).all("link")[0]["href"]
    style = await browser.open(str(link))
    assert style.status_code == 200
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert style.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in style.headers["cache-control"]
    assert style.text == _STYLE
    assert "url(" not in style.text


async def test_what_providers_and_accounts_are_called_is_text(site: Site) -> None:
    site.issuer.claims = {"preferred_username": "<b>\u200ealice"[:3] + "alice"}
    text = (await pages(site))["accounts"][0]
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "Signed in as <bdi>&lt;b&gt;alice</bdi>" in text
    assert "49" not in text


def test_invisible_and_reordering_characters_are_taken_out() -> None:
    assert shown(HOSTILE, 200) == "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> gnp.exe {{7*7}}"
    assert shown("a" * 100) == "a" * 79 + "…"
    assert shown(None) == ""
    assert shown("\U000e0041x\u2066y") == "x y"


async def test_every_page_can_be_used_without_seeing_it(site: Site) -> None:
    for name, (text, _) in (await pages(site)).items():
        if name == "redirect":
            continue
        read = Read(text)
        assert read.all("html")[0]["lang"] == "en"
        assert len(read.all("h1")) == len(read.all("main")) == 1
        assert re.search(r"<title>[^<]+</title>", text)
        headings = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in itertools.pairwise(headings)), name
        ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        labels = {label["for"] for label in read.all("label")}
        for field in read.all("input"):
            if field["type"] != "hidden":
                assert field["id"] in labels
                assert set(str(field["aria-describedby"]).split()) <= set(ids)
        # The order of the keyboard is that of the page.
        assert not any("tabindex" in attributes for _, attributes in read.tags)
        buttons = re.findall(r"<button[^>]*>([^<]+)</button>", text)
        assert len(buttons) == len(set(buttons)), f"{name}: two buttons of one name"


async def test_a_wrong_token_is_announced_beside_its_field(site: Site) -> None:
    text = (await pages(site))["token refused"][0]
    field = next(one for one in Read(text).all("input") if one["type"] == "password")
    assert field["aria-invalid"] == "true"
    assert "coda-error" in str(field["aria-describedby"]).split()
    assert field.get("value") is None
    assert field["autocomplete"] == "off"
    assert 'id="coda-error" role="alert"' in text


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_stands_out_from_what_is_behind_it(scheme: int) -> None:
    found = re.findall(r":root \{([^}]*)\}", _STYLE)[scheme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", found))
    pairs = [(text, behind) for text in ("ink", "quiet", "accent", "good", "bad") for behind in ("paper", "soft")]
    for text, behind in [*pairs, ("on-accent", "accent")]:
        # WCAG 2.2, 1.4.3: 4.5 to 1.
        assert _contrast(colours[text], colours[behind]) >= 4.5, (text, behind)


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


async def test_a_message_is_shown_only_when_it_is_so(site: Site) -> None:
    browser: Browser = site.browser("alice")
    await browser.sign_in()
    for query in ("done=linked&provider=github", "done=x&provider=github", "done=linked&provider=x", "done=unlinked"):
        assert "role" not in (await browser.open(f"{ACCOUNTS}?{query}")).text, query
    assert 'role="status"' in (await browser.open(f"{ACCOUNTS}?done=unlinked&provider=github")).text


def test_each_state_of_a_link_says_what_to_do() -> None:
    jira, now = PROVIDERS["jira"], 1_700_000_000.0
    record = Record("1", Owner(ISSUER, "a", "jira"), Status.ACTIVE, created_at=now, account_id="id")
    fresh = account_view(jira, record, now)
    assert (fresh.tone, fresh.status, fresh.as_name, fresh.since) == ("good", "Linked", "id", "14 November 2023")
    assert fresh.lines == ()
    assert fresh.disconnect_at == "https://id.atlassian.com/manage-profile/apps"
    soon = account_view(jira, replace(record, absolute_expires_at=now + 86_400), now)
    assert soon.lines == ("Jira ends this link on 15 November 2023. Link it again before then.",)
    for reason in ("refused", "interrupted", "ended", "not a reason of ours", None):
        dead = account_view(jira, replace(record, status=Status.NEEDS_REAUTH, reason=reason), now)
        assert (dead.tone, dead.status) == ("bad", "Needs attention")
        assert dead.lines[0].endswith("Link it again to go on.")
    broken = account_view(jira, replace(record, quarantined_at=now), now)
    assert (broken.tone, broken.lines[0]) == ("bad", "What is stored of it cannot be read any more. Link it again.")
    assert account_view(jira, None, now).linked is False


async def test_a_database_that_is_away_ends_on_a_page(site: Site) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    await site.vault.sql("ALTER TABLE web_sessions RENAME TO gone")
    answer = await browser.open(ACCOUNTS)
    assert answer.status_code == 500
    assert "web_sessions" not in answer.text
    assert "The database could not be used." in answer.text
