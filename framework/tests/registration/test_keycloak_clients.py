"""The Admin API as the desk uses it: faults of Keycloak named, tokens renewed once, long lists read to their end."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from account_realm import SECRET, AccountRealm

from gatelodge.core.errors import GatelodgeError
from gatelodge.registration.errors import RegistrarUnavailable
from gatelodge.registration.keycloak_clients import ClientExists, KeycloakClients, SessionCount
from gatelodge.registration.service_account import RegistrarRefused
from gatelodge.testing.clock import ManualClock

CLIENT = {"clientId": "https://client.example/c", "name": "n4me-of-client", "secret": "s3cret-of-client"}
CALLS: dict[str, Callable[[KeycloakClients], Any]] = {
    "find": lambda clients: clients.find("c"),
    "create": lambda clients: clients.create(CLIENT),
    "update": lambda clients: clients.update("i", CLIENT),
    "delete": lambda clients: clients.delete("i"),
    "sessions": lambda clients: clients.sessions([{"id": "i", "clientId": "c"}]),
    "scopes": lambda clients: clients.offline_scopes(),
}


@pytest.fixture
def realm() -> AccountRealm:
    return AccountRealm()


@pytest.fixture
async def clients(realm: AccountRealm) -> AsyncIterator[KeycloakClients]:
    async with realm.account(ManualClock()) as (_, clients):
        yield clients


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
@pytest.mark.parametrize("call", CALLS)
async def test_a_fault_of_keycloak_is_told_and_repeats_no_secret(
    call: str, status: int, realm: AccountRealm, clients: KeycloakClients, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    realm.answer = httpx2.Response(status, json={"error": "unknown_error"})
    expected: type[GatelodgeError] = RegistrarUnavailable if status >= 500 else RegistrarRefused
    with pytest.raises(expected) as caught:
        await CALLS[call](clients)
    said = f"{caught.value!r} {caught.value.detail} {caught.value.hint} {caplog.text}"
    assert not any(text in said for text in (SECRET, "s3cret-of-client", "t0ken-1", "n4me-of-client"))
    assert str(status) in caught.value.detail
    if status < 500:
        assert "realm-management" in (caught.value.hint or "")


@pytest.mark.parametrize("call", CALLS)
async def test_a_connection_that_breaks_is_unavailable(
    call: str, realm: AccountRealm, clients: KeycloakClients
) -> None:
    realm.fault = httpx2.ReadError("cut")
    with pytest.raises(RegistrarUnavailable, match="cut"):
        await CALLS[call](clients)


async def test_a_refused_token_is_renewed_once(realm: AccountRealm, clients: KeycloakClients) -> None:
    realm.refuses = {"t0ken-1"}
    assert await clients.find("c") is None
    assert (len(realm.forms), len(realm.asked)) == (2, 2)
    realm.refuses = {"t0ken-2", "t0ken-3", "t0ken-4"}
    with pytest.raises(RegistrarRefused, match="401"):
        await clients.find("c")
    assert (len(realm.forms), len(realm.asked)) == (3, 4)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'["c"]', b"[" * 60_000])
async def test_a_list_that_is_none_is_unavailable(body: bytes, realm: AccountRealm, clients: KeycloakClients) -> None:
    realm.answer = httpx2.Response(200, content=body)
    with pytest.raises(RegistrarUnavailable):
        await clients.find("c")


async def test_a_client_is_found_by_its_exact_id(realm: AccountRealm, clients: KeycloakClients) -> None:
    found = [{"clientId": "https://c.example/A"}, {"clientId": "https://c.example/a"}]
    realm.answer = httpx2.Response(200, json=found)
    assert await clients.find("https://c.example/a") == found[1]
    assert await clients.find("https://c.example/B") is None
    # An id is a stranger's: it stays one value.
    await clients.find("https://c.example/a&first=9#x")
    assert parse_qs(urlsplit(realm.asked[-1][1]).query) == {"clientId": ["https://c.example/a&first=9#x"]}


async def test_the_id_of_a_new_client_is_that_of_its_address(realm: AccountRealm, clients: KeycloakClients) -> None:
    headers = {"location": "http://keycloak/admin/realms/mcp/clients/0f-1"}
    realm.answer = httpx2.Response(201, headers=headers)
    assert await clients.create(CLIENT) == "0f-1"
    assert realm.asked == [("POST", "/clients", CLIENT)]


async def test_a_client_id_that_is_taken_is_told_as_such(realm: AccountRealm, clients: KeycloakClients) -> None:
    realm.answer = httpx2.Response(409, json={"errorMessage": "Client already exists"})
    with pytest.raises(ClientExists):
        await clients.create(CLIENT)


async def test_removing_what_is_gone_is_no_error(realm: AccountRealm, clients: KeycloakClients) -> None:
    realm.answer = httpx2.Response(404)
    await clients.delete("a/../b")
    assert realm.asked == [("DELETE", "/clients/a%2F..%2Fb", None)]


def pages(number: int, size: int) -> Callable[[str], httpx2.Response]:
    """So many clients of so many bytes each, by page."""
    listed = [{"id": f"i{at}", "clientId": f"c{at}", "redirectUris": ["x" * size]} for at in range(number)]

    def respond(url: str) -> httpx2.Response:
        query = parse_qs(urlsplit(url).query)
        first = int(query["first"][0])
        return httpx2.Response(200, json=listed[first : first + int(query["max"][0])])

    return respond


@pytest.mark.parametrize(("number", "size"), [(0, 10), (200, 10), (450, 10), (450, 3000), (100, 50_000)])
async def test_every_client_is_listed_once_however_long_their_entries_are(
    number: int, size: int, realm: AccountRealm, clients: KeycloakClients
) -> None:
    realm.respond = pages(number, size)
    assert [client["clientId"] async for client in clients.all()] == [f"c{at}" for at in range(number)]


async def test_one_entry_that_is_too_long_by_itself_ends_the_list_with_an_error(
    realm: AccountRealm, clients: KeycloakClients
) -> None:
    realm.respond = pages(3, 70_000)
    with pytest.raises(RegistrarUnavailable, match="over 65536 bytes"):
        [client async for client in clients.all()]


def counts(answers: dict[str, int]) -> Callable[[str], httpx2.Response]:
    def respond(url: str) -> httpx2.Response:
        found = answers.get(url)
        return httpx2.Response(404) if found is None else httpx2.Response(200, json={"count": found})

    return respond


async def test_sessions_are_counted_by_client_id_without_those_that_are_gone(
    realm: AccountRealm, clients: KeycloakClients
) -> None:
    kinds = ("session-count", "offline-session-count")
    realm.respond = counts(
        {f"/clients/i{at}/{kind}": at + bonus for at in range(9) for bonus, kind in enumerate(kinds)}
    )
    asked = [{"id": f"i{at}", "clientId": f"c{at}"} for at in (0, 1, 2, 3, 4, 5, 6, 7, 8, 99)]
    assert await clients.sessions(asked) == {f"c{at}": SessionCount(at, at + 1) for at in range(9)}
    assert await clients.sessions([]) == {}


@pytest.mark.parametrize("body", [{}, {"count": None}, {"count": "many"}, []])
async def test_a_count_that_is_no_number_is_unavailable_and_not_zero(
    body: object, realm: AccountRealm, clients: KeycloakClients
) -> None:
    realm.answer = httpx2.Response(200, json=body)
    with pytest.raises(RegistrarUnavailable):
        await clients.sessions([{"id": "i", "clientId": "c"}])


async def test_the_optional_scopes_are_named_in_order(realm: AccountRealm, clients: KeycloakClients) -> None:
    realm.answer = httpx2.Response(200, json=[{"name": "b"}, {"id": 1}, {"name": "a"}])
    assert await clients.offline_scopes() == ("a", "b")
