"""What clients do at the desk is in its trail before they are answered; refusals are counted."""

import logging
from pathlib import Path
from typing import Any

import httpx2
import pytest
from client_bodies import CLAUDE_CODE
from managed_realm import ManagedRealm
from registering_realm import ENDPOINT, INTERNAL, ISSUER

from gatelodge.app.desk.create import create_desk
from gatelodge.audit.actor import of_address
from gatelodge.audit.chain import Recorded
from gatelodge.audit.finding import Filter, search
from gatelodge.audit.verdict import verify
from gatelodge.settings.desk import DeskSettings
from gatelodge.settings.load import SettingsInvalid
from gatelodge.storage.config import DatabaseConfig, default_url
from gatelodge.storage.database import open_database
from gatelodge.testing.clock import ManualClock


@pytest.fixture
def limits() -> dict[str, Any]:
    """Settings of the desk in these tests."""
    return {"registrations_per_address": 100_000, "registrations_per_host": 100_000, "audit": "on"}


async def recorded(state: Path) -> list[Recorded]:
    """What is durable now."""
    database = await open_database(DatabaseConfig(default_url(state)))
    try:
        assert (await verify(database)).whole
        return [one async for one in search(database, Filter())]
    finally:
        await database.aclose()


async def test_a_clients_life_is_in_the_trail(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    made = (await http.post(ENDPOINT, json=CLAUDE_CODE)).json()
    (event,) = [one.event for one in await recorded(tmp_path)]
    assert (event.kind, event.outcome, event.subject["client"]) == ("registration.create", "ok", "c-1")
    assert "client_name=" in str(event.subject["about"])
    assert event.actor.startswith("address:")
    headers = {"authorization": f"Bearer {made['registration_access_token']}"}
    await http.put(f"{ENDPOINT}/c-1", headers=headers, json={**CLAUDE_CODE, "client_id": "c-1"})
    await http.delete(f"{ENDPOINT}/c-1", headers=headers)
    events = [one.event for one in await recorded(tmp_path)]
    assert [event.kind for event in events[1:]] == ["registration.change", "registration.remove"]
    assert made["registration_access_token"] not in str(events)


async def test_a_folded_registration_is_told_apart(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    for _ in range(2):
        await http.post(ENDPOINT, json=CLAUDE_CODE)
    found = [(one.event.kind, one.event.subject["client"]) for one in await recorded(tmp_path)]
    assert found == [("registration.create", "c-1"), ("registration.fold", "c-1")]


async def test_a_registration_that_cannot_be_recorded_is_not_answered_with_a_client(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    database = await open_database(DatabaseConfig(default_url(tmp_path)))
    async with database.transaction() as transaction:
        await transaction.execute("ALTER TABLE audit_head RENAME TO gone")
    answer = await http.post(ENDPOINT, json=CLAUDE_CODE)
    assert answer.status_code == 503
    assert "client_id" not in answer.json()
    async with database.transaction() as transaction:
        await transaction.execute("ALTER TABLE gone RENAME TO audit_head")
    await database.aclose()
    assert (await http.post(ENDPOINT, json=CLAUDE_CODE)).status_code == 201


async def test_refusals_are_counted(
    realm: ManagedRealm, clock: ManualClock, limits: dict[str, Any], tmp_path: Path
) -> None:
    given = {"issuer": ISSUER, "issuer_internal_url": "http://keycloak", "state_dir": tmp_path, **limits}
    desk = create_desk(DeskSettings(**given), outbound=realm.outbound(), clock=clock)
    transport = httpx2.ASGITransport(app=desk, client=("192.0.2.7", 40_000))
    async with (
        desk.router.lifespan_context(desk),
        httpx2.AsyncClient(transport=transport, base_url="https://localhost:8443") as http,
    ):
        for _ in range(20):
            assert (await http.post(ENDPOINT, json={"redirect_uris": []})).status_code == 400
    events = [one.event for one in await recorded(tmp_path)]
    assert [(event.kind, event.outcome, event.subject.get("more")) for event in events] == [
        ("registration.refuse", "refused", None),
        ("registration.refuse", "refused", 19),
    ]
    assert "192.0.2.7" not in str(events)


def test_without_the_extra_the_desk_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    settings = DeskSettings(issuer=ISSUER, issuer_internal_url="http://keycloak", state_dir=tmp_path, audit="on")
    with pytest.raises(SettingsInvalid, match="GATELODGE_AUDIT is on"):
        create_desk(settings)


async def test_who_reaches_a_limit_has_one_line_under_the_name_of_the_trail(
    realm: ManagedRealm, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gatelodge")
    settings = DeskSettings(
        issuer=ISSUER,
        issuer_internal_url=INTERNAL,
        state_dir=tmp_path,
        audit="on",
        registrations_per_address=2,
    )
    desk = create_desk(settings, outbound=realm.outbound(), clock=clock)
    transport = httpx2.ASGITransport(app=desk, client=("2001:db8::7", 40_000))
    async with (
        desk.router.lifespan_context(desk),
        httpx2.AsyncClient(transport=transport, base_url="https://localhost:8443") as http,
    ):
        statuses = [(await http.post(ENDPOINT, json=CLAUDE_CODE)).status_code for _ in range(20)]
    assert statuses == [201, 201] + [429] * 18
    key = (tmp_path / "audit.key").read_text("utf-8").strip().encode()
    actor = of_address(key, "2001:db8::/64")
    assert {one.event.actor for one in await recorded(tmp_path)} == {actor}
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    (line,) = [line for line in told if "limit registrations" in line]
    assert line.startswith(f"limit registrations reached by {actor}: more than 2 within 60 s")
    assert not any("registration refused" in line for line in told)
    assert not any("2001:db8" in record.getMessage() for record in caplog.records)
