"""The contract of the token store, run by SQLite and PostgreSQL."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from vaults import ALICE, BOB, TENANT, Vault, canary

from gatelodge.core.secret import Secret
from gatelodge.storage.errors import Conflict
from gatelodge.testing.clock import ManualClock
from gatelodge.vault.owner import Owner, service
from gatelodge.vault.records import RefreshLease, Status
from gatelodge.vault.refreshing import Refreshing
from gatelodge.vault.sql_store import SqlTokenStore
from gatelodge.vault.store import TokenStore

PAIR = {"access_token": Secret("access-1"), "refresh_token": Secret("refresh-1")}


def as_contract(vault: Vault) -> TokenStore:
    """The store by its protocol: the type checker compares the two."""
    return vault.store


async def begun(vault: Vault, *, holder: str = "one", seconds: float = 30) -> RefreshLease:
    """A connection of Alice with its refresh begun."""
    record = await vault.store.put(ALICE, PAIR, actor="user:a", scopes=frozenset({"repo"}), account_id="42")
    lease = await vault.store.begin_refresh(ALICE, record.version, holder=holder, lease_seconds=seconds)
    assert lease is not None
    return lease


async def test_what_was_put_is_what_is_opened(vault: Vault) -> None:
    store = as_contract(vault)
    record = await store.put(
        ALICE,
        PAIR,
        actor="user:a",
        scopes=frozenset({"repo", "read:org"}),
        account_id="42",
        account_name="Alice É",
        expires_at=2_000_000_000,
        absolute_expires_at=2_100_000_000.5,
        extra={"cloud": "x"},
    )
    opened = await store.open(ALICE, actor="user:a", purpose="a call")
    assert opened is not None
    assert opened.secrets == PAIR
    assert opened.record == record == await store.look(ALICE)
    assert (record.version, record.status, record.created_at) == (1, Status.ACTIVE, vault.clock.now())
    assert record.extra == {"cloud": "x"}


async def test_an_owner_has_one_connection_and_others_have_theirs(vault: Vault) -> None:
    for number, owner in enumerate(
        (ALICE, BOB, replace(ALICE, provider="jira"), replace(ALICE, tenant="https://b.example"), service("github"))
    ):
        await vault.store.put(owner, {"access_token": Secret(str(number))}, actor="user:a")
    assert len(await vault.store.list()) == 5
    opened = await vault.store.open(BOB, actor="user:b", purpose="a call")
    assert opened is not None
    assert opened.secrets["access_token"].reveal() == "1"


async def test_nothing_is_found_for_an_owner_without_a_connection(vault: Vault) -> None:
    assert await vault.store.open(ALICE, actor="user:a", purpose="a call") is None
    assert await vault.store.look(ALICE) is None
    assert await vault.store.begin_refresh(ALICE, 1, holder="one", lease_seconds=30) is None
    assert await vault.store.delete(ALICE, actor="user:a") is False
    assert await vault.events() == []


async def test_a_new_consent_replaces_everything_of_the_old_one(vault: Vault) -> None:
    lease = await begun(vault)
    await vault.store.abandon_refresh(lease, status=Status.NEEDS_REAUTH, reason="refused")
    record = await vault.store.put(ALICE, {"access_token": Secret("access-2")}, actor="user:a")
    assert (record.version, record.status, record.reason, record.account_id) == (2, Status.ACTIVE, None, None)
    assert (record.id, record.refresh_started_at, record.scopes) == (lease.connection, None, frozenset())
    opened = await vault.store.open(ALICE, actor="user:a", purpose="a call")
    assert opened is not None
    assert opened.secrets == {"access_token": Secret("access-2")}
    with pytest.raises(Conflict):
        await vault.store.finish_refresh(lease, PAIR, expires_at=None)


@pytest.mark.parametrize("secrets", [{}, {"password": Secret("x")}])
async def test_a_connection_has_known_fields_only(vault: Vault, secrets: dict[str, Secret]) -> None:
    lease = await begun(vault)
    with pytest.raises(ValueError, match="access_token"):
        await vault.store.put(ALICE, secrets, actor="user:a")
    with pytest.raises(ValueError, match="access_token"):
        await vault.store.finish_refresh(lease, secrets, expires_at=None)


async def test_lists_are_of_those_that_match(vault: Vault) -> None:
    jira = replace(ALICE, provider="jira")
    for owner in (ALICE, BOB, jira, service("coda")):
        await vault.store.put(owner, PAIR, actor="user:a")
    await vault.end(jira)

    async def owners(**given: object) -> list[Owner]:
        return [record.owner for record in await vault.store.list(**given)]  # type: ignore[arg-type]

    assert await owners(user="alice") == [ALICE, jira]
    assert await owners(tenant="service") == [service("coda")]
    assert await owners(tenant=TENANT, provider="github") == [ALICE, BOB]
    assert await owners(status=Status.NEEDS_REAUTH) == [jira]
    assert await owners(user="nobody") == []


async def test_a_deleted_connection_leaves_no_row(vault: Vault) -> None:
    await vault.store.put(ALICE, PAIR, actor="user:a")
    assert await vault.store.delete(ALICE, actor="user:a") is True
    async with vault.db.reading() as tx:
        for table in ("tokens", "data_keys", "token_values"):
            assert await tx.all(f"SELECT * FROM {table}") == []  # noqa: S608 - our tables


async def test_a_refresh_stores_the_new_pair_and_keeps_what_was_not_given(vault: Vault) -> None:
    lease = await begun(vault)
    assert (lease.fence, lease.interrupted_at, lease.until) == (1, None, vault.clock.now() + 30)
    vault.clock.advance(1)
    record = await vault.store.finish_refresh(
        lease,
        {"access_token": Secret("access-2"), "previous_refresh_token": Secret("refresh-0")},
        expires_at=3_000_000_000,
    )
    assert (record.version, record.refreshed_at, record.account_id) == (2, vault.clock.now(), "42")
    assert record.scopes == {"repo"}
    opened = await vault.store.open(ALICE, actor="user:a", purpose="a call")
    assert opened is not None
    assert opened.record == record
    assert {name: value.reveal() for name, value in opened.secrets.items()} == {
        "access_token": "access-2",
        "refresh_token": "refresh-1",
        "previous_refresh_token": "refresh-0",
    }


async def test_a_previous_refresh_token_is_kept_for_one_refresh_only(vault: Vault) -> None:
    lease = await begun(vault)
    first = await vault.store.finish_refresh(
        lease, {**PAIR, "previous_refresh_token": Secret("refresh-0")}, expires_at=None, absolute_expires_at=4e9
    )
    second = await vault.store.begin_refresh(ALICE, first.version, holder="one", lease_seconds=30)
    assert second is not None
    record = await vault.store.finish_refresh(second, PAIR, expires_at=None, scopes=frozenset({"other"}))
    assert record.absolute_expires_at == 4e9
    assert record.scopes == {"other"}
    opened = await vault.store.open(ALICE, actor="user:a", purpose="a call")
    assert opened is not None
    assert opened.secrets == PAIR


async def test_one_of_many_begins_a_refresh(vault: Vault) -> None:
    record = await vault.store.put(ALICE, PAIR, actor="user:a")
    leases = await asyncio.gather(
        *(
            vault.store.begin_refresh(ALICE, record.version, holder=f"holder {number}", lease_seconds=30)
            for number in range(8)
        )
    )
    assert sum(lease is not None for lease in leases) == 1


async def test_a_lease_that_ran_out_is_taken_over_and_the_late_one_changes_nothing(vault: Vault) -> None:
    late = await begun(vault, seconds=30)
    began = vault.clock.now()
    vault.clock.advance(31)
    lease = await vault.store.begin_refresh(ALICE, 1, holder="two", lease_seconds=30)
    assert lease is not None
    assert (lease.fence, lease.interrupted_at) == (late.fence + 1, began)
    with pytest.raises(Conflict):
        await vault.store.finish_refresh(late, {"access_token": Secret("late")}, expires_at=None)
    await vault.store.abandon_refresh(late, status=Status.NEEDS_REAUTH, reason="late")
    await vault.store.finish_refresh(lease, {"access_token": Secret("two")}, expires_at=None)
    opened = await vault.store.open(ALICE, actor="user:a", purpose="a call")
    assert opened is not None
    assert opened.secrets["access_token"].reveal() == "two"
    assert opened.record.status is Status.ACTIVE


async def test_a_host_whose_clock_is_ahead_takes_no_lease_that_another_holds(vault: Vault) -> None:
    # A file of SQLite is of one host, which has one clock.
    clocks = [vault.clock, vault.clock if vault.db.dialect == "sqlite" else ManualClock(vault.clock.now() + 1e6)]
    one, two = (SqlTokenStore(vault.db, vault.keyring, vault.trail, clock) for clock in clocks)
    record = await vault.store.put(ALICE, PAIR, actor="user:a")
    lease = await one.begin_refresh(ALICE, record.version, holder="one", lease_seconds=30)
    assert lease is not None
    assert lease.until - lease.began == pytest.approx(30)
    assert await two.begin_refresh(ALICE, record.version, holder="two", lease_seconds=30) is None
    await one.abandon_refresh(lease)
    assert await two.begin_refresh(ALICE, record.version, holder="two", lease_seconds=30) is not None


async def test_the_first_of_several_lost_refreshes_is_the_one_that_is_remembered(vault: Vault) -> None:
    lease = await begun(vault, seconds=30)
    began = vault.clock.now()
    for _ in range(2):
        await vault.store.abandon_refresh(lease, lost=True)
        vault.clock.advance(100)
        lease = await again(vault, 1)
        assert lease.interrupted_at == began
    await vault.store.abandon_refresh(lease)
    assert [record.refresh_started_at for record in await vault.store.list(unfinished=True)] == [began]
    lease = await again(vault, 1)
    await vault.store.finish_refresh(lease, PAIR, expires_at=None)
    assert await vault.store.list(unfinished=True) == []
    assert (await again(vault, 2)).interrupted_at is None


async def again(vault: Vault, version: int) -> RefreshLease:
    lease = await vault.store.begin_refresh(ALICE, version, holder="one", lease_seconds=30)
    assert lease is not None
    return lease


async def test_who_looked_before_a_lease_was_given_back_has_to_look_again(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await begun(vault)
    opened = Refreshing._opened

    async def meanwhile(self: Refreshing, *given: Any) -> dict[str, Secret]:
        monkeypatch.undo()
        await vault.store.abandon_refresh(lease)
        return await opened(self, *given)

    monkeypatch.setattr(Refreshing, "_opened", meanwhile)
    # It saw a refresh under way: taking the lease now would be told as after a crash.
    assert await vault.store.begin_refresh(ALICE, 1, holder="two", lease_seconds=30) is None
    assert (await again(vault, 1)).interrupted_at is None


async def test_a_late_end_that_nobody_overtook_still_counts(vault: Vault) -> None:
    lease = await begun(vault, seconds=1)
    vault.clock.advance(600)
    assert (await vault.store.finish_refresh(lease, PAIR, expires_at=None)).version == 2


async def test_a_lease_is_lost_between_reading_and_writing_too(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = await begun(vault)
    seal = vault.store._sealing.seal

    def overtaken(*given: object) -> object:
        monkeypatch.undo()
        return seal(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(vault.store._sealing, "seal", overtaken)
    stale = replace(lease, holder="another")
    with pytest.raises(Conflict):
        await vault.store.finish_refresh(stale, PAIR, expires_at=None)


@pytest.mark.parametrize("version", [0, 2])
async def test_a_refresh_of_another_version_does_not_begin(vault: Vault, version: int) -> None:
    await vault.store.put(ALICE, PAIR, actor="user:a")
    assert await vault.store.begin_refresh(ALICE, version, holder="one", lease_seconds=30) is None


async def test_a_connection_that_is_not_active_is_not_refreshed(vault: Vault) -> None:
    record = await vault.store.put(ALICE, PAIR, actor="user:a")
    await vault.end(ALICE)
    assert await vault.store.begin_refresh(ALICE, record.version, holder="one", lease_seconds=30) is None


async def test_an_abandoned_refresh_leaves_the_connection_as_it_was(vault: Vault) -> None:
    lease = await begun(vault)
    await vault.store.abandon_refresh(lease)
    record = await vault.store.look(ALICE)
    assert record is not None
    assert (record.status, record.refresh_started_at, record.version) == (Status.ACTIVE, None, 1)
    again = await vault.store.begin_refresh(ALICE, 1, holder="one", lease_seconds=30)
    assert again is not None
    await vault.store.abandon_refresh(again, status=Status.NEEDS_REAUTH, reason="invalid_grant")
    record = await vault.store.look(ALICE)
    assert record is not None
    assert (record.status, record.reason) == (Status.NEEDS_REAUTH, "invalid_grant")


async def test_named_secrets_are_the_services_own(vault: Vault) -> None:
    value = canary("coda")
    record = await vault.store.set_token("coda", value, actor="operator:o")
    assert record.owner == service("coda")
    assert await vault.store.get_token("coda", actor="service:coda", purpose="a call") == value
    assert await vault.store.get_token("jira", actor="service:jira", purpose="a call") is None
    assert await vault.store.rotate_key(actor="operator:o") == 0
    assert await vault.store.delete_token("coda", actor="operator:o") is True
    assert await vault.store.get_token("coda", actor="service:coda", purpose="a call") is None


async def test_every_operation_is_in_the_trail_with_who_what_and_when(vault: Vault) -> None:
    lease = await begun(vault)
    await vault.store.finish_refresh(lease, PAIR, expires_at=None)
    await vault.store.open(ALICE, actor="user:a", purpose="a call")
    again = await vault.store.put(ALICE, PAIR, actor="user:a")
    leased = await vault.store.begin_refresh(ALICE, again.version, holder="one", lease_seconds=30)
    assert leased is not None
    await vault.store.abandon_refresh(leased, status=Status.NEEDS_REAUTH, reason="gone")
    await vault.store.rotate_key(actor="operator:o")
    await vault.store.delete(ALICE, actor="user:a")
    # Reads and refreshes are kept in groups: what is durable at once may come before them.
    assert sorted((found.event.kind, found.event.actor) for found in await vault.events()) == [
        ("vault.delete", "user:a"),
        ("vault.get", "user:a"),
        ("vault.mark", "system"),
        ("vault.refresh", "system"),
        ("vault.rotate", "operator:o"),
        ("vault.set", "user:a"),
        ("vault.set", "user:a"),
    ]
    assert (await vault.trail.verify()).whole


async def test_what_was_done_under_a_lease_names_the_host_that_held_it(vault: Vault) -> None:
    await vault.store.finish_refresh(await begun(vault, holder="host-1"), PAIR, expires_at=None)
    await vault.end(ALICE)
    [refreshed] = await vault.events("vault.refresh")
    [marked] = await vault.events("vault.mark")
    assert (refreshed.event.subject["by"], marked.event.subject["by"]) == ("host-1", "test")


async def test_a_status_that_nobody_here_writes_is_none_to_use(vault: Vault) -> None:
    await vault.store.put(ALICE, PAIR, actor="user:a")
    await vault.sql("UPDATE tokens SET status = 'revoked'")
    [record] = await vault.store.list()
    assert record.status is Status.NEEDS_REAUTH


async def test_many_puts_and_opens_at_once_never_mix_owners(vault: Vault) -> None:
    async def one(number: int) -> None:
        owner = Owner(TENANT, f"user {number % 10}", "github")
        await vault.store.put(owner, {"access_token": Secret(owner.user)}, actor="user:a")
        opened = await vault.store.open(owner, actor="user:a", purpose="a call")
        assert opened is not None
        assert opened.secrets["access_token"].reveal() == owner.user

    await asyncio.gather(*map(one, range(60)))
    assert {record.version for record in await vault.store.list()} == {6}
