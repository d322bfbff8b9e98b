"""A token endpoint that loses answers, refuses for a while or takes its time: WireMock in its place, its journal counts.

Jira and Notion are asked in their own forms. What a provider remembers of a refresh is a scenario of WireMock.
"""

import pytest
from proxy_desk import ProxyDesk, proxy_desk
from vaults import Vault
from wiremock import DROPS, FAULTS, LONG, Answer, WireMock, answered
from wiremock_desk import LIFE, TOKEN, dead, expired, granted, kept

from gatelodge.connections.errors import ProviderLimited, ProviderUnavailable
from gatelodge.core.secret import Secret
from gatelodge.vault.records import Status

WAYS = pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
# Beyond the pause after one failure.
A_WHILE = 60.0


@WAYS
async def test_a_lost_answer_of_jira_costs_one_request_more_within_its_leeway(
    desk: ProxyDesk, wiremock: WireMock, fault: Answer
) -> None:
    owner = await expired(desk, "jira")
    wiremock.stub("POST", TOKEN, fault, scenario="jira", then="renewed", refresh_token="refresh-0")
    wiremock.stub("POST", TOKEN, granted(1), scenario="jira", at="renewed", refresh_token="refresh-0")
    for _ in range(3):
        with pytest.raises(ProviderUnavailable) as lost:
            await desk.tokens.access(owner, purpose="test")
        assert lost.value.sent
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0"], "not again at once"
    assert (await kept(desk, owner)).status is Status.ACTIVE

    desk.vault.clock.advance(A_WHILE)
    assert (await desk.tokens.access(owner, purpose="test")).value.reveal() == "access-1"
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0", "refresh-0"]
    after = await kept(desk, owner)
    assert (after.status, after.reason, after.expires_at) == (Status.ACTIVE, None, desk.vault.clock.now() + LIFE)


@WAYS
async def test_a_lost_answer_of_notion_ends_the_link_with_the_reason_and_is_never_asked_for_in_a_loop(
    desk: ProxyDesk, wiremock: WireMock, fault: Answer
) -> None:
    owner = await desk.link("notion", token="access-0", secrets={"refresh_token": Secret("refresh-0")})
    wiremock.will("GET", "/users/me", answered(401, {"code": "unauthorized"}))
    wiremock.will("POST", TOKEN, fault, dead())
    lost = await desk.call("notion", path="/users/me")
    assert (lost.status_code, lost.json()["error"]) == (502, "provider_unavailable"), lost.text
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0"]

    desk.vault.clock.advance(A_WHILE)
    for _ in range(4):
        ended = await desk.call("notion", path="/users/me")
        assert ended.json()["error"] == "connection_needs_reauth", ended.text
        assert ended.json()["link_url"].endswith("/workspace/accounts?link=notion")
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0", "refresh-0"]
    after = await kept(desk, owner)
    assert (after.status, after.reason) == (Status.NEEDS_REAUTH, "interrupted")


