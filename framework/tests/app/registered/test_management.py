"""A registered client reads, changes and removes its own entry at the desk, and nothing else (RFC 7592)."""

import logging
from typing import Any

import httpx2
import pytest
from client_bodies import CLAUDE_CODE
from managed_realm import ManagedRealm, token_of
from problems import constant
from registering_realm import ENDPOINT, ISSUER

PUBLIC = f"{ISSUER}/clients-registrations/openid-connect"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_client_reads_changes_and_removes_itself(http: httpx2.AsyncClient, realm: ManagedRealm) -> None:
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
    change: dict[str, Any], http: httpx2.AsyncClient, realm: ManagedRealm
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
        [("authorization", "Bearer a.b.c")],
        [("authorization", "Bearer a.W10.c")],
        [("authorization", "Basic YTpi")],
        [("authorization", f"Bearer {token_of('c-2')}")],
        # An administrator's access token would do more than this at Keycloak.
        [("authorization", f"Bearer {token_of('c-1', 'Bearer')}")],
        [("authorization", f"Bearer {token_of('c-1')}"), ("authorization", f"Bearer {token_of('c-1')}")],
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_without_the_clients_own_token_all_answers_are_the_same(
    method: str, headers: list[tuple[str, str]], http: httpx2.AsyncClient, realm: ManagedRealm
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
    assert constant(answers[0]) == constant(answers[1])
    assert len(answers[0].content) == len(answers[1].content)
    assert answers[0].headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert "c-1" in realm.clients


@pytest.mark.parametrize("segment", ["..", "a%2Fb", "a%20b", "%2e%2e", "x" * 256, "a;b", "%C3%A9"])
async def test_what_can_be_no_id_is_not_found_and_keycloak_not_asked(
    segment: str, http: httpx2.AsyncClient, realm: ManagedRealm
) -> None:
    answer = await http.get(f"https://localhost:8443{ENDPOINT}/{segment}", headers=bearer(token_of("c-1")))
    assert answer.status_code in {404, 405}
    assert realm.calls == []


async def test_management_leaves_one_line_without_the_token(
    http: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await http.post(ENDPOINT, json=CLAUDE_CODE)
    caplog.clear()
    caplog.set_level(logging.DEBUG, "gatelodge")
    await http.get(f"{ENDPOINT}/c-1", headers=bearer(token_of("c-1")))
    await http.get(f"{ENDPOINT}/c-1", headers=bearer(token_of("c-9")))
    first, second = [record.getMessage() for record in caplog.records if record.name != "gatelodge.access"]
    assert first == "management: client_id=c-1 read"
    assert second.startswith("management refused: GET client_id=c-1 (invalid_token: Keycloak answered GET with 401")
    assert token_of("c-1") not in caplog.text


async def test_a_browser_may_send_the_token(http: httpx2.AsyncClient) -> None:
    asked = {"origin": "http://localhost:6274", "access-control-request-method": "PUT"}
    answer = await http.options(f"{ENDPOINT}/c-1", headers=asked)
    assert set(answer.headers["access-control-allow-methods"].split(", ")) == {"GET", "PUT", "DELETE"}
    assert "authorization" in answer.headers["access-control-allow-headers"].split(", ")
