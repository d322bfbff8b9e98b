"""The vault of the settings, opened for one command."""

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gatelodge.audit.actor import of_operator
from gatelodge.audit.event import Event
from gatelodge.audit.trail import Trail
from gatelodge.core.clock import SystemClock
from gatelodge.settings.vault import VaultSettings
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.migrations import migrate
from gatelodge.vault.config import VaultConfig
from gatelodge.vault.errors import StoreReadOnly, VaultKeyUnusable
from gatelodge.vault.key_source import change_key_file, load_keyring, make_key_file, new_key
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.process_memory import keep_memory_private
from gatelodge.vault.sql_store import SqlTokenStore

__all__ = ["Place", "initialise", "new_primary", "opened", "retire", "told"]


@dataclass(frozen=True)
class Place:
    """An open vault, its keys, and who works on it."""

    config: VaultConfig
    db: Database
    keyring: Keyring
    trail: Trail
    store: SqlTokenStore
    actor: str


@asynccontextmanager
async def opened(settings: VaultSettings, *, keyring: Keyring | None = None, make: bool = True) -> AsyncIterator[Place]:
    """The vault, its migrations applied and its keys checked. Raises: VaultKeyUnusable, StoreReadOnly.

    Without ``make`` nothing is made where no vault is: who only looks must leave nothing behind.
    """
    config = settings.vault_config()
    if config.store == "env":
        raise StoreReadOnly(
            "GATELODGE_TOKEN_STORE is env: there is no vault, credentials are read from the environment"
        )
    # Production makes no key by itself, and says what is missing.
    if not make and not config.production and config.kept_in is not None and not config.kept_in.exists():
        raise VaultKeyUnusable(
            f"there is no vault here: {config.kept_in} does not exist",
            hint="Start where the server does, or set GATELODGE_STATE_DIR; gatelodge vault init makes a new one.",
        )
    keep_memory_private()
    keyring = keyring or load_keyring(config)
    clock = SystemClock()
    db = await open_database(settings.database_config())
    try:
        await migrate(db)
        trail = Trail(db, clock)
        store = SqlTokenStore(db, keyring, trail, clock)
        try:
            await store.check()
            yield Place(config, db, keyring, trail, store, of_operator(getpass.getuser()))
        finally:
            await trail.aclose()
    finally:
        await db.aclose()


async def initialise(settings: VaultSettings) -> tuple[str, bool, tuple[str, ...]]:
    """Make what is missing: where the key is, whether it was made now, and the ids of the keys."""
    config = settings.vault_config()
    # An operator's explicit command may make a key in production too, in the file that is named for it.
    path = config.key_file if config.production else config.kept_in
    made = path is not None and config.key is None and make_key_file(path)
    async with opened(settings) as place:
        if made:
            await told(place, action="init", key=place.keyring.primary_id)
        return str(config.kept_in or "the environment"), made, place.keyring.ids


def new_primary(settings: VaultSettings) -> None:
    """A new primary key in front of those in the key file. Raises: StoreReadOnly, when no file holds them."""
    path = _key_file(settings.vault_config())
    # In development there may be none yet.
    load_keyring(settings.vault_config())
    change_key_file(path, lambda kept: [new_key(), *kept])


async def retire(place: Place, key_id: str) -> None:
    """Take a key that nothing needs out of the key file. Raises: VaultKeyUnusable, StoreReadOnly."""
    path = _key_file(place.config)
    await place.store.rotation.retire(key_id, actor=place.actor)
    # Of what is in the file by now: another command may have put a new key there while this one rotated.
    change_key_file(path, lambda kept: [key for key in kept if key.id.hex() != key_id])


async def told(place: Place, *, action: str, key: str) -> None:
    """Record what was done with a key, by its id."""
    await place.trail.record(Event("admin.key", place.actor, {"action": action, "key": key}))


def _key_file(config: VaultConfig) -> Path:
    if config.kept_in is None:
        raise StoreReadOnly(
            "the vault's keys come from the environment, which cannot be written",
            hint="Put the new key in front of GATELODGE_VAULT_KEY, separated by a comma, restart, then rotate.",
        )
    return config.kept_in
