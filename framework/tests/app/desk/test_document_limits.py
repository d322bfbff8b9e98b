"""How many new documents one address may have fetched by opening sign-ins (M13): held ones cost nothing."""

from urllib.parse import urlencode

import httpx2
import pytest
from desks import Desk, Desks
from shelf import document

AUTH = "/realms/mcp/protocol/openid-connect/auth"
GOOD = "https://good.example/oauth/client.json"
MOST = 30


async def opened(desk: Desk, client_id: str, address: str = "198.51.100.7", **headers: str) -> httpx2.Response:
    query = urlencode({"client_id": client_id, "redirect_uri": "http://127.0.0.1:1/cb"})
    return await desk.http.get(f"{AUTH}?{query}", headers={"x-forwarded-for": address, **headers})


async def use_up(desk: Desk, address: str = "198.51.100.7") -> None:
    """Ask for made-up paths of a trusted host until no more are fetched for this address."""
    for number in range(MOST):
        assert (await opened(desk, f"https://good.example/{number}", address)).status_code == 400
    assert len(desk.shelf.fetched) == MOST


async def test_made_up_paths_of_a_trusted_host_cost_a_few_fetches_and_then_none(desk: Desk) -> None:
    await use_up(desk)
    desk.realm.calls.clear()
    for number in range(100, 200):
        answer = await opened(desk, f"https://good.example/{number}")
        assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "Too many new applications" in answer.text
    assert "location" not in answer.headers
    assert len(desk.shelf.fetched) == MOST
    assert desk.realm.calls == []


async def test_a_client_is_told_so_in_json(desk: Desk) -> None:
    await use_up(desk)
    answer = await opened(desk, "https://good.example/more", accept="application/json")
    assert answer.status_code == 429
    assert answer.json()["error"] == "temporarily_unavailable"


async def test_held_documents_still_sign_in_at_the_limit_and_other_addresses_still_bring_new_ones(desk: Desk) -> None:
    desk.shelf.put(GOOD, document(GOOD))
    assert (await opened(desk, GOOD, "203.0.113.9")).status_code == 302
    desk.shelf.fetched.clear()
    await use_up(desk)
    for _ in range(100):
        assert (await opened(desk, GOOD)).status_code == 302
    other = "https://good.example/other.json"
    desk.shelf.put(other, document(other))
    assert (await opened(desk, other)).status_code == 429
    assert (await opened(desk, other, "203.0.113.9")).status_code == 302
    assert (await opened(desk, other)).status_code == 302


async def test_after_a_while_one_more_is_fetched(desk: Desk) -> None:
    await use_up(desk)
    desk.clock.advance(int((await opened(desk, "https://good.example/next")).headers["retry-after"]))
    assert (await opened(desk, "https://good.example/next")).status_code == 400
    for number in range(MOST - 1):
        # All of the minute were at once, so all are over at once.
        assert (await opened(desk, f"https://good.example/again-{number}")).status_code == 400
    assert (await opened(desk, "https://good.example/second")).status_code == 429


async def test_a_made_up_forwarded_address_does_not_get_more(desk: Desk) -> None:
    await use_up(desk, "198.51.100.7")
    for number in range(5):
        forged = f"192.0.2.{number}, 198.51.100.7"
        assert (await opened(desk, f"https://good.example/forged-{number}", forged)).status_code == 429


async def test_neighbours_of_one_ipv6_network_count_together(desk: Desk) -> None:
    for number in range(MOST):
        await opened(desk, f"https://good.example/{number}", f"2001:db8::{number:x}")
    assert (await opened(desk, "https://good.example/more", "2001:db8::ffff")).status_code == 429
    assert (await opened(desk, "https://good.example/more", "2001:db8:0:1::1")).status_code == 400


@pytest.mark.parametrize("limit", [1, 3])
async def test_the_limit_is_a_setting_and_holds_in_open_mode(desks: Desks, limit: int) -> None:
    async with desks.running(new_documents_per_address=limit, client_documents="open") as desk:
        answers = [await opened(desk, f"https://stranger{number}.example/c") for number in range(limit + 2)]
        assert [answer.status_code for answer in answers] == [400] * limit + [429, 429]
        assert len(desk.shelf.fetched) == limit


async def test_a_repeated_bad_document_counts_once_a_minute(desk: Desk) -> None:
    for _ in range(MOST * 2):
        assert (await opened(desk, "https://good.example/gone")).status_code == 400
    assert len(desk.shelf.fetched) == 1
    assert (await opened(desk, "https://good.example/another")).status_code == 400
