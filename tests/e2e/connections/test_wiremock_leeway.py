"""Jira's ten minutes in which an old refresh token still works, as user and operator see them; WireMock in Atlassian's place.

Its scenario remembers what Atlassian would: the pair was replaced although the answer was lost.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from accounts_site import ISSUER, Browser, Site, accounts_site
from proxy_desk import ProxyDesk, proxy_desk
from wiremock import FAULTS, Answer, WireMock, answered
from wiremock_desk import LIFE, TOKEN, dead, granted, kept

from gatelodge.cli.main import main
from gatelodge.connections.errors import NeedsReauth, ProviderUnavailable
from gatelodge.connections.reading import REASONS
from gatelodge.core.secret import Secret
from gatelodge.vault.owner import Owner
from gatelodge.vault.records import Status

INFO = "/rest/api/3/serverInfo"
AT_SITE = f"/ex/jira/c1{INFO}"


@dataclass
class Ada:
    """A user with Jira linked: her browser, and calls for her."""

    desk: ProxyDesk
    site: Site
    browser: Browser
    owner: Owner

    async def works(self) -> bool:
        """Whether a call of Jira's API with her account does."""
        return (await self.desk.send(self.owner, path=INFO)).status == 200

    async def told(self) -> tuple[str, str | None]:
        """What the page of accounts says of Jira, checked against the API of front ends: status, and the reason."""
        page = (await self.browser.open("/workspace/accounts")).text
        found = re.search(r'id="jira">Jira</h2>\s*<span class="status (good|bad)">', page)
        assert found is not None, page
        listed = await self.site.browser("ada").client.get(
            "/workspace/api/connections", headers=self.site.bearer("ada")
        )
        entry = next(one for one in listed.json()["connections"] if one["provider"] == "jira")
        assert entry["status"] == {"good": "active", "bad": "needs_attention"}[found[1]]
        if found[1] == "bad":
            assert REASONS[entry["reason"]] in page
            assert "Link it again to go on." in page
        return found[1], entry["reason"]


@pytest.fixture
async def ada(desk: ProxyDesk) -> AsyncIterator[Ada]:
    """Jira is linked, the access token has ended, and she is signed in at the pages."""
    owner, extra = Owner(ISSUER, "ada", "jira"), {"cloud_id": "c1"}
    pair = {"access_token": Secret("access-0"), "refresh_token": Secret("refresh-0")}
    await desk.vault.store.put(owner, pair, actor="test", expires_at=desk.vault.clock.now(), extra=extra)
    async with accounts_site(desk.vault) as site:
        browser = site.browser("ada")
        await browser.sign_in()
        yield Ada(desk, site, browser, owner)


@pytest.fixture
def operator(
    desk: ProxyDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], Awaitable[tuple[str, str | None]]]:
    """What ``gatelodge vault list`` tells an operator of the one link: status and reason."""
    monkeypatch.setenv("GATELODGE_DATABASE_URL", desk.vault.config.dsn)
    monkeypatch.setenv("GATELODGE_VAULT_KEY", desk.vault.keyring.primary.secret.hex())

    async def listed() -> tuple[str, str | None]:
        capsys.readouterr()
        code = await asyncio.to_thread(main, ["vault", "list", "--json"])
        told = capsys.readouterr()
        assert code == 0, told.err
        (found,) = json.loads(told.out)
        return found["status"], found["reason"]

    return listed


def atlassian(wiremock: WireMock) -> None:
    """A site that answers, and a token endpoint that acts, loses the answer, and takes the old token again."""
    wiremock.will("GET", AT_SITE, answered(200, {"version": "1"}))
    wiremock.stub("POST", TOKEN, FAULTS["nothing"], scenario="atlassian", then="replaced", refresh_token="refresh-0")
    wiremock.stub(
        "POST", TOKEN, granted(1), scenario="atlassian", at="replaced", then="renewed", refresh_token="refresh-0"
    )


