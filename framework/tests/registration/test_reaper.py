"""Which clients the reaper removes, by the clock that is passed in, and what a sweep does at the realm."""

import logging
from typing import Any

import pytest
from managed_realm import ManagedRealm

from gatelodge.registration.errors import RegistrarUnavailable
from gatelodge.registration.keycloak_clients import KeycloakClients, SessionCount
from gatelodge.registration.marks import MADE_AT, MADE_BY, SEEN_AT, moment
from gatelodge.registration.reaper import Cursor, ReapPolicy, decide, due, sweep

HOUR, DAY = 3600.0, 86_400.0
START = 1_700_000_000.0
NONE, ONLINE, OFFLINE = SessionCount(0, 0), SessionCount(1, 0), SessionCount(0, 1)
POLICY = ReapPolicy()


def client(maker: str | None, *, made: float | None = START, seen: float | None = None) -> dict[str, Any]:
    marks = {MADE_BY: maker, MADE_AT: made and str(int(made)), SEEN_AT: seen and str(int(seen))}
    return {"attributes": {name: value for name, value in marks.items() if value}}


@pytest.mark.parametrize(
    ("given", "sessions", "after", "decision"),
    [
        (client("dcr"), NONE, 23 * HOUR, "keep"),
        (client("dcr"), NONE, 25 * HOUR, "unused"),
        (client("dcr"), OFFLINE, 25 * HOUR, "seen"),
        (client("dcr"), ONLINE, 2 * HOUR, "seen"),
        (client("dcr"), ONLINE, 0.5 * HOUR, "keep"),
        # Years with an offline session only, and then its end.
        (client("dcr", seen=START), OFFLINE, 2000 * DAY, "seen"),
        (client("dcr", seen=START), OFFLINE, 0.5 * DAY, "keep"),
        (client("dcr", seen=START), NONE, 179 * DAY, "keep"),
        (client("dcr", seen=START), NONE, 180 * DAY, "dead"),
        (client("cimd"), NONE, 179 * DAY, "keep"),
        (client("cimd"), NONE, 180 * DAY, "dead"),
        (client("cimd", seen=START + 10 * DAY), NONE, 180 * DAY, "keep"),
        (client("cimd"), OFFLINE, 9999 * DAY, "seen"),
        (client("predefined"), NONE, 9999 * DAY, "keep"),
        (client(None), NONE, 9999 * DAY, "keep"),
        (client("somebody"), NONE, 9999 * DAY, "keep"),
        (client("dcr", made=None), NONE, 9999 * DAY, "keep"),
    ],
)
def test_a_client_goes_only_when_nobody_uses_it(
    given: dict[str, Any], sessions: SessionCount, after: float, decision: str
) -> None:
    assert decide(given, sessions, POLICY, START + after) == decision
    if decision != "keep":
        assert due(given, POLICY, START + after)


def test_zero_means_never() -> None:
    never = ReapPolicy(unused_after=0, dead_after=0)
    assert decide(client("dcr"), NONE, never, START + 9999 * DAY) == "keep"
    assert decide(client("dcr", seen=START), NONE, never, START + 9999 * DAY) == "keep"
    assert decide(client("cimd"), NONE, never, START + 9999 * DAY) == "keep"


def test_no_client_with_a_session_is_ever_removed_whatever_the_policy_and_the_time() -> None:
    for maker in ("dcr", "cimd"):
        for policy in (POLICY, ReapPolicy(unused_after=1, dead_after=1, spared=0)):
            for seen in (None, START):
                for days in (0, 1, 180, 3650):
                    for sessions in (ONLINE, OFFLINE, SessionCount(2, 3)):
                        found = decide(client(maker, seen=seen), sessions, policy, START + days * DAY)
                        assert found in {"keep", "seen"}


# Sweeps


def put(realm: ManagedRealm, client_id: str, given: dict[str, Any], sessions: tuple[int, int] = (0, 0)) -> None:
    realm.clients[client_id] = {"id": f"id-of-{client_id}", "clientId": client_id, "name": client_id, **given}
    realm.counts[client_id] = sessions


async def test_a_sweep_removes_the_unused_and_notes_the_used(realm: ManagedRealm, clients: KeycloakClients) -> None:
    put(realm, "unused", client("dcr"))
    put(realm, "linked", client("dcr"), (0, 1))
    put(realm, "mine", client(None))
    put(realm, "typed-in", client("predefined"))
    now = START + 2 * DAY
    report = await sweep(clients, policy=POLICY, now=now, dry_run=False)
    assert sorted(realm.clients) == ["linked", "mine", "typed-in"]
    assert [(removal.client_id, removal.why) for removal in report.removed] == [("unused", "unused")]
    assert moment(realm.clients["linked"], SEEN_AT) == now
    assert SEEN_AT not in realm.clients["mine"]["attributes"]