@pytest.mark.parametrize(
    ("provider", "answer", "left"),
    [("jira", granted(1), (Status.ACTIVE, None)), ("notion", dead(), (Status.NEEDS_REAUTH, "interrupted"))],
)
async def test_after_a_crash_the_next_start_asks_once_by_each_providers_rule(
    desk: ProxyDesk, wiremock: WireMock, provider: str, answer: Answer, left: tuple[Status, str | None]
) -> None:
    owner = await expired(desk, provider)
    wiremock.will("POST", TOKEN, answer)
    # What a process leaves that ended between the request and the commit.
    version = (await kept(desk, owner)).version
    assert await desk.vault.store.begin_refresh(owner, version, holder="the one before", lease_seconds=30)
    desk.vault.clock.advance(A_WHILE)
    swept = await desk.tokens.sweep()
    assert (swept.finished, swept.dead, swept.left) == ((1, 0, 0) if provider == "jira" else (0, 1, 0))
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0"]
    after = await kept(desk, owner)
    assert (after.status, after.reason) == left


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answered(429, Retry_After="7"), (429, "provider_limited", "7")),
        (answered(503, Retry_After="90"), (502, "provider_unavailable", "90")),
        (answered(500, {"error": "server_error"}), (502, "provider_unavailable", None)),
        ({"status": 502, "body": "<html>bad gateway</html>"}, (502, "provider_unavailable", None)),
    ],
    ids=["429", "503", "500", "a page"],
)
async def test_a_token_endpoint_that_asks_to_wait_is_left_alone_and_the_caller_is_told(
    desk: ProxyDesk, wiremock: WireMock, answer: Answer, expected: tuple[int, str, str | None]
) -> None:
    owner = await expired(desk, "jira")
    wiremock.will("POST", TOKEN, answer, granted(1))
    wiremock.will("GET", "/ex/jira/c1/rest/api/3/serverInfo", answered(200, {"version": "1"}))
    for _ in range(3):
        refused = await desk.call("jira", path="/rest/api/3/serverInfo")
        told = (refused.status_code, refused.json()["error"], refused.headers.get("retry-after"))
        assert told == expected
    assert len(wiremock.received("POST", TOKEN)) == 1
    assert (await kept(desk, owner)).status is Status.ACTIVE
    desk.vault.clock.advance(float(expected[2] or 2) - 1.5)
    await desk.call("jira", path="/rest/api/3/serverInfo")
    assert len(wiremock.received("POST", TOKEN)) == 1, "not before the time"
    desk.vault.clock.advance(2)
    assert (await desk.call("jira", path="/rest/api/3/serverInfo")).json()["body"] == {"version": "1"}
    assert len(wiremock.received("POST", TOKEN)) == 2
    assert wiremock.bearers("GET", "/ex/jira/c1/rest/api/3/serverInfo") == ["access-1"]


async def test_a_token_that_is_still_good_is_used_while_its_token_endpoint_is_in_trouble(
    desk: ProxyDesk, wiremock: WireMock
) -> None:
    owner = await desk.link(
        "jira",
        token="access-0",
        secrets={"refresh_token": Secret("refresh-0")},
        expires_at=desk.vault.clock.now() + 3600,
    )
    desk.vault.clock.advance(3500)
    wiremock.will("POST", TOKEN, answered(429, Retry_After="30"), FAULTS["reset"], granted(1))
    for _ in range(3):
        assert (await desk.tokens.access(owner, purpose="test")).value.reveal() == "access-0"
    desk.vault.clock.advance(31)
    assert (await desk.tokens.access(owner, purpose="test")).value.reveal() == "access-0"
    desk.vault.clock.advance(31)
    assert (await desk.tokens.access(owner, purpose="test")).value.reveal() == "access-1"
    assert len(wiremock.received("POST", TOKEN)) == 3


@pytest.mark.parametrize(
    "slow",
    [
        {**granted(1), "fixedDelayMilliseconds": LONG},
        {**answered(200, {"access_token": "a" * 20_000}), "chunkedDribbleDelay": DROPS},
    ],
    ids=["before the answer", "drop by drop"],
)
async def test_a_token_endpoint_that_takes_its_time_ends_in_words_after_one_request(
    sqlite_vault: Vault, wiremock: WireMock, slow: Answer
) -> None:
    async with proxy_desk(sqlite_vault, at=wiremock.url, token_seconds=3.0) as desk:
        owner = await expired(desk, "jira")
        wiremock.will("POST", TOKEN, slow, granted(1))
        with pytest.raises(ProviderUnavailable, match="jira: no whole answer within 3 s") as late:
            await desk.tokens.access(owner, purpose="test")
        assert late.value.sent
        assert not isinstance(late.value, ProviderLimited)
        assert len(wiremock.received("POST", TOKEN, least=1)) == 1
        assert (await kept(desk, owner)).status is Status.ACTIVE
    async with proxy_desk(sqlite_vault, at=wiremock.url) as desk:
        assert (await desk.tokens.access(owner, purpose="test")).value.reveal() == "access-1"
        assert len(wiremock.received("POST", TOKEN)) == 2
