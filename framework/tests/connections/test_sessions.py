"""Sessions: one contract for every store, sealed content, a new id at each sign-in, and a fresh sign-in when in doubt."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from databases import Postgres
from redis.asyncio import Redis
from redis_server import redis_url
from vaults import Vault, new_keyring, open_vault

from gatelodge.connections.redis_sessions import RedisSessions
from gatelodge.connections.session_stores import DatabaseSessions, MemorySessions, SessionStore
from gatelodge.connections.sessions import Session, SignedIn, WebSessions
from gatelodge.core.clock import SystemClock
from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.errors import StorageUnavailable
from gatelodge.testing.clock import ManualClock
from gatelodge.vault.sealed import SealedBox

__all__ = ["redis_url"]

ALICE = SignedIn("https://as.example/realms/mcp", "sub-alice", "alice", Secret("canary-id-token"))


@pytest.fixture(params=["memory", "sqlite", "postgresql", "redis"])
async def store(request: pytest.FixtureRequest, vault: Vault, tmp_path: Path) -> AsyncIterator[SessionStore]:
    """Each store, empty; their clock is the vault's."""
    if request.param == "memory":
        yield MemorySessions(vault.clock)
    elif request.param == "sqlite":
        yield DatabaseSessions(vault.db, vault.clock)
    elif request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        server.sql("DROP DATABASE IF EXISTS web_sessions WITH (FORCE)")
        server.sql("CREATE DATABASE web_sessions")
        other = await open_vault(DatabaseConfig(server.url("web_sessions")), vault.keyring)
        yield DatabaseSessions(other.db, vault.clock)
        await other.aclose()
    else:
        kept = RedisSessions(Secret(request.getfixturevalue("redis_url")), vault.clock)
        yield kept
        await kept.aclose()


def sessions(store: SessionStore, vault: Vault, audience: str = "a") -> WebSessions:
    return WebSessions(store, vault.keyring, vault.clock, ttl=100.0, audience=audience)


async def test_a_store_keeps_gives_and_forgets(store: SessionStore, vault: Vault) -> None:
    until = vault.clock.now() + 100
    assert await store.get("none") is None
    await store.put("one", b"\x00\xffsealed", until)
    await store.put("two", b"other", until)
    assert await store.get("one") == b"\x00\xffsealed"
    await store.delete("one")
    await store.delete("one")
    assert await store.get("one") is None
    assert await store.get("two") == b"other"
    assert await store.sweep() == 0


async def test_a_session_is_found_by_its_id_alone(store: SessionStore, vault: Vault) -> None:
    kept = sessions(store, vault)
    name, session = await kept.begin(ALICE)
    found = await kept.find(name.reveal())
    assert found == session
    assert found.who == ALICE
    for wrong in (None, "", session.key, name.reveal()[:-1], "a" * 10_000, "\ud800"):
        assert await kept.find(wrong) is None
    await kept.end(session)
    assert await kept.find(name.reveal()) is None


async def test_a_sign_in_gives_a_new_id_and_ends_the_old_one(store: SessionStore, vault: Vault) -> None:
    kept = sessions(store, vault)
    old, before = await kept.begin(ALICE)
    new, after = await kept.begin(ALICE, instead_of=old.reveal())
    assert new != old
    assert after.csrf != before.csrf
    assert await kept.find(old.reveal()) is None
    assert await kept.find(new.reveal()) == after
    # An id that somebody planted begins nothing, and is no error.
    planted, _ = await kept.begin(ALICE, instead_of="planted")
    assert planted.reveal() != "planted"
    assert await kept.find("planted") is None


