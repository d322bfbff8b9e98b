"""How often one person begins a link and comes back, and the address as a wide backstop."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest
from accounts_site import Site, accounts_site
from starlette.applications import Starlette
from vaults import Vault

from gatelodge.app.throttling import AtOnce, RouteLimits, Throttling
from gatelodge.connections.limits import LinkLimits
from gatelodge.connections.routes import connection_routes
from gatelodge.ratelimit.config import LimitsConfig
from gatelodge.ratelimit.limit import Limits
from gatelodge.ratelimit.rate import Rate

URL = "/workspace/api/auth/github/url"
BACK = "/workspace/api/auth/github/callback"


def limited(site: Site, links: int, addresses: int) -> httpx2.AsyncClient:
    config = LimitsConfig(links=Rate(links), links_by_address=Rate(addresses), trusted_proxies=frozenset({"127.0.0.1"}))
    parts = replace(site.parts, limits=LinkLimits.of(config, Limits(site.vault.clock)))
    app = Starlette(routes=connection_routes(parts, site.vault.clock))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://us.example")


@pytest.fixture
async def site(vault: Vault) -> AsyncIterator[Site]:
    async with accounts_site(vault) as made:
        yield made


async def test_a_person_begins_so_many_links_a_minute_and_another_person_of_the_address_as_many(site: Site) -> None:
    async with limited(site, links=3, addresses=100) as http:
        alice = [await http.get(URL, headers=site.bearer("alice")) for _ in range(5)]
        assert [answer.status_code for answer in alice] == [200, 200, 200, 429, 429]
        refused = alice[-1]
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("limit_reached", "60")
        assert refused.headers["ratelimit-policy"] == '"links";q=3;w=60'
        assert (await http.get(URL, headers=site.bearer("bob"))).status_code == 200
        site.vault.clock.advance(60)
        assert (await http.get(URL, headers=site.bearer("alice"))).status_code == 200


async def test_an_address_is_held_back_far_later_whoever_asks_and_no_other_address_with_it(site: Site) -> None:
    async with limited(site, links=100, addresses=4) as http:

        async def status(path: str, address: str) -> int:
            return (await http.get(path, headers={"x-forwarded-for": address})).status_code

        found = [await status(BACK, "198.51.100.7") for _ in range(6)]
        assert 429 not in found[:4]
        assert found[4:] == [429, 429]
        assert await status(URL, "198.51.100.7") == 429
        assert await status(BACK, "198.51.100.8") != 429


async def test_who_comes_back_too_often_gets_a_page_that_says_when_to_try_again(site: Site) -> None:
    async with limited(site, links=100, addresses=1) as http:
        await http.get(BACK)
        answer = await http.get(BACK)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert "Too many requests" in answer.text


async def test_a_signed_in_browser_comes_back_so_many_times_a_minute(site: Site) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    async with limited(site, links=2, addresses=100) as http:
        http.cookies = browser.client.cookies
        found = [(await http.get(f"{BACK}?state=none&code=none")).status_code for _ in range(4)]
    assert found == [400, 400, 429, 429]


async def test_a_refused_burst_is_one_line(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    async with limited(site, links=1, addresses=100) as http:
        for _ in range(20):
            await http.get(URL, headers=site.bearer("alice"))
    lines = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(lines) == 1
    assert "alice" not in caplog.text


async def test_a_signed_in_browser_has_so_many_api_calls_and_another_site_uses_up_none_of_them(site: Site) -> None:
    browser = site.browser("alice")
    await browser.sign_in()
    config, clock = LimitsConfig(calls=Rate(2)), site.vault.clock
    calls = RouteLimits(Throttling(config, Limits(clock)), AtOnce(Starlette(), config, clock))
    app = Starlette(routes=connection_routes(replace(site.parts, calls=calls), clock))
    listed = "/workspace/api/connections"
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://us.example") as http:
        http.cookies = browser.client.cookies
        forged = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        assert [(await http.delete(f"{listed}/github", headers=forged)).status_code for _ in range(4)] == [403] * 4
        own = {"sec-fetch-site": "same-origin"}
        assert [(await http.get(listed, headers=own)).status_code for _ in range(3)] == [200, 200, 429]
        assert (await http.get(listed, headers=site.bearer("alice"))).status_code == 429, "the same person by a token"
        assert (await http.get(listed, headers=site.bearer("bob"))).status_code == 200