async def test_years_of_hourly_work_keep_a_linked_client_and_write_its_mark_once_a_day(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    put(realm, "linked", client("dcr"), (0, 1))
    for hours in range(2, 24 * 3):
        await sweep(clients, policy=POLICY, now=START + hours * HOUR, dry_run=False)
    assert [method for method, _ in realm.calls].count("PUT") == 3
    for month in range(1, 120):
        await sweep(clients, policy=POLICY, now=START + month * 30 * DAY, dry_run=False)
    assert "linked" in realm.clients
    realm.counts["linked"] = (0, 0)
    last = START + 119 * 30 * DAY
    await sweep(clients, policy=POLICY, now=last + 179 * DAY, dry_run=False)
    assert "linked" in realm.clients
    await sweep(clients, policy=POLICY, now=last + 181 * DAY, dry_run=False)
    assert "linked" not in realm.clients


async def test_a_link_that_begins_while_the_sweep_runs_saves_its_client(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    put(realm, "late", client("dcr"))
    realm.link_begins["late"] = (1, 0)
    report = await sweep(clients, policy=POLICY, now=START + 2 * DAY, dry_run=False)
    assert "late" in realm.clients
    assert (report.removed, report.spared) == ([], 1)


async def test_a_dry_run_changes_nothing(realm: ManagedRealm, clients: KeycloakClients) -> None:
    put(realm, "unused", client("dcr"))
    put(realm, "linked", client("dcr"), (1, 0))
    report = await sweep(clients, policy=POLICY, now=START + 2 * DAY, dry_run=True)
    assert [removal.client_id for removal in report.removed] == ["unused"]
    assert {method for method, _ in realm.calls} == {"GET"}


async def test_the_work_of_a_sweep_is_bounded_and_the_next_one_goes_on(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    for number in range(300):
        put(realm, f"c{number}", client("dcr"))
    policy = ReapPolicy(removals=120)
    reports = [await sweep(clients, policy=policy, now=START + 2 * DAY, dry_run=False) for _ in range(3)]
    assert [(len(report.removed), report.unfinished) for report in reports] == [(120, True), (120, True), (60, False)]
    put(realm, "old", client("dcr"))
    for number in range(300):
        put(realm, f"linked{number}", client("dcr"), (0, 1))
    bounded = await sweep(clients, policy=ReapPolicy(looks=70), now=START + 2 * DAY, dry_run=False)
    assert (bounded.looked_at, bounded.unfinished) == (70, True)


async def test_what_may_go_is_looked_at_first(realm: ManagedRealm, clients: KeycloakClients) -> None:
    now = START + 2 * DAY
    for number in range(100):
        put(realm, f"young{number}", client("dcr", made=now - 2 * HOUR))
    put(realm, "unused", client("dcr"))
    report = await sweep(clients, policy=ReapPolicy(looks=1), now=now, dry_run=False)
    assert [removal.client_id for removal in report.removed] == ["unused"]


async def test_every_client_is_looked_at_in_turn_by_sweeps_that_each_do_little(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    now = START + 2 * DAY
    for number in range(100):
        # In use, and idle since: neither can go, both are due.
        put(realm, f"used{number}", client("cimd", made=now - 2 * DAY), (1, 0))
        put(realm, f"idle{number}", client("dcr", seen=now - 3 * DAY))
    policy, cursor = ReapPolicy(notes=30), Cursor()
    for _ in range(7):
        report = await sweep(clients, policy=policy, now=now, dry_run=False, cursor=cursor)
        assert (report.looked_at, report.unfinished) == (30, True)
    assert set(realm.counted) == set(realm.clients)
    assert sum(SEEN_AT in realm.clients[f"used{number}"]["attributes"] for number in range(100)) == 100
    # Two requests a client, and no client twice before all were asked about.
    assert max(realm.counted.values()) == 4
    assert sum(realm.counted.values()) == 7 * 30 * 2


async def test_a_sweep_asks_only_about_clients_for_which_the_answer_could_matter(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    now = START + 30 * DAY
    put(realm, "seen today", client("dcr", seen=now - 0.5 * DAY), (0, 1))
    put(realm, "just made", client("dcr", made=now - 0.5 * HOUR))
    put(realm, "a person's", client(None))
    put(realm, "typed in", client("predefined"))
    put(realm, "unused", client("dcr"))
    await sweep(clients, policy=POLICY, now=now, dry_run=True)
    assert set(realm.counted) == {"unused"}


@pytest.mark.parametrize(("number", "warned"), [(79, False), (80, True)])
async def test_at_80_percent_of_the_maximum_the_operator_is_warned(
    number: int, warned: bool, realm: ManagedRealm, clients: KeycloakClients, caplog: pytest.LogCaptureFixture
) -> None:
    for count in range(number):
        put(realm, f"c{count}", client(None))
    await sweep(clients, policy=ReapPolicy(max_clients=100), now=START, dry_run=False)
    assert ("the realm has 80 clients of at most 100" in caplog.text) is warned
    assert any(record.levelno == logging.WARNING for record in caplog.records) is warned


async def test_a_sweep_that_keycloak_does_not_answer_removes_nothing(
    realm: ManagedRealm, clients: KeycloakClients
) -> None:
    put(realm, "unused", client("dcr"))
    realm.admin_status = 500
    with pytest.raises(RegistrarUnavailable):
        await sweep(clients, policy=POLICY, now=START + 2 * DAY, dry_run=False)
    assert "unused" in realm.clients