async def test_a_session_of_another_server_key_or_format_ends_in_a_fresh_sign_in(
    store: SessionStore, vault: Vault
) -> None:
    kept = sessions(store, vault)
    name, session = await kept.begin(ALICE)
    assert await sessions(store, vault, "another").find(name.reveal()) is None
    other_key = WebSessions(store, new_keyring(), vault.clock, audience="a")
    assert await other_key.find(name.reveal()) is None
    # The replica that has the key is not harmed by the one that has not.
    assert await kept.find(name.reveal()) == session
    box = SealedBox(vault.keyring, "web session")
    for content in (json.dumps([0, "old", "format"]), json.dumps([2, "", "", None, "", "", 9e9]), "{}", "no json"):
        await store.delete(session.key)
        await store.put(session.key, box.seal(content.encode(), "a", session.key), vault.clock.now() + 50)
        assert await kept.find(name.reveal()) is None


async def test_a_session_under_another_digest_does_not_open(store: SessionStore, vault: Vault) -> None:
    kept = sessions(store, vault)
    mine, session = await kept.begin(ALICE)
    _, other = await kept.begin(SignedIn(ALICE.issuer, "bob", "bob", Secret("t")))
    sealed = await store.get(other.key)
    assert sealed is not None
    await store.delete(session.key)
    await store.put(session.key, sealed, vault.clock.now() + 50)
    assert await kept.find(mine.reveal()) is None


async def test_an_older_key_in_the_keyring_still_opens(vault: Vault) -> None:
    store = MemorySessions(vault.clock)
    name, session = await sessions(store, vault).begin(ALICE)
    rotated = WebSessions(store, new_keyring(vault.keyring), vault.clock, audience="a")
    assert await rotated.find(name.reveal()) == session


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_session_ends_at_its_time_and_is_cleaned_up(vault: Vault, kind: str) -> None:
    store = MemorySessions(vault.clock) if kind == "memory" else DatabaseSessions(vault.db, vault.clock)
    kept = sessions(store, vault)
    name, _ = await kept.begin(ALICE)
    vault.clock.advance(99)
    assert await kept.find(name.reveal()) is not None
    assert await kept.sweep() == 0
    vault.clock.advance(1)
    assert await kept.find(name.reveal()) is None
    assert await kept.sweep() == 1
    await kept.aclose()


async def test_a_store_that_gives_back_a_session_after_its_end_changes_nothing(vault: Vault) -> None:
    store = MemorySessions(ManualClock(0.0))
    kept = sessions(store, vault)
    name, _ = await kept.begin(ALICE)
    vault.clock.advance(100)
    assert await kept.find(name.reveal()) is None


async def test_redis_ends_a_session_by_itself_and_holds_nothing_readable(redis_url: str, vault: Vault) -> None:
    store = RedisSessions(Secret(redis_url), SystemClock())
    kept = WebSessions(store, vault.keyring, SystemClock(), ttl=3600.0, audience="a")
    name, session = await kept.begin(ALICE)
    raw: Redis = Redis.from_url(redis_url)
    life = await raw.pttl(f"gatelodge:web-session:{session.key}")
    assert 3_590_000 < life <= 3_600_000
    held = await raw.get(f"gatelodge:web-session:{session.key}")
    assert isinstance(held, bytes)
    for canary in (b"canary", b"alice", name.reveal().encode(), session.csrf.reveal().encode()):
        assert canary not in held
    await raw.aclose()
    await kept.aclose()


async def test_redis_that_does_not_answer_is_told_without_its_address() -> None:
    store = RedisSessions(Secret("redis://user:canary@127.0.0.1:1/0"), SystemClock())
    for asked in (store.get("x"), store.put("x", b"", 9e9), store.delete("x")):
        with pytest.raises(StorageUnavailable) as raised:
            await asked
        assert "canary" not in raised.value.detail
    await store.aclose()


async def test_memory_forgets_the_oldest_of_too_many() -> None:
    store = MemorySessions(ManualClock(0.0), most=2)
    for name in ("a", "b", "c"):
        await store.put(name, b"", 10.0)
    assert [await store.get(name) for name in ("a", "b", "c")] == [None, b"", b""]


def test_nothing_secret_shows_in_a_session() -> None:
    session = Session("k", ALICE, Secret("canary-csrf"), 0.0)
    assert "canary" not in repr(session)
