"""What someone who can write the database may try: every change and swap is noticed, the row kept out, the others work."""

import os
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from databases import database_config, postgres
from results import record
from vaults import ALICE, BOB, TENANT, Vault, canary, new_keyring, open_vault

from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.vault.envelope import Binding
from gatelodge.vault.errors import CredentialUnreadable, VaultKeyUnusable
from gatelodge.vault.owner import Owner, service

__all__ = ["database_config", "postgres"]

STEP = int(os.environ.get("GATELODGE_TAMPERING_STEP", "32"))  # 1: every bit
COMMAND = f"GATELODGE_TAMPERING_STEP={STEP} .venv/bin/pytest framework/tests/vault/test_tampering.py"
OWNERS = (ALICE, BOB, Owner(TENANT, "alice", "jira"), service("coda"))


@dataclass(frozen=True)
class Tampering:
    """Statements that change the rows of ``victims``; each must be noticed."""

    name: str
    statements: tuple[tuple[str, dict[str, Any]], ...]
    victims: tuple[Owner, ...]


@dataclass(frozen=True)
class Row:
    """What the database has of an owner."""

    owner: Owner
    id: str
    key: dict[str, Any]
    values: dict[str, bytes]


async def filled(vault: Vault) -> list[Row]:
    """Connections of several owners with two fields each, as they are stored."""
    for owner in OWNERS:
        await vault.store.put(
            owner,
            {"access_token": canary("access"), "refresh_token": canary("refresh")},
            actor="user:a",
            scopes=frozenset({"read"}),
            account_id=owner.user,
            expires_at=2e9,
            extra={"cloud": "one"},
        )
    rows: list[Row] = []
    async with vault.db.reading() as tx:
        for owner in OWNERS:
            record_ = await vault.store.look(owner)
            assert record_ is not None
            key = await tx.one("SELECT * FROM data_keys WHERE token_id = :id", id=record_.id)
            values = await tx.all("SELECT * FROM token_values WHERE token_id = :id", id=record_.id)
            assert key is not None
            rows.append(Row(owner, record_.id, dict(key), {row["field"]: row["sealed"] for row in values}))
    return rows


