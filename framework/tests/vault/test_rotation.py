"""Keys changed online: everything still opens, interrupted runs go on, a key in use stays."""

import asyncio
from pathlib import Path

import pytest
from vaults import ALICE, TENANT, Vault, new_keyring

from gatelodge.core.secret import Secret
from gatelodge.vault.errors import CredentialUnreadable, VaultKeyUnusable
from gatelodge.vault.key_source import make_key_file, new_key, read_key_file, write_key_file
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.owner import Owner
from gatelodge.vault.rotation import Rotation
from gatelodge.vault.sql_store import SqlTokenStore


def owner(number: int) -> Owner:
    return Owner(TENANT, f"user {number}", "github")


async def fill(vault: Vault, count: int) -> None:
    for number in range(count):
        await vault.store.put(owner(number), {"access_token": Secret(f"token {number}")}, actor="user:a")


async def unreadable(store: SqlTokenStore, count: int) -> list[int]:
    """Those of ``count`` connections that do not give their own token."""
    wrong = []
    for number in range(count):
        opened = await store.open(owner(number), actor="user:a", purpose="a call")
        if opened is None or opened.secrets["access_token"].reveal() != f"token {number}":
            wrong.append(number)
    return wrong


async def test_a_rotation_brings_everything_under_the_primary_key_and_counts(vault: Vault) -> None:
    await fill(vault, 7)
    newer = new_keyring(vault.keyring)
    store = vault.with_keys(newer)
    assert await store.rotate_key(actor="operator:o") == 7
    assert await store.rotation.in_use() == {newer.primary_id: 7}
    assert await store.rotate_key(actor="operator:o") == 0
    # Without the old key.
    assert await unreadable(vault.with_keys(Keyring([newer.primary])), 7) == []
    events = await vault.events("vault.rotate")
    assert [found.event.subject["changed"] for found in events] == [7, 0]
    assert not await store.rotation.unfinished()


async def test_a_renewal_replaces_data_keys_and_values(vault: Vault) -> None:
    await fill(vault, 3)

    async def stored() -> set[bytes]:
        async with vault.db.reading() as tx:
            keys = await tx.all("SELECT wrapped FROM data_keys")
            values = await tx.all("SELECT sealed FROM token_values")
        return {row["wrapped"] for row in keys} | {row["sealed"] for row in values}

    before = await stored()
    vault.clock.advance(1)
    done = await vault.store.rotation.run(actor="operator:o", renew=True, batch=2)
    assert (done.changed, done.unreadable, done.resumed) == (3, 0, False)
    assert not before & await stored()
    assert await unreadable(vault.store, 3) == []


