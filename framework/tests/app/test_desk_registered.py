"""Registered clients at the desk: marked, folded, limited, managed; with a realm behind it that keeps them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from administered_realm import SECRET
from client_bodies import BODIES, CLAUDE_CODE, MCP_REMOTE
from managed_realm import ManagedRealm, token_of
from registering_realm import ENDPOINT, INTERNAL, ISSUER

from gatelodge.app.desk.create import create_desk
from gatelodge.core.secret import Secret
from gatelodge.registration.folding import FOLDED_AT
from gatelodge.registration.marks import MADE_AT, made_by, mark
from gatelodge.settings.desk import DeskSettings
from gatelodge.testing.clock import ManualClock

PUBLIC = f"{ISSUER}/clients-registrations/openid-connect"


@pytest.fixture
def realm() -> ManagedRealm:
    return ManagedRealm()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def limits() -> dict[str, Any]:
    return {"registrations_per_address": 100_000, "registrations_per_host": 100_000}


@pytest.fixture
async def http(
    realm: ManagedRealm, clock: ManualClock, limits: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.chdir(tmp_path)
    settings = DeskSettings(
        issuer=ISSUER, issuer_internal_url=INTERNAL, desk_secret=Secret(SECRET), state_dir=tmp_path, **limits
    )
    desk = create_desk(settings, outbound=realm.outbound(), clock=clock)
    transport = httpx.ASGITransport(app=desk, client=("127.0.0.1", 40_000))
    async with (
        desk.router.lifespan_context(desk),
        httpx.AsyncClient(transport=transport, base_url="https://localhost:8443") as client,
    ):
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


# Marks


@pytest.mark.parametrize("client", BODIES)
async def test_every_registered_client_is_marked_as_the_desks(
    client: str, http: httpx.AsyncClient, realm: ManagedRealm, clock: ManualClock
) -> None:
    client_id = (await http.post(ENDPOINT, json=BODIES[client])).json()["client_id"]
    assert made_by(realm.clients[client_id]) == "dcr"
    assert mark(realm.clients[client_id], MADE_AT) == str(int(clock.now()))


async def test_a_mark_that_cannot_be_written_is_logged_and_the_client_registers_all_the_same(
    http: httpx.AsyncClient, realm: ManagedRealm, caplog: pytest.LogCaptureFixture
) -> None:
    realm.admin_status = 403
    answers = [await http.post(ENDPOINT, json=CLAUDE_CODE) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert "client c-1 is not marked and will never be removed" in caplog.text
    # Without its mark it is not folded either.
    assert answers[0].json()["client_id"] != answers[1].json()["client_id"]


# Folding


async def test_a_storm_of_a_thousand_equal_registrations_leaves_one_client(
    http: httpx.AsyncClient, realm: ManagedRealm
) -> None:
    answers: list[httpx.Response] = []
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
        {"redirect_uris": ["http://localhost:54213/callback"]},
        {"grant_types": ["authorization_code"]},
        {"token_endpoint_auth_method": "client_secret_post"},
    ],
)
async def test_what_differs_in_anything_is_another_client(
    change: dict[str, Any], http: httpx.AsyncClient, realm: ManagedRealm
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    await http.post(ENDPOINT, json={**CLAUDE_CODE, **change})
    assert len(realm.clients) == 2


async def test_a_client_with_a_secret_is_never_folded(http: httpx.AsyncClient, realm: ManagedRealm) -> None:
    for _ in range(3):
        assert "client_secret" in (await http.post(ENDPOINT, json=MCP_REMOTE)).json()
    assert len(realm.clients) == 3


@pytest.mark.parametrize("sessions", [(1, 0), (0, 1)])
async def test_a_client_that_somebody_uses_is_not_given_to_another(
    sessions: tuple[int, int], http: httpx.AsyncClient, realm: ManagedRealm
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    realm.counts["c-1"] = sessions
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"


async def test_after_an_hour_a_new_client_is_made(
    http: httpx.AsyncClient, realm: ManagedRealm, clock: ManualClock
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    clock.advance(3599)
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-1"
    clock.advance(1)
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"


@pytest.mark.parametrize("change", [{"redirectUris": ["https://chatgpt.com/x"]}, {"name": "x"}, {"enabled": False}])
async def test_a_client_that_was_changed_at_keycloak_is_not_folded_into(
    change: dict[str, Any], http: httpx.AsyncClient, realm: ManagedRealm
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    realm.clients["c-1"] |= change
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"


async def test_whoever_registered_first_loses_power_over_a_client_that_was_given_to_another(
    http: httpx.AsyncClient, realm: ManagedRealm
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


async def test_a_client_that_changed_itself_is_not_folded_into(http: httpx.AsyncClient, realm: ManagedRealm) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    same = {**CLAUDE_CODE, "client_id": "c-1"}
    assert (await http.put(f"{ENDPOINT}/c-1", headers=bearer(token_of("c-1")), json=same)).status_code == 200
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()["client_id"] == "c-2"


# Limits


@pytest.mark.parametrize("limits", [{"registrations_per_address": 100_000, "registrations_per_host": 50}])
async def test_a_storm_of_a_thousand_different_registrations_is_bounded_by_the_host_limit(
    http: httpx.AsyncClient, realm: ManagedRealm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    answers = [await http.post(ENDPOINT, json={**CLAUDE_CODE, "client_name": str(n)}) for n in range(1000)]
    assert [answer.status_code for answer in answers].count(201) == 50 == len(realm.clients)
    refused = answers[-1]
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("limits", [{"registrations_per_address": 2}])
async def test_the_address_is_the_one_that_the_trusted_proxy_saw(http: httpx.AsyncClient) -> None:
    def sent_by(*addresses: str) -> dict[str, str]:
        return {"x-forwarded-for": ", ".join(addresses)}

    for made_up in ("203.0.113.1", "203.0.113.2", "203.0.113.3"):
        # What a client writes itself is further left, and changes nothing.
        last = await http.post(ENDPOINT, json=CLAUDE_CODE, headers=sent_by(made_up, "192.0.2.1"))
    assert last.status_code == 429
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE, headers=sent_by("192.0.2.2"))).status_code == 201


# Management


async def test_a_client_reads_changes_and_removes_itself(http: httpx.AsyncClient, realm: ManagedRealm) -> None:
    made = (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()
    assert made["registration_client_uri"] == f"{PUBLIC}/c-1"
    headers = bearer(made["registration_access_token"])
    read = await http.get(made["registration_client_uri"], headers=headers)
    assert read.json()["redirect_uris"] == CLAUDE_CODE["redirect_uris"]
    assert read.json()["registration_client_uri"] == f"{PUBLIC}/c-1"
    assert "subject_type" not in read.json()
    assert (read.headers["cache-control"], read.headers["access-control-allow-origin"]) == ("no-store", "*")
    body = {**CLAUDE_CODE, "client_id": "c-1", "client_name": "New", "redirect_uris": ["http://localhost:9/cb"]}
    changed = await http.put(made["registration_client_uri"], headers=headers, json={**body, "unknown": 1})
    assert (changed.status_code, changed.json()["redirect_uris"]) == (200, ["http://localhost:9/cb"])
    gone = await http.delete(made["registration_client_uri"], headers=headers)
    assert (gone.status_code, gone.content, realm.clients) == (204, b"", {})


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uris": ["https://evil.example/cb"]},
        {"redirect_uris": []},
        {"client_id": "c-2"},
        {"client_id": None},
        {"grant_types": ["password"]},
    ],
)
async def test_a_change_is_held_to_the_rules_of_a_registration(
    change: dict[str, Any], http: httpx.AsyncClient, realm: ManagedRealm
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    before = dict(realm.clients["c-1"])
    body = {**CLAUDE_CODE, "client_id": "c-1", **change}
    answer = await http.put(f"{ENDPOINT}/c-1", headers=bearer(token_of("c-1")), json=body)
    assert answer.status_code == 400
    assert realm.clients["c-1"] == before


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "Bearer junk")],
        [("authorization", "Basic YTpi")],
        [("authorization", f"Bearer {token_of('c-2')}")],
        # An administrator's access token would do more than this at Keycloak.
        [("authorization", f"Bearer {token_of('c-1', 'Bearer')}")],
        [("authorization", f"Bearer {token_of('c-1')}"), ("authorization", f"Bearer {token_of('c-1')}")],
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_without_the_clients_own_token_all_answers_are_the_same(
    method: str, headers: list[tuple[str, str]], http: httpx.AsyncClient, realm: ManagedRealm
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    answers = [
        await http.request(
            method, f"{ENDPOINT}/{client_id}", headers=headers, json={**CLAUDE_CODE, "client_id": client_id}
        )
        if method == "PUT"
        else await http.request(method, f"{ENDPOINT}/{client_id}", headers=headers)
        for client_id in ("c-1", "nobody")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].content == answers[1].content
    assert answers[0].headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert "c-1" in realm.clients


@pytest.mark.parametrize("segment", ["..", "a%2Fb", "a%20b", "%2e%2e", "x" * 256, "a;b", "%C3%A9"])
async def test_what_can_be_no_id_is_not_found_and_keycloak_not_asked(
    segment: str, http: httpx.AsyncClient, realm: ManagedRealm
) -> None:
    answer = await http.get(f"https://localhost:8443{ENDPOINT}/{segment}", headers=bearer(token_of("c-1")))
    assert answer.status_code in {404, 405}
    assert realm.calls == []


async def test_management_leaves_one_line_without_the_token(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    caplog.clear()
    caplog.set_level(logging.DEBUG, "gatelodge")
    await http.get(f"{ENDPOINT}/c-1", headers=bearer(token_of("c-1")))
    await http.get(f"{ENDPOINT}/c-1", headers=bearer(token_of("c-9")))
    first, second = [record.getMessage() for record in caplog.records]
    assert first == "management: client_id=c-1 read"
    assert second.startswith("management refused: GET client_id=c-1 (invalid_token: Keycloak answered GET with 401")
    assert token_of("c-1") not in caplog.text


async def test_a_browser_may_send_the_token(http: httpx.AsyncClient) -> None:
    asked = {"origin": "http://localhost:6274", "access-control-request-method": "PUT"}
    answer = await http.options(f"{ENDPOINT}/c-1", headers=asked)
    assert set(answer.headers["access-control-allow-methods"].split(", ")) == {"GET", "PUT", "DELETE"}
    assert "authorization" in answer.headers["access-control-allow-headers"].split(", ")
