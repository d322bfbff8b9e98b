"""An account named after its link: under the lease of a refresh, with the same secrets, or not at all."""

import pytest
from vaults import ALICE, Vault

from gatelodge.core.secret import Secret
from gatelodge.storage.errors import Conflict
from gatelodge.vault.env_store import EnvTokenStore
from gatelodge.vault.errors import StoreReadOnly
from gatelodge.vault.records import Record, RefreshLease
from gatelodge.vault.refreshing import Refreshing
from gatelodge.vault.rows import Stored


async def leased(vault: Vault) -> tuple[Record, RefreshLease]:
    record = await vault.store.put(ALICE, {"access_token": Secret("t")}, actor="user:a")
    lease = await vault.store.begin_refresh(ALICE, record.version, holder="h", lease_seconds=30)
    assert lease is not None
    return record, lease


async def name(vault: Vault, lease: RefreshLease) -> Record:
    return await vault.store.name_account(lease, account_id="7", account_name="octocat", extra={"login": "octocat"})


async def test_the_name_is_kept_with_the_secrets_and_the_lease_is_free(vault: Vault) -> None:
    record, lease = await leased(vault)
    named = await name(vault, lease)
    opened = await vault.store.open(ALICE, actor="user:a", purpose="a call")
    assert opened is not None
    assert (opened.record.account_id, opened.record.extra, opened.record.version) == ("7", {"login": "octocat"}, 2)
    assert (named.id, opened.secrets["access_token"]) == (record.id, Secret("t"))
    assert await vault.store.begin_refresh(ALICE, 2, holder="h", lease_seconds=30) is not None
    [event] = await vault.events("vault.mark")
    assert event.event.subject["reason"] == "account named"


async def test_a_name_takes_no_mark_of_a_lost_refresh_away(vault: Vault) -> None:
    _, lease = await leased(vault)
    began = vault.clock.now()
    await vault.store.abandon_refresh(lease, lost=True)
    vault.clock.advance(10)
    later = await vault.store.begin_refresh(ALICE, 1, holder="h", lease_seconds=30)
    assert later is not None
    assert (await name(vault, later)).refresh_started_at == began
    [found] = await vault.store.list(unfinished=True)
    assert (found.refresh_started_at, found.refresh_until) == (began, None)


async def test_a_lease_that_was_lost_names_nothing(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    _, lease = await leased(vault)
    held = Refreshing._held

    async def relinked(self: Refreshing, lease: RefreshLease) -> Stored:
        found = await held(self, lease)
        await vault.store.put(ALICE, {"access_token": Secret("other")}, actor="user:a")
        return found

    monkeypatch.setattr(Refreshing, "_held", relinked)
    with pytest.raises(Conflict):
        await name(vault, lease)
    monkeypatch.undo()
    with pytest.raises(Conflict):
        await name(vault, lease)
    found = await vault.store.look(ALICE)
    assert found is not None
    assert found.account_id is None


async def test_a_store_in_the_environment_names_nobody(vault: Vault) -> None:
    _, lease = await leased(vault)
    with pytest.raises(StoreReadOnly):
        await EnvTokenStore({}, vault.trail).name_account(lease)
