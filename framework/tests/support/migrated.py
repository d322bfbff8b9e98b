"""Databases whose migrations are applied, as copies of one that was migrated: applying them takes longer than most tests.

A copy differs in nothing from a database that was migrated by itself: the tests of ``storage`` do that, and compare.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.database import open_database
from gatelodge.storage.migrations import migrate

__all__ = ["migrate_once", "place_copy"]


@dataclass
class _Kept:
    sqlite: bytes | None = None


_kept = _Kept()


async def migrate_once(config: DatabaseConfig) -> None:
    """Apply every migration and close."""
    database = await open_database(config)
    await migrate(database)
    await database.aclose()


async def place_copy(config: DatabaseConfig) -> None:
    """Put a migrated database where an SQLite file is to be; one that exists stays."""
    if config.path.exists():
        return
    if _kept.sqlite is None:
        with tempfile.TemporaryDirectory() as folder:
            first = DatabaseConfig(f"sqlite:///{Path(folder) / 'database' / 'first.db'}")
            await migrate_once(first)
            _kept.sqlite = first.path.read_bytes()
    config.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(config.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_kept.sqlite)
