"""A provider's API that loses answers, refuses for a while or takes its time, asked through the proxy: WireMock as the API."""

from typing import Any

import pytest
from proxy_desk import ProxyDesk, proxy_desk
from vaults import Vault
from wiremock import DROPS, FAULTS, LONG, Answer, WireMock, answered
from wiremock_desk import TOKEN, expired, granted

from gatelodge.connections.upstream import Limits

WAYS = pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
ISSUES, SEARCH = "/repos/o/r/issues", "/rest/api/3/search/jql"
TROUBLE = "The account's provider does not answer as it should."
TITLE: dict[str, Any] = {"body": {"title": "t"}}


@WAYS
async def test_a_read_is_repeated_once_after_a_lost_answer(desk: ProxyDesk, wiremock: WireMock, fault: Answer) -> None:
    await desk.link("github")
    wiremock.will("GET", ISSUES, fault, answered(200, {"good": True}))
    assert (await desk.call("github", path=ISSUES)).json()["body"] == {"good": True}
    assert len(wiremock.received("GET", ISSUES)) == 2
    await desk.link("jira")
    wiremock.will("POST", f"/ex/jira/c1{SEARCH}", fault, answered(200, {"issues": []}))
    found = await desk.call("jira", "POST", SEARCH, body={"jql": "project = A"})
    assert found.json()["body"] == {"issues": []}, "a search changes nothing, whatever its method"
    assert len(wiremock.received("POST", f"/ex/jira/c1{SEARCH}")) == 2


@WAYS
async def test_a_read_whose_answer_is_lost_again_and_a_change_are_given_up(
    desk: ProxyDesk, wiremock: WireMock, fault: Answer
) -> None:
    await desk.link("github")
    wiremock.will("GET", ISSUES, fault)
    wiremock.will("POST", ISSUES, fault, answered(201, {"number": 1}))
    for method, members, times in (("GET", {}, 2), ("POST", TITLE, 1)):
        lost = await desk.call("github", method, ISSUES, **members)
        assert (lost.status_code, lost.json()["error"]) == (502, "provider_unavailable"), lost.text
        assert lost.json()["error_description"] == TROUBLE
        assert "canary" not in lost.text
        assert len(wiremock.received(method, ISSUES)) == times, method


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answered(429, {"message": "slow down"}, Retry_After="11"), (429, "provider_limited", "11", 429)),
        (answered(403, {"message": "secondary rate limit"}, Retry_After="12"), (429, "provider_limited", "12", 403)),
        (answered(503, Retry_After="13"), (502, "provider_unavailable", "13", 503)),
        (answered(500), (502, "provider_unavailable", None, 500)),
    ],
    ids=["429", "403", "503", "500"],
)
async def test_a_limit_and_a_servers_error_are_passed_on_and_nothing_is_asked_again(
    desk: ProxyDesk, wiremock: WireMock, answer: Answer, expected: tuple[int, str, str | None, int]
) -> None:
    await desk.link("github")
    for method, members in (("GET", {}), ("POST", TITLE)):
        wiremock.will(method, ISSUES, answer, answered(200))
        refused = await desk.call("github", method, ISSUES, **members)
        said = (refused.status_code, refused.json()["error"], refused.headers.get("retry-after"))
        assert (*said, refused.json()["provider"]["status"]) == expected
        assert len(wiremock.received(method, ISSUES)) == 1, method


@pytest.mark.parametrize(
    "slow",
    [
        {**answered(200, {"late": True}), "fixedDelayMilliseconds": LONG},
        {**answered(200, {"late": "x" * 20_000}), "chunkedDribbleDelay": DROPS},
    ],
    ids=["before the answer", "drop by drop"],
)
async def test_an_api_that_takes_its_time_ends_in_words_and_a_change_is_sent_once(
    sqlite_vault: Vault, wiremock: WireMock, slow: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    async with proxy_desk(sqlite_vault, at=wiremock.url, limits=Limits(seconds=3.0)) as desk:
        await desk.link("github")
        wiremock.will("POST", ISSUES, slow)
        late = await desk.call("github", "POST", ISSUES, **TITLE)
        assert (late.status_code, late.json()["error"]) == (502, "provider_unavailable")
        assert late.json()["error_description"] == TROUBLE
        assert "github: no whole answer within 3 s" in caplog.text, "for the operator"
        assert len(wiremock.received("POST", ISSUES, least=1)) == 1


async def test_a_call_goes_on_after_faults_of_both_the_token_endpoint_and_the_api(
    desk: ProxyDesk, wiremock: WireMock
) -> None:
    await expired(desk, "jira")
    path = "/ex/jira/c1/rest/api/3/serverInfo"
    wiremock.will("POST", TOKEN, FAULTS["nothing"], answered(503), granted(1))
    wiremock.will("GET", path, FAULTS["reset"], FAULTS["half a body"], answered(503), answered(200, {"version": "1"}))
    codes = list[int]()
    while 200 not in codes and len(codes) < 10:
        codes.append((await desk.call("jira", path="/rest/api/3/serverInfo")).status_code)
        desk.vault.clock.advance(10)
    # Twice no token, then a read whose answer is lost twice, the API's own 503, and the answer.
    assert codes == [502, 502, 502, 502, 200]
    assert wiremock.sent(TOKEN, "refresh_token") == ["refresh-0"] * 3
    assert wiremock.bearers("GET", path) == ["access-1"] * 4
