"""Catalogue F03: the issuer is away, the server restarts in between, and no valid request is refused."""

import pytest
from protected import Served
from results import record

from conformance.keys.processes import Processes
from gatelodge.testing.clock import ManualClock
from gatelodge.testing.issuer import FakeIssuer

COMMAND = ".venv/bin/pytest tests/conformance/keys/test_outage.py"
MINUTE, HOUR = 60, 3600


async def status(served: Served) -> int:
    return (await served.rpc("tools/list", headers=served.bearer("notes:read"))).status_code


def fail(issuer: FakeIssuer, how: str) -> None:
    issuer.unreachable = how == "unreachable"
    issuer.status = 500 if how == "status 500" else 200
    if how == "captive portal":
        issuer.metadata = issuer.keys = b"<html>sign in to this network</html>"


@pytest.mark.parametrize(
    ("length", "how"),
    [
        (5 * MINUTE, "unreachable"),
        (50 * MINUTE, "unreachable"),
        (6 * HOUR, "unreachable"),
        (6 * HOUR, "status 500"),
        (6 * HOUR, "captive portal"),
    ],
)
async def test_an_outage_with_a_restart_in_it_refuses_no_valid_request(
    processes: Processes, issuer: FakeIssuer, clock: ManualClock, length: int, how: str
) -> None:
    served = await processes.server()
    assert await status(served) == 200
    # The outage begins when the last fetch is as old as it gets.
    clock.advance(299)
    fail(issuer, how)
    answers = []
    steps = 120
    for step in range(steps):
        if step == steps // 2:
            served = await processes.server()
        answers.append(await status(served))
        clock.advance(length / steps)
    answers.append(await status(served))

    record(
        15,
        name=f"outage of {length / HOUR:.2g} h, {how}, one restart",
        tried=len(answers),
        passed=answers.count(200),
        figure=f"{len(answers) - answers.count(200)} valid requests failed in {length / HOUR:.2g} h",
        command=COMMAND,
        negative_control="without the copy on disk the restarted server answers 503",
    )
    assert answers == [200] * len(answers)


async def test_without_its_copy_a_server_restarted_in_an_outage_answers_503(
    processes: Processes, issuer: FakeIssuer
) -> None:
    assert await status(await processes.server()) == 200
    issuer.unreachable = True
    for file in list((processes.folder / "issuer").iterdir()):
        file.unlink()

    assert await status(await processes.server()) == 503


@pytest.mark.parametrize("restart", [False, True])
async def test_after_the_limit_the_answer_is_503_with_retry_after_until_the_issuer_is_back(
    processes: Processes, issuer: FakeIssuer, clock: ManualClock, restart: bool
) -> None:
    served = await processes.server()
    assert await status(served) == 200
    issuer.unreachable = True
    clock.advance(6 * HOUR + 301)
    if restart:
        served = await processes.server()

    answer = await served.rpc("tools/list", headers=served.bearer("notes:read"))
    assert answer.status_code == 503
    assert "www-authenticate" not in answer.headers
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert (await served.rpc("tools/list")).status_code == 401

    issuer.unreachable = False
    clock.advance(int(answer.headers["retry-after"]))
    assert await status(served) == 200


async def test_the_issuers_metadata_is_served_through_outage_and_restart(
    processes: Processes, issuer: FakeIssuer, clock: ManualClock
) -> None:
    first = await (await processes.server()).http.get("/.well-known/oauth-authorization-server")
    issuer.unreachable = True
    clock.advance(3 * HOUR)
    again = await (await processes.server()).http.get("/.well-known/oauth-authorization-server")

    assert (again.status_code, again.json()) == (200, first.json())