def flips(value: bytes, step: int) -> Iterator[tuple[int, bytes]]:
    """The value with one bit changed, for every ``step``-th bit."""
    for bit in range(0, len(value) * 8, step):
        changed = bytearray(value)
        changed[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(changed)


def tamperings(rows: Sequence[Row], step: int) -> Iterator[Tampering]:
    """Everything that is tried, each from the untouched rows."""
    row = rows[0]
    value = "UPDATE token_values SET sealed = :value WHERE token_id = :id AND field = :field"
    wrap = "UPDATE data_keys SET wrapped = :value WHERE token_id = :id"
    for field, sealed in row.values.items():
        for bit, changed in flips(sealed, step):
            given = {"value": changed, "id": row.id, "field": field}
            yield Tampering(f"bit {bit} of {field}", ((value, given),), (row.owner,))
    for bit, changed in flips(row.key["wrapped"], step):
        yield Tampering(f"bit {bit} of the data key", ((wrap, {"value": changed, "id": row.id}),), (row.owner,))
    fields = sorted(row.values)
    for one in rows:
        swapped = tuple(
            (value, {"value": one.values[b], "id": one.id, "field": a})
            for a, b in zip(fields, fields[::-1], strict=True)
        )
        yield Tampering("fields of one row swapped", swapped, (one.owner,))
        for other in rows:
            if other is not one:
                yield from _between(one, other)
    for name, change in {
        "scopes": "scopes = '[\"admin\"]'",
        "scopes no JSON": "scopes = 'admin'",
        "scopes no list": "scopes = '1'",
        "account": "account_id = 'bob'",
        "account name": "account_name = 'Bob'",
        "expiry": "expires_at = 9e9",
        "no expiry": "expires_at = NULL",
        "absolute expiry": "absolute_expires_at = 9e9",
        "extra": 'extra = \'{"cloud": "two"}\'',
        "extra no object": "extra = '[]'",
        "version back": "version = version + 5",
        "user": "user_id = 'mallory'",
        "tenant": "tenant = 'https://other.example'",
    }.items():
        moved = {"user": "mallory", "tenant": "https://other.example"}
        victim = row.owner
        if name == "user":
            victim = replace(victim, user=moved[name])
        if name == "tenant":
            victim = replace(victim, tenant=moved[name])
        yield Tampering(name, ((f"UPDATE tokens SET {change} WHERE id = :id", {"id": row.id}),), (victim,))  # noqa: S608
    for name, sql in {
        "a field taken away": "DELETE FROM token_values WHERE token_id = :id AND field = 'refresh_token'",
        "all fields taken away": "DELETE FROM token_values WHERE token_id = :id",
        "the data key taken away": "DELETE FROM data_keys WHERE token_id = :id",
        "a field renamed": "UPDATE token_values SET field = 'api_token' WHERE token_id = :id AND field = 'access_token'",
        "another data key's id": "UPDATE data_keys SET id = 'e' WHERE token_id = :id",
    }.items():
        yield Tampering(name, ((sql, {"id": row.id}),), (row.owner,))


def _between(one: Row, other: Row) -> Iterator[Tampering]:
    """Parts of another row put into this one."""
    value = "UPDATE token_values SET sealed = :value WHERE token_id = :id AND field = :field"
    for field in sorted(one.values):
        for source in sorted(other.values):
            given = {"value": other.values[source], "id": one.id, "field": field}
            yield Tampering(f"{source} of another row as {field}", ((value, given),), (one.owner,))
    wrap = "UPDATE data_keys SET wrapped = :value WHERE token_id = :id"
    yield Tampering("another's data key", ((wrap, {"value": other.key["wrapped"], "id": one.id}),), (one.owner,))
    whole = (
        ("DELETE FROM data_keys WHERE token_id = :id", {"id": other.id}),
        ("DELETE FROM data_keys WHERE token_id = :id", {"id": one.id}),
        (
            "INSERT INTO data_keys (id, token_id, kek_id, wrapped, created_at) VALUES (:key, :id, :kek, :wrapped, 1.5)",
            {"key": other.key["id"], "id": one.id, "kek": other.key["kek_id"], "wrapped": other.key["wrapped"]},
        ),
        *((value, {"value": other.values[field], "id": one.id, "field": field}) for field in other.values),
    )
    yield Tampering("another's data key with all its values", whole, (one.owner, other.owner))


async def restore(vault: Vault, rows: Sequence[Row]) -> None:
    """The untouched rows again."""
    async with vault.db.transaction() as tx:
        await tx.execute("DELETE FROM data_keys")
        await tx.execute("DELETE FROM token_values")
        await tx.execute(
            "UPDATE tokens SET quarantined_at = NULL, quarantine_reason = NULL, scopes = :scopes, extra = :extra,"
            " account_name = NULL, expires_at = 2e9, absolute_expires_at = NULL, version = 1",
            scopes='["read"]',
            extra='{"cloud": "one"}',
        )
        await tx.many(
            "UPDATE tokens SET tenant = :tenant, user_id = :user, account_id = :user WHERE id = :id",
            [{"tenant": row.owner.tenant, "user": row.owner.user, "id": row.id} for row in rows],
        )
        await tx.many(
            "INSERT INTO data_keys (id, token_id, kek_id, wrapped, created_at)"
            " VALUES (:id, :token_id, :kek_id, :wrapped, :created_at)",
            [{name: row.key[name] for name in ("id", "token_id", "kek_id", "wrapped", "created_at")} for row in rows],
        )
        await tx.many(
            "INSERT INTO token_values (token_id, field, sealed) VALUES (:id, :field, :sealed)",
            [{"id": row.id, "field": field, "sealed": sealed} for row in rows for field, sealed in row.values.items()],
        )


async def noticed(vault: Vault, tampering: Tampering) -> bool:
    """Whether each victim is refused and quarantined, and every other owner served."""
    async with vault.db.transaction() as tx:
        for sql, values in tampering.statements:
            assert await tx.execute(sql, **values) > 0, tampering.name
    for victim in tampering.victims:
        try:
            await vault.store.open(victim, actor="user:a", purpose="a call")
        except CredentialUnreadable as error:
            status = error.status
        else:
            return False
        kept = await vault.store.look(victim)
        assert kept is not None
        assert (status, kept.quarantine_reason) == (503, "not_authentic")
    for owner in {OWNERS[0], OWNERS[-1]} - set(tampering.victims):
        # A row that was moved to another name is no longer found under its own.
        opened = await vault.store.open(owner, actor="user:a", purpose="a call")
        assert opened is not None or tampering.name in ("user", "tenant")
    return True


async def run(vault: Vault, step: int, only: Collection[str] = ()) -> tuple[int, list[str]]:
    """How many were tried, all or those of these names, and those that were not noticed."""
    rows = await filled(vault)
    missed, tried = [], 0
    for tampering in tamperings(rows, step):
        if only and tampering.name not in only:
            continue
        tried += 1
        if not await noticed(vault, tampering):
            missed.append(tampering.name)
        await restore(vault, rows)
    for owner in OWNERS:
        assert await vault.store.open(owner, actor="user:a", purpose="a call") is not None
    return tried, missed


@pytest.fixture
async def on_sqlite(tmp_path: Any) -> AsyncIterator[Vault]:
    vault = await open_vault(DatabaseConfig(f"sqlite:///{tmp_path / 'database' / 'test.db'}"), new_keyring())
    yield vault
    await vault.aclose()


async def test_every_change_and_swap_is_noticed_and_the_others_work(on_sqlite: Vault) -> None:
    tried, missed = await run(on_sqlite, STEP)
    assert missed == []
    assert tried >= (1000 if STEP <= 2 else 150)
    record(
        21,
        "changes and swaps in the database, SQLite",
        tried=tried,
        passed=tried - len(missed),
        command=COMMAND,
        negative_control="a store that binds nothing misses swaps (test_a_store_that_binds_nothing_misses_swaps)",
        not_detected="an old copy of the whole database, or of all rows of one connection at once",
    )


@pytest.mark.parametrize("database_config", ["postgresql"], indirect=True)
async def test_changes_and_swaps_are_noticed_on_the_other_database_too(vault: Vault) -> None:
    tried, missed = await run(vault, step=200)
    assert missed == []
    assert tried >= 80


async def test_a_store_that_binds_nothing_misses_swaps(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Binding, "bytes_for", lambda *_: b"")
    swaps = {"fields of one row swapped", "another's data key with all its values"}
    _, missed = await run(vault, step=10_000, only=swaps | {"another data key's id"})
    assert set(missed) == swaps


async def test_a_quarantined_row_is_audited_once_and_stays_out_until_it_is_stored_anew(vault: Vault) -> None:
    [row, *_] = await filled(vault)
    await vault.sql("UPDATE tokens SET account_id = 'bob' WHERE id = :id", id=row.id)
    for _ in range(3):
        with pytest.raises(CredentialUnreadable, match="changed or moved"):
            await vault.store.open(ALICE, actor="user:a", purpose="a call")
    [found] = await vault.events("vault.quarantine")
    assert (found.event.outcome, found.event.rule, found.event.actor) == ("failed", "not_authentic", "user:a")
    # Putting it right again does not explain what happened.
    await vault.sql("UPDATE tokens SET account_id = 'alice' WHERE id = :id", id=row.id)
    with pytest.raises(CredentialUnreadable):
        await vault.store.open(ALICE, actor="user:a", purpose="a call")
    assert await vault.store.begin_refresh(ALICE, 1, holder="one", lease_seconds=30) is None
    await vault.store.put(ALICE, {"access_token": Secret("new")}, actor="user:a")
    assert await vault.store.open(ALICE, actor="user:a", purpose="a call") is not None


async def test_a_refresh_of_a_changed_row_is_refused_before_and_after(vault: Vault) -> None:
    await filled(vault)
    lease = await vault.store.begin_refresh(ALICE, 1, holder="one", lease_seconds=30)
    assert lease is not None
    await vault.sql("UPDATE tokens SET account_id = 'bob' WHERE id = :id", id=lease.connection)
    with pytest.raises(CredentialUnreadable):
        await vault.store.finish_refresh(lease, {"access_token": Secret("new")}, expires_at=None)
    await vault.sql("UPDATE tokens SET account_id = 'x' WHERE user_id = 'bob'")
    with pytest.raises(CredentialUnreadable):
        await vault.store.begin_refresh(BOB, 1, holder="one", lease_seconds=30)


async def test_older_values_under_a_newer_row_do_not_open(vault: Vault) -> None:
    [old, *_] = await filled(vault)
    lease = await vault.store.begin_refresh(ALICE, 1, holder="one", lease_seconds=30)
    assert lease is not None
    await vault.store.finish_refresh(lease, {"access_token": Secret("new")}, expires_at=2e9)
    async with vault.db.transaction() as tx:
        await tx.execute(
            "UPDATE data_keys SET id = :key, wrapped = :wrapped WHERE token_id = :id",
            key=old.key["id"],
            wrapped=old.key["wrapped"],
            id=old.id,
        )
        for field, sealed in old.values.items():
            await tx.execute(
                "UPDATE token_values SET sealed = :sealed WHERE token_id = :id AND field = :field",
                sealed=sealed,
                id=old.id,
                field=field,
            )
    with pytest.raises(CredentialUnreadable):
        await vault.store.open(ALICE, actor="user:a", purpose="a call")


async def test_a_row_whose_key_is_missing_comes_back_with_the_key(vault: Vault) -> None:
    await filled(vault)
    stranger = vault.with_keys(new_keyring())
    with pytest.raises(VaultKeyUnusable) as caught:
        await stranger.check()
    assert vault.keyring.primary_id in caught.value.detail
    for _ in range(2):
        with pytest.raises(CredentialUnreadable, match="key that sealed it is not here"):
            await stranger.open(ALICE, actor="user:a", purpose="a call")
    assert await vault.store.open(ALICE, actor="user:a", purpose="a call") is not None
    found = await vault.store.look(ALICE)
    assert found is not None
    assert found.quarantined_at is None
    assert [one.event.kind for one in await vault.events("vault.quarantine", "vault.release")] == [
        "vault.quarantine",
        "vault.release",
    ]
    await vault.store.check()


async def test_of_two_that_find_the_key_again_one_lets_the_row_back(vault: Vault) -> None:
    await filled(vault)
    with pytest.raises(CredentialUnreadable):
        await vault.with_keys(new_keyring()).open(ALICE, actor="user:a", purpose="a call")
    kept = await vault.store.look(ALICE)
    assert kept is not None
    for _ in range(2):
        assert (await vault.store._quarantine.release(kept, "user:a")).quarantined_at is None
    assert len(await vault.events("vault.release")) == 1
