"""The trail of the settings, opened for one command; nothing is made and no migration applied."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gatelodge.settings.audit_database import AuditDatabaseSettings
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.storage.database import Database, open_database
from gatelodge.storage.migrations import pending

__all__ = ["opened"]

_NEXT = "Name the server's state folder with --state-dir, or its database in GATELODGE_DATABASE_URL."


@asynccontextmanager
async def opened(state_dir: Path | None = None) -> AsyncIterator[Database]:
    """The database of the settings, or the one in a state folder. Raises: SettingsInvalid, when it holds no trail."""
    given: dict[str, Any] = {} if state_dir is None else {"state_dir": state_dir}
    config = load(AuditDatabaseSettings, **given).database_config()
    # Opening would make an empty one.
    if config.dialect == "sqlite" and not config.path.is_file():
        raise SettingsInvalid(f"there is no audit trail: {config.place} does not exist", hint=_NEXT)
    database = await open_database(config)
    try:
        if "0001_audit" in await pending(database):
            raise SettingsInvalid(f"there is no audit trail in {config.place}", hint=_NEXT)
        yield database
    finally:
        await database.aclose()
