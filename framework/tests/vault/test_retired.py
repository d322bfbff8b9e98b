"""A retired key seals nothing any more, also in a process that was started before; and no command loses another's key."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from vaults import TENANT, Vault

from gatelodge.core.secret import Secret
from gatelodge.vault import retired, rows
from gatelodge.vault.errors import VaultKeyUnusable
from gatelodge.vault.key_source import change_key_file, make_key_file, new_key, read_key_file, write_key_file
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.owner import Owner
from gatelodge.vault.sql_store import SqlTokenStore

HERE = Path(__file__).parent


class Process:
    """A server's store in a process of its own."""

    def __init__(self, program: "subprocess.Popen[str]") -> None:
        self.program = program
        assert self.answer() == {"ready": True}

    def ask(self, line: str) -> Any:
        assert self.program.stdin is not None
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        assert self.program.stdout is not None
        return json.loads(self.program.stdout.readline())


def _url(vault: Vault) -> str:
    url = vault.config.url
    return url if isinstance(url, str) else url.reveal()


@contextmanager
def server(vault: Vault, file: Path, *how: str) -> Iterator[Process]:
    command = [sys.executable, str(HERE / "sealing_process.py"), _url(vault), str(file), *how]
    paths = {"PYTHONPATH": str(HERE.parent / "support")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **paths}
    ) as program:
        yield Process(program)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "vault.key"
    make_key_file(path)
    return path


async def rotated(vault: Vault, file: Path) -> tuple[str, str]:
    """As ``gatelodge vault rotate --new-key --retire OLD``; the ids of the old and the new key."""
    old = read_key_file(file).primary_id
    change_key_file(file, lambda kept: [new_key(), *kept])
    ring = read_key_file(file)
    store = vault.with_keys(ring)
    await store.rotation.run(actor="operator:o")
    await store.rotation.retire(old, actor="operator:o")
    change_key_file(file, lambda kept: [key for key in kept if key.id.hex() != old])
    return old, ring.primary_id


async def test_a_server_that_was_not_restarted_seals_with_the_newer_key_of_its_file(vault: Vault, file: Path) -> None:
    with server(vault, file) as first, server(vault, file) as second:
        before = first.ask("put ada")["done"]
        old, new = await rotated(vault, file)
        assert before == old
        # The first thing that each does after it is a write.
        assert first.ask("put bea") == {"done": new}
        assert second.ask("refresh ada") == {"done": new}
        assert second.ask("open bea") == {"done": "bea"}
    fresh = vault.with_keys(read_key_file(file))
    await fresh.check()
    assert set(await fresh.rotation.in_use()) == {new}


async def test_a_server_with_its_key_in_the_environment_stores_nothing_under_a_retired_one(
    vault: Vault, file: Path
) -> None:
    with server(vault, file, "env") as old_one:
        assert "done" in old_one.ask("put ada")
        _, new = await rotated(vault, file)
        for line in ("put bea", "refresh ada"):
            refused = old_one.ask(line)
            assert refused["refused"] == "KeyRetired"
            assert "Restart" in refused["hint"]
        assert old_one.ask("look bea") == {"done": None}, "nothing half is left"
    assert set(await vault.with_keys(read_key_file(file)).rotation.in_use()) == {new}


async def test_the_same_in_one_process(vault: Vault, file: Path) -> None:
    ada = Owner(TENANT, "ada", "github")
    ring = read_key_file(file)
    fixed = vault.with_keys(ring)
    following = SqlTokenStore(vault.db, ring, vault.trail, vault.clock, reload=lambda: read_key_file(file))
    record = await fixed.put(ada, {"access_token": Secret("t")}, actor="user:a")
    _, new = await rotated(vault, file)
    with pytest.raises(retired.KeyRetired):
        await fixed.put(ada, {"access_token": Secret("t")}, actor="user:a")
    with pytest.raises(retired.KeyRetired):
        await fixed.begin_refresh(ada, record.version, holder="h", lease_seconds=30)
    assert await following.begin_refresh(ada, record.version, holder="h", lease_seconds=30) is not None
    await following.put(ada, {"access_token": Secret("t")}, actor="user:a")
    assert set(await following.rotation.in_use()) == {new}


async def test_without_the_look_a_credential_is_lost(vault: Vault, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def blind(*_: object) -> bool:
        return False

    stale = vault.with_keys(read_key_file(file))
    await rotated(vault, file)
    monkeypatch.setattr(retired, "_is_retired", blind)
    await stale.put(Owner(TENANT, "bea", "github"), {"access_token": Secret("t")}, actor="user:a")
    with pytest.raises(VaultKeyUnusable, match="sealed by"):
        await vault.with_keys(read_key_file(file)).check()


async def test_who_retires_waits_for_a_write_that_is_under_way(vault: Vault, file: Path) -> None:
    old = read_key_file(file)
    both = Keyring([new_key(), old.primary])
    async with vault.db.transaction() as tx:
        stale = vault.with_keys(old)._sealing
        await tx.execute("INSERT INTO services (name, created_at) VALUES ('github', 1)")
        [row] = await tx.all(
            "INSERT INTO tokens (id, tenant, user_id, service, status, scopes, extra, created_at, updated_at, version,"
            " refresh_fence) VALUES ('c', 't', 'u', 'github', 'active', '[]', '{}', 1, 1, 1, 0) RETURNING *"
        )
        record = rows.record_of(row)
        await retired.write_sealed(tx, stale, record, {"access_token": Secret("t")}, 1.0)
        work = vault.with_keys(both).rotation.retire(old.primary_id, actor="operator:o")
        retiring = asyncio.ensure_future(work)
        done, _ = await asyncio.wait([retiring], timeout=0.2)
        assert not done, "what is being written cannot be counted yet"
    with pytest.raises(VaultKeyUnusable, match="1 credentials still need it"):
        await retiring
    assert await vault.db.row("SELECT kek_id FROM retired_keys") is None


async def test_a_start_with_a_retired_key_in_front_is_refused(vault: Vault, file: Path) -> None:
    first = read_key_file(file)
    old, _ = await rotated(vault, file)
    with pytest.raises(VaultKeyUnusable, match=f"primary key {old} was retired"):
        await vault.with_keys(first).check()
    with pytest.raises(VaultKeyUnusable, match="was retired"):
        await vault.with_keys(first).rotate_key(actor="operator:o")
    # Behind a newer one it opens what is old.
    await vault.with_keys(Keyring([read_key_file(file).primary, first.primary])).check()


def test_two_commands_at_once_lose_no_key(file: Path) -> None:
    def one() -> None:
        change_key_file(file, lambda kept: [new_key(), *kept])

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_key_file(file).ids) == 9
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_the_lock_a_key_is_lost(file: Path) -> None:
    seen = [read_key_file(file) for _ in range(2)]
    for ring in seen:
        write_key_file(file, [new_key(), ring.primary])
    assert len(read_key_file(file).ids) == 2


def test_a_key_file_that_cannot_be_locked_is_told(tmp_path: Path) -> None:
    with pytest.raises(VaultKeyUnusable, match="cannot be changed"):
        change_key_file(tmp_path / "none" / "vault.key", lambda kept: kept)
