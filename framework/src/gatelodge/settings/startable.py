"""What a start would refuse although every section is right by itself: keys, databases, and ports that are one.

Looked at for ``gatelodge config check``; the processes find the same when they open these things. Nothing is made here.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

from gatelodge.core.errors import GatelodgeError
from gatelodge.settings.audit import AuditSettings
from gatelodge.settings.audit_database import AuditDatabaseSettings
from gatelodge.settings.database import DatabaseSettings
from gatelodge.settings.load import SettingsInvalid, load
from gatelodge.settings.variables import without_credentials
from gatelodge.settings.vault import VaultSettings
from gatelodge.storage.errors import DatabaseConfigInvalid

__all__ = ["refusals"]


def refusals(
    models: Sequence[type[BaseSettings]], read: Sequence[BaseSettings], *, env_file: Path | None = None
) -> Iterator[str]:
    """One line for each; ``read`` are the sections that were right."""
    records = any(isinstance(one, AuditSettings) and one.audit == "on" for one in read)
    vault = next((one for one in read if isinstance(one, VaultSettings)), None)
    if VaultSettings in models or DatabaseSettings in models or records:
        # By itself: a fault elsewhere in the vault's section must not hide one of the database.
        yield from _database(DatabaseSettings if VaultSettings in models else AuditDatabaseSettings, env_file)
    if vault is not None:
        # A path may be a secret that was set in the wrong place.
        yield from _said(lambda: _key(vault), hidden=str(vault.vault_config().key_file or ""))
    for section in read:
        port: Any = getattr(section, "metrics_port", 0)
        if port and port == getattr(section, "port", None):
            yield f"GATELODGE_METRICS_PORT: must be another port than GATELODGE_PORT, which is {port} too (example: 9464)"


def _database(model: type[DatabaseSettings], env_file: Path | None) -> Iterator[str]:
    try:
        section = load(model, **({} if env_file is None else {"_env_file": env_file}))
    except SettingsInvalid as error:
        yield from error.faults
        return

    def usable() -> None:
        config = section.database_config()
        if config.dialect == "postgresql":
            config.check_url()

    yield from _said(usable)


def _key(section: VaultSettings) -> None:
    # Needs the extra `connections`, which other processes do without.
    from gatelodge.vault.key_source import load_keyring  # noqa: PLC0415

    config = section.vault_config()
    made_at_start = config.key is None and config.key_file is None and not config.production
    if not made_at_start or config.own_key_file.exists():
        load_keyring(config)


def _said(check: Callable[[], object], hidden: str = "") -> Iterator[str]:
    try:
        check()
    except DatabaseConfigInvalid as error:
        yield without_credentials(error.detail)
    except GatelodgeError as error:
        text = f"{error.detail} ({error.hint})" if error.hint else error.detail
        yield text.replace(hidden, "that of GATELODGE_VAULT_KEY_FILE") if hidden else text