@pytest.mark.parametrize(
    "refusal",
    [dead(), dead("unauthorized_client", 403, "refresh_token is invalid")],
    ids=["invalid_grant", "Atlassian's own"],
)
async def test_the_leeway_mends_a_lost_answer_and_a_dead_grant_is_shown_to_user_and_operator(
    ada: Ada,
    wiremock: WireMock,
    refusal: Answer,
    operator: Callable[[], Awaitable[tuple[str, str | None]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gatelodge")
    atlassian(wiremock)
    clock = ada.desk.vault.clock
    with pytest.raises(ProviderUnavailable):
        await ada.works()
    assert await ada.told() == ("good", None), "a lost answer is no reason to bother the user"

    clock.advance(300)
    assert await ada.works()
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0", "refresh-0"], "the old one again, five minutes later"
    assert wiremock.bearers("GET", AT_SITE) == ["access-1"]
    assert await ada.told() == ("good", None)
    assert await operator() == ("active", None)

    clock.advance(LIFE)
    wiremock.stub("POST", TOKEN, refusal, scenario="atlassian", at="renewed")
    for _ in range(3):
        with pytest.raises(NeedsReauth, match="refused"):
            await ada.works()
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0", "refresh-0", "refresh-1"], "asked once, then the user"
    assert await ada.told() == ("bad", "refused")
    assert await operator() == ("needs_reauth", "refused")
    assert "refresh at jira: the account has to be linked again: refused" in caplog.text
    trail = [(found.event.outcome, found.event.rule) for found in await ada.desk.vault.events("connection.refresh")]
    assert trail[-1] == ("failed", "refused")
    assert not re.search(r"(access|refresh)-\d", caplog.text)


async def test_a_lost_answer_that_is_not_made_good_in_time_ends_the_link_with_that_reason(
    ada: Ada, wiremock: WireMock
) -> None:
    atlassian(wiremock)
    with pytest.raises(ProviderUnavailable):
        await ada.works()
    ada.desk.vault.clock.advance(660)
    wiremock.stub("POST", TOKEN, dead(), scenario="atlassian", at="over")
    wiremock.put("atlassian", "over")
    with pytest.raises(NeedsReauth, match="interrupted"):
        await ada.works()
    assert await ada.told() == ("bad", "interrupted")
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0"], "never past the leeway"


async def test_a_lost_answer_is_made_good_while_nobody_asks_and_by_another_process(
    ada: Ada, wiremock: WireMock, operator: Callable[[], Awaitable[tuple[str, str | None]]]
) -> None:
    atlassian(wiremock)
    with pytest.raises(ProviderUnavailable):
        await ada.works()
    ada.desk.vault.clock.advance(45)
    async with proxy_desk(ada.desk.vault, at=wiremock.url) as another:
        assert (await another.tokens.finish()).finished == 1
    ada.desk.vault.clock.advance(1200)
    assert await ada.works()
    assert wiremock.bearers("GET", AT_SITE) == ["access-1"]
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0", "refresh-0"]
    assert await operator() == ("active", None)


@pytest.mark.parametrize(
    ("later", "tried", "mended"),
    [
        (300.0, ["refresh-1", "refresh-0"], True),
        (300.0, ["refresh-1", "refresh-0"], False),
        (580.0, ["refresh-1"], False),
    ],
    ids=["taken", "refused too", "too late"],
)
async def test_a_refused_token_gives_way_to_the_one_before_it_within_the_leeway_and_no_later(
    ada: Ada, wiremock: WireMock, later: float, tried: list[str], mended: bool
) -> None:
    wiremock.will("GET", AT_SITE, answered(200, {"version": "1"}))
    wiremock.stub("POST", TOKEN, granted(1, life=later), scenario="atlassian", then="one", refresh_token="refresh-0")
    wiremock.stub("POST", TOKEN, dead(), scenario="atlassian", at="one", refresh_token="refresh-1")
    second = granted(2) if mended else dead()
    wiremock.stub("POST", TOKEN, second, scenario="atlassian", at="one", refresh_token="refresh-0")
    assert await ada.works()
    ada.desk.vault.clock.advance(later)
    if mended:
        assert await ada.works()
        assert wiremock.bearers("GET", AT_SITE) == ["access-1", "access-2"]
    else:
        with pytest.raises(NeedsReauth, match="refused"):
            await ada.works()
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0", *tried]
    assert await ada.told() == (("good", None) if mended else ("bad", "refused"))
    assert (await kept(ada.desk, ada.owner)).status is (Status.ACTIVE if mended else Status.NEEDS_REAUTH)