async def test_an_interrupted_run_is_gone_on_with(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(vault, 5)
    store = vault.with_keys(new_keyring(vault.keyring))
    change, done = Rotation._change, 0

    async def failing(*given: object, **more: object) -> int:
        nonlocal done
        done += 1
        if done == 4:
            raise asyncio.CancelledError
        return await change(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Rotation, "_change", failing)
    with pytest.raises(asyncio.CancelledError):
        await store.rotation.run(actor="operator:o", batch=2)
    monkeypatch.undo()
    assert await store.rotation.unfinished()
    assert await unreadable(store, 5) == []
    rest = await store.rotation.run(actor="operator:o", batch=2)
    assert (rest.changed, rest.resumed) == (3, True)


async def test_what_is_written_during_a_rotation_uses_the_new_key_and_everything_opens(vault: Vault) -> None:
    await fill(vault, 20)
    newer = new_keyring(vault.keyring)
    store = vault.with_keys(newer)

    async def use(number: int) -> None:
        await store.put(owner(number), {"access_token": Secret(f"token {number}")}, actor="user:a")
        assert await unreadable(store, 5) == []

    _, *_ = await asyncio.gather(
        store.rotation.run(actor="operator:o", batch=3), *(use(number) for number in range(15, 25))
    )
    assert await store.rotation.in_use() == {newer.primary_id: 25}
    assert await unreadable(store, 25) == []


async def test_two_rotations_at_once_lose_nothing(vault: Vault) -> None:
    await fill(vault, 12)
    ring = new_keyring(vault.keyring)
    stores = [vault.with_keys(ring), vault.with_keys(ring)]
    await asyncio.gather(*(store.rotation.run(actor="operator:o", batch=2) for store in stores))
    assert await unreadable(stores[0], 12) == []
    assert set(await stores[0].rotation.in_use()) == {ring.primary_id}


async def test_a_row_that_goes_away_or_does_not_open_does_not_stop_a_rotation(vault: Vault) -> None:
    await fill(vault, 4)
    store = vault.with_keys(new_keyring(vault.keyring))
    async with vault.db.transaction() as tx:
        failed: list[object] = []
        assert await store.rotation._change(tx, "gone", failed, 0.0, renew=False) == 0  # type: ignore[arg-type]
    await vault.sql("UPDATE data_keys SET wrapped = :value WHERE token_id = (SELECT min(id) FROM tokens)", value=b"x")
    done = await store.rotation.run(actor="operator:o", batch=1)
    assert (done.changed, done.unreadable) == (3, 1)
    assert len([found for found in await store.list() if found.quarantined_at]) == 1


async def test_a_row_without_a_data_key_is_left_alone(vault: Vault) -> None:
    await fill(vault, 1)
    record = (await vault.store.list())[0]
    await vault.sql("DELETE FROM data_keys")
    async with vault.db.transaction() as tx:
        assert await vault.store.rotation._change(tx, record.id, [], 0.0, renew=True) == 0


async def test_a_key_is_retired_only_when_nothing_needs_it(vault: Vault) -> None:
    await fill(vault, 2)
    old, newer = vault.keyring.primary_id, new_keyring(vault.keyring)
    store = vault.with_keys(newer)
    for key, why in ((old, "2 credentials still need it"), (newer.primary_id, "primary"), ("00000000", "no key")):
        with pytest.raises(VaultKeyUnusable, match=why):
            await store.rotation.retire(key, actor="operator:o")
    await store.rotate_key(actor="operator:o")
    assert await store.rotation.retire(old, actor="operator:o") == (newer.primary,)
    assert (await vault.events("vault.rotate"))[-1].event.subject == {"retired": old}


async def test_a_key_that_a_quarantined_row_waits_for_is_used_and_not_retired(vault: Vault) -> None:
    await fill(vault, 2)
    old, newer = vault.keyring, new_keyring(vault.keyring)
    with pytest.raises(CredentialUnreadable):
        await vault.with_keys(new_keyring()).open(owner(0), actor="user:a", purpose="by a process without the key")
    store = vault.with_keys(newer)
    with pytest.raises(VaultKeyUnusable, match="2 credentials still need it"):
        await store.rotation.retire(old.primary_id, actor="operator:o")
    assert await store.rotate_key(actor="operator:o") == 2
    await store.rotation.retire(old.primary_id, actor="operator:o")
    assert await unreadable(vault.with_keys(Keyring([newer.primary])), 2) == []


async def test_a_running_server_reads_the_key_file_again_when_a_row_needs_a_new_key(
    vault: Vault, tmp_path: Path
) -> None:
    path = tmp_path / "vault.key"
    make_key_file(path)
    first = read_key_file(path)
    server = SqlTokenStore(vault.db, first, vault.trail, vault.clock, reload=lambda: read_key_file(path))
    await server.put(ALICE, {"access_token": Secret("token")}, actor="user:a")
    write_key_file(path, [new_key(), first.primary])
    operator = SqlTokenStore(vault.db, read_key_file(path), vault.trail, vault.clock)
    assert await operator.rotate_key(actor="operator:o") == 1
    assert await server.open(ALICE, actor="user:a", purpose="a call") is not None
    await server.put(owner(1), {"access_token": Secret("token 1")}, actor="user:a")
    assert await operator.rotation.in_use() == {read_key_file(path).primary_id: 2}


async def test_a_key_file_that_cannot_be_read_again_is_said_in_the_log(
    vault: Vault, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(vault, 1)
    server = SqlTokenStore(
        vault.db, new_keyring(), vault.trail, vault.clock, reload=lambda: read_key_file(tmp_path / "gone")
    )
    with pytest.raises(CredentialUnreadable):
        await server.open(owner(0), actor="user:a", purpose="a call")
    assert "cannot be read again" in caplog.text
