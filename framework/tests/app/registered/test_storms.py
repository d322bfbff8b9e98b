"""Storms of registrations at the desk, bounded by address and by redirect host."""

import logging
from typing import Any

import httpx2
import pytest
from client_bodies import CHATGPT, CLAUDE_CODE
from managed_realm import ManagedRealm
from registering_realm import ENDPOINT


def sent_by(*addresses: str) -> dict[str, str]:
    """What the proxies in front say of the caller."""
    return {"x-forwarded-for": ", ".join(addresses)}


def named(body: dict[str, Any], number: int) -> dict[str, Any]:
    """A registration that is like no other."""
    return {**body, "client_name": f"client {number}"}


@pytest.mark.parametrize("limits", [{"registrations_per_address": 100_000, "registrations_per_host": 50}])
async def test_a_storm_of_a_thousand_different_registrations_is_bounded_by_the_host_limit(
    http: httpx2.AsyncClient, realm: ManagedRealm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    answers = [await http.post(ENDPOINT, json={**CLAUDE_CODE, "client_name": str(n)}) for n in range(1000)]
    assert [answer.status_code for answer in answers].count(201) == 50 == len(realm.clients)
    refused = answers[-1]
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("limits", [{"registrations_per_address": 100_000, "registrations_per_host": 5}])
async def test_strangers_cannot_lock_out_the_clients_on_other_peoples_computers(http: httpx2.AsyncClient) -> None:
    for number in range(20):
        flood = await http.post(ENDPOINT, json=named(CLAUDE_CODE, number), headers=sent_by("203.0.113.9"))
    assert flood.status_code == 429
    for name in ("localhost", "127.0.0.1", "[::1]"):
        body = {**named(CLAUDE_CODE, 99), "redirect_uris": [f"http://{name}:1/cb"]}
        assert (await http.post(ENDPOINT, json=body, headers=sent_by("203.0.113.9"))).status_code == 429
        assert (await http.post(ENDPOINT, json=body, headers=sent_by("192.0.2.1"))).status_code == 201


@pytest.mark.parametrize("limits", [{"registrations_per_address": 100_000, "registrations_per_host": 5}])
async def test_a_hosted_clients_host_is_limited_over_all_addresses_and_holds_back_no_other(
    http: httpx2.AsyncClient,
) -> None:
    async def asked(address: str, number: int) -> int:
        return (await http.post(ENDPOINT, json=named(CHATGPT, number), headers=sent_by(address))).status_code

    assert [await asked("203.0.113.1", number) for number in range(6)] == [201] * 5 + [429]
    # Who made none yet still can, until as many again have.
    others = [await asked(f"192.0.2.{number}", 10 + number) for number in range(7)]
    assert others == [201] * 5 + [429] * 2
    assert [await asked("192.0.2.1", 20), await asked("203.0.113.1", 21)] == [429, 429]
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE, headers=sent_by("203.0.113.1"))).status_code == 201


@pytest.mark.parametrize("limits", [{"registrations_per_address": 2}])
async def test_the_address_is_the_one_that_the_trusted_proxy_saw(http: httpx2.AsyncClient) -> None:
    for made_up in ("203.0.113.1", "203.0.113.2", "203.0.113.3"):
        # What a client writes itself is further left, and changes nothing.
        last = await http.post(ENDPOINT, json=CLAUDE_CODE, headers=sent_by(made_up, "192.0.2.1"))
    assert last.status_code == 429
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE, headers=sent_by("192.0.2.2"))).status_code == 201
