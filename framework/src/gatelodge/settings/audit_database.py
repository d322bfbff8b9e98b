"""The database of an audit trail where there is no vault: for servers without linked accounts, the desk and commands."""

from typing import Self

from pydantic import Field, model_validator

from gatelodge.settings.database import DatabaseSettings
from gatelodge.settings.vault import VaultSettings
from gatelodge.storage.errors import DatabaseConfigInvalid

__all__ = ["AuditDatabaseSettings", "AuditReaderSettings"]


class AuditDatabaseSettings(VaultSettings):
    """The database alone, by the variables that the vault has: for a process, or a command, without a vault."""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        try:
            _ = self.database_config().dialect
        except DatabaseConfigInvalid as error:
            raise ValueError(error.detail) from None
        return self


class AuditReaderSettings(DatabaseSettings):
    """What a command that reads a trail goes by: the state folder, and whose users a bare subject is one of."""

    issuer: str | None = Field(
        default=None, examples=["https://mcp.example.com/realms/mcp"], description="As for a server."
    )
