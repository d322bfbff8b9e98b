"""Documents looked at again between sign-ins: changed ones change their client, withdrawn ones end it, no fault ends it."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from administered_realm import AdministeredRealm
from shelf import Shelf, document

from gatelodge.app.desk.background import Job, running
from gatelodge.app.desk.clients import DocumentClients, keys_path, named_by
from gatelodge.app.desk.refresh import Refresher
from gatelodge.core.secret import Secret
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.store import DocumentStore
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.service_account import ServiceAccount
from gatelodge.testing.clock import ManualClock

GOOD = "https://good.example/c.json"
SECOND = "https://good.example/second.json"
DAY = 86_400.0
REALM = "http://127.0.0.1:18080/realms/mcp"


class World:
    """A refresher with everything around it."""

    def __init__(self) -> None:
        self.realm, self.shelf, self.clock = AdministeredRealm(), Shelf(), ManualClock()
        hosts = DocumentHosts(allowed=frozenset({"good.example"}))
        self.store = DocumentStore(self.shelf, hosts=hosts, clock=self.clock, state=None)
        outbound = self.realm.outbound()
        account = ServiceAccount(outbound, realm_url=REALM, client_id="d", secret=Secret("s"), clock=self.clock)
        clients = KeycloakClients(outbound, account, realm_url=REALM)
        self.clients = DocumentClients(clients, self.clock, keys_path, grace=2 * DAY)
        self.refresher = Refresher(self.store, self.clients)

    async def linked(self, client_id: str) -> None:
        """A client as a sign-in makes it."""
        self.shelf.put(client_id, document(client_id))
        await self.clients.ensure((await self.store.get(client_id)).document)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.linked(GOOD)
    await world.linked(SECOND)
    yield world
    await world.store.aclose()


def redirects(world: World, client_id: str) -> list[str]:
    return list(world.realm.clients[client_id]["redirectUris"])


async def test_a_changed_document_changes_its_client_without_a_sign_in(world: World) -> None:
    world.shelf.put(GOOD, document(GOOD, redirect_uris=["https://good.example/new"]))
    world.clock.advance(DAY)
    await world.refresher.round()
    assert redirects(world, GOOD) == ["https://good.example/new"]
    assert redirects(world, SECOND) == ["http://127.0.0.1/callback"]


async def test_a_change_that_keycloak_could_not_be_told_is_told_later(world: World) -> None:
    world.shelf.put(GOOD, document(GOOD, redirect_uris=["https://good.example/new"]))
    world.clock.advance(DAY)
    world.realm.admin_status = 500
    await world.refresher.round()
    world.realm.admin_status = 200
    await world.refresher.round()
    assert redirects(world, GOOD) == ["https://good.example/new"]


async def test_a_client_that_was_removed_does_not_come_back_by_itself(world: World) -> None:
    del world.realm.clients[GOOD]
    world.shelf.put(GOOD, document(GOOD, redirect_uris=["https://good.example/new"]))
    world.clock.advance(DAY)
    await world.refresher.round()
    assert GOOD not in world.realm.clients


async def test_a_withdrawn_document_ends_its_client_after_the_grace_and_not_before(world: World) -> None:
    world.shelf.put(GOOD, b"", 410)
    world.clock.advance(DAY)
    await world.refresher.round()
    assert world.realm.clients[GOOD]["enabled"] is True
    world.clock.advance(2 * DAY - 1)
    await world.refresher.round()
    assert world.realm.clients[GOOD]["enabled"] is True
    world.clock.advance(1)
    await world.refresher.round()
    assert world.realm.clients[GOOD]["enabled"] is False
    assert world.realm.clients[SECOND]["enabled"] is True


@pytest.mark.parametrize("by_sign_in", [False, True])
async def test_a_document_that_comes_back_saves_its_client(world: World, by_sign_in: bool) -> None:
    world.shelf.put(GOOD, b"", 404)
    for _ in range(4):
        world.clock.advance(DAY)
        await world.refresher.round()
    assert world.realm.clients[GOOD]["enabled"] is False
    world.shelf.put(GOOD, document(GOOD))
    world.clock.advance(DAY)
    if by_sign_in:
        await world.clients.ensure((await world.store.get(GOOD)).document)
    else:
        await world.refresher.round()
    assert world.realm.clients[GOOD]["enabled"] is True
    await world.refresher.round()
    calls = len(world.realm.calls)
    await world.refresher.round()
    assert len(world.realm.calls) == calls


async def test_a_document_that_comes_back_enables_no_client_that_a_person_disabled(world: World) -> None:
    world.shelf.put(GOOD, b"", 404)
    world.clock.advance(DAY)
    await world.refresher.round()
    world.realm.clients[GOOD]["enabled"] = False
    world.clock.advance(3 * DAY)
    await world.refresher.round()
    world.shelf.put(GOOD, document(GOOD))
    world.clock.advance(DAY)
    await world.refresher.round()
    assert world.realm.clients[GOOD]["enabled"] is False


async def test_an_outage_of_a_documents_host_changes_nothing(world: World) -> None:
    before = dict(world.realm.clients)
    world.shelf.down = True
    for _ in range(10):
        world.clock.advance(DAY)
        await world.refresher.round()
    assert world.realm.clients == before


async def test_one_bad_document_does_not_keep_the_others_from_their_turn(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "gatelodge")
    world.shelf.put(GOOD, b"<html>")
    world.shelf.put(SECOND, document(SECOND, redirect_uris=["https://good.example/new"]))
    world.clock.advance(DAY)
    await world.refresher.round()
    assert redirects(world, SECOND) == ["https://good.example/new"]
    assert redirects(world, GOOD) == ["http://127.0.0.1/callback"]


async def test_two_people_at_once_make_one_client(world: World) -> None:
    third = "https://good.example/third.json"
    world.shelf.put(third, document(third))
    held = (await world.store.get(third)).document
    before = len(world.realm.calls)
    outcomes = await asyncio.gather(*(world.clients.ensure(held) for _ in range(20)))
    assert sorted(outcomes) == ["created", *["unchanged"] * 19]
    assert len(world.realm.calls) - before == 2


async def test_a_job_outlives_its_failures_and_ends_with_the_desk(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0
    third = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            third.set()
        raise RuntimeError("a fault")

    async with running([Job("work", 0, work)]):
        await asyncio.wait_for(third.wait(), 60)
    ended = runs
    await asyncio.sleep(0)
    assert runs == ended
    assert caplog.text.count("work failed") >= 2


@pytest.mark.parametrize("client_id", [GOOD, "https://a.example/~x?y", "https://é.example/"])
def test_a_keys_path_names_its_client(client_id: str) -> None:
    segment = keys_path(client_id).split("/")[3]
    assert named_by(segment) == client_id
    assert named_by(segment + "=") is None
    assert named_by(segment + "AA") != client_id
