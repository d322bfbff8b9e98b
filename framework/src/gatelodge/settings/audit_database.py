"""The database of an audit trail where there is no vault: for servers without linked accounts, the desk and commands."""

from typing import Self

from pydantic import model_validator

from gatelodge.settings.vault import VaultSettings
from gatelodge.storage.errors import DatabaseConfigInvalid

__all__ = ["AuditDatabaseSettings"]


class AuditDatabaseSettings(VaultSettings):
    """The database alone, by the variables that the vault has: for a process, or a command, without a vault."""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        try:
            _ = self.database_config().dialect
        except DatabaseConfigInvalid as error:
            raise ValueError(error.detail) from None
        return self
