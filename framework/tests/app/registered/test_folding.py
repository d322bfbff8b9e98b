"""Registered clients at the desk are marked, and the same registration again gets the same client where that is safe."""

import asyncio
from typing import Any

import httpx2
import pytest
from client_bodies import BODIES, CLAUDE_CODE, MCP_REMOTE
from managed_realm import ManagedRealm, token_of
from registering_realm import ENDPOINT

from gatelodge.registration.folding import FOLDED_AT
from gatelodge.registration.marks import MADE_AT, made_by, mark
from gatelodge.testing.clock import ManualClock


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


# Marks


@pytest.mark.parametrize("client", BODIES)
async def test_every_registered_client_is_marked_as_the_desks(
    client: str, http: httpx2.AsyncClient, realm: ManagedRealm, clock: ManualClock
) -> None:
    client_id = (await http.post(ENDPOINT, json=BODIES[client])).json()["client_id"]
    assert made_by(realm.clients[client_id]) == "dcr"
    assert mark(realm.clients[client_id], MADE_AT) == str(int(clock.now()))


async def test_a_mark_that_cannot_be_written_is_logged_and_the_client_registers_all_the_same(
    http: httpx2.AsyncClient, realm: ManagedRealm, caplog: pytest.LogCaptureFixture
) -> None:
    realm.admin_status = 403
    answers = [await http.post(ENDPOINT, json=CLAUDE_CODE) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert "client c-1 is not marked and will never be removed" in caplog.text
    # Without its mark it is not folded either.
    assert answers[0].json()["client_id"] != answers[1].json()["client_id"]


# Folding


async def test_a_storm_of_a_thousand_equal_registrations_leaves_one_client(
    http: httpx2.AsyncClient, realm: ManagedRealm
) -> None:
    answers: list[httpx2.Response] = []
    for _ in range(20):
        answers += await asyncio.gather(*(http.post(ENDPOINT, json=CLAUDE_CODE) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["client_id"] for answer in answers} == {"c-1"}
    assert list(realm.clients) == ["c-1"]
    with_token = [answer for answer in answers if "registration_access_token" in answer.json()]
    assert len(with_token) == 1
    assert "registration_client_uri" not in answers[-1].json()
    assert answers[-1].json()["redirect_uris"] == CLAUDE_CODE["redirect_uris"]


@pytest.mark.parametrize(
    "change",
    [
        {"client_name": "Another"},
        {"redirect_uris": ["http://localhost:54212/other"]},
        {"redirect_uris": ["http://127.0.0.1:54212/callback"]},
        {"redirect_uris": ["https://localhost:54213/callback"]},
        {"redirect_uris": [*CLAUDE_CODE["redirect_uris"], "https://chatgpt.com/x"]},
        {"grant_types": ["authorization_code"]},
        {"token_endpoint_auth_method": "client_secret_post"},
    ],
)
async def test_what_differs_in_anything_is_another_client(
    change: dict[str, Any], http: httpx2.AsyncClient, realm: ManagedRealm
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    await http.post(ENDPOINT, json={**CLAUDE_CODE, **change})
    assert len(realm.clients) == 2


async def test_a_client_with_a_secret_is_never_folded(http: httpx2.AsyncClient, realm: ManagedRealm) -> None:
    for _ in range(3):
        assert "client_secret" in (await http.post(ENDPOINT, json=MCP_REMOTE)).json()
    assert len(realm.clients) == 3


@pytest.mark.parametrize("sessions", [(1, 0), (0, 1)])
async def test_a_client_that_somebody_uses_is_not_given_to_another(
    sessions: tuple[int, int], http: httpx2.AsyncClient, realm: ManagedRealm
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    realm.counts["c-1"] = sessions
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"


async def test_a_client_in_use_keeps_its_registration_token_after_an_equal_registration(
    http: httpx2.AsyncClient, realm: ManagedRealm
) -> None:
    first = (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()
    realm.counts["c-1"] = (1, 0)
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    assert mark(realm.clients["c-1"], FOLDED_AT) is None
    headers = bearer(first["registration_access_token"])
    assert (await http.delete(f"{ENDPOINT}/c-1", headers=headers)).status_code == 204


async def test_after_an_hour_a_new_client_is_made(
    http: httpx2.AsyncClient, realm: ManagedRealm, clock: ManualClock
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    clock.advance(3599)
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-1"
    clock.advance(1)
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"


@pytest.mark.parametrize("change", [{"redirectUris": ["https://chatgpt.com/x"]}, {"name": "x"}, {"enabled": False}])
async def test_a_client_that_was_changed_at_keycloak_is_not_folded_into(
    change: dict[str, Any], http: httpx2.AsyncClient, realm: ManagedRealm
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    realm.clients["c-1"] |= change
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"


async def test_another_free_port_of_loopback_makes_no_other_client(
    http: httpx2.AsyncClient, realm: ManagedRealm
) -> None:
    for port in (54212, 61000, 1024):
        redirects = [f"http://localhost:{port}/callback"]
        answer = (await http.post(ENDPOINT, json={**CLAUDE_CODE, "redirect_uris": redirects})).json()
        # What it asked for, and what Keycloak matches at any port.
        assert (answer["client_id"], answer["redirect_uris"]) == ("c-1", redirects)
    assert "http://localhost/callback" in realm.clients["c-1"]["redirectUris"]


async def test_a_client_whose_redirect_without_a_port_was_taken_away_is_not_folded_into(
    http: httpx2.AsyncClient, realm: ManagedRealm
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    realm.clients["c-1"]["redirectUris"] = CLAUDE_CODE["redirect_uris"]
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"


async def test_whoever_registered_first_loses_power_over_a_client_that_was_given_to_another(
    http: httpx2.AsyncClient, realm: ManagedRealm
) -> None:
    first = (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()
    headers = bearer(first["registration_access_token"])
    assert (await http.get(f"{ENDPOINT}/c-1", headers=headers)).status_code == 200
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    assert mark(realm.clients["c-1"], FOLDED_AT)
    stolen = {**CLAUDE_CODE, "client_id": "c-1", "redirect_uris": ["https://chatgpt.com/connector/oauth/mine"]}
    for answer in (
        await http.put(f"{ENDPOINT}/c-1", headers=headers, json=stolen),
        await http.delete(f"{ENDPOINT}/c-1", headers=headers),
        await http.get(f"{ENDPOINT}/c-1", headers=headers),
    ):
        assert answer.status_code == 401
    assert "https://chatgpt.com/connector/oauth/mine" not in realm.clients["c-1"]["redirectUris"]


async def test_a_client_that_is_gone_is_not_folded_into(http: httpx2.AsyncClient, realm: ManagedRealm) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    del realm.clients["c-1"]
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"


async def test_what_cannot_be_looked_up_makes_a_new_client(
    http: httpx2.AsyncClient, realm: ManagedRealm, caplog: pytest.LogCaptureFixture
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    realm.admin_status = 500
    answer = await http.post(ENDPOINT, json=CLAUDE_CODE)
    assert (answer.status_code, answer.json()["client_id"]) == (201, "c-2")
    assert "not folded into client c-1" in caplog.text


async def test_a_client_that_changed_itself_is_not_folded_into(http: httpx2.AsyncClient, realm: ManagedRealm) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    same = {**CLAUDE_CODE, "client_id": "c-1"}
    assert (await http.put(f"{ENDPOINT}/c-1", headers=bearer(token_of("c-1")), json=same)).status_code == 200
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"
