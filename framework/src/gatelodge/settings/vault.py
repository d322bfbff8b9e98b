"""Settings of the vault: which store, its key and its database.

Not here: whether a key is good (``vault.key_source``) or a database can be used (``storage``); both say so when opened.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig
from gatelodge.storage.errors import DatabaseConfigInvalid
from gatelodge.vault.config import StoreKind, VaultConfig

__all__ = ["VaultSettings"]

_EXAMPLE_KEY = "(32 random bytes in base64)"


class VaultSettings(BaseSettings):
    """Settings of the vault, for a server that keeps connections and for ``gatelodge vault``."""

    model_config = SettingsConfigDict(
        env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True, arbitrary_types_allowed=True
    )

    mode: Literal["development", "production"] = Field(default="development", examples=["development"])
    state_dir: Path = Field(default=Path(".gatelodge/server"), examples=[".gatelodge/server"])
    token_store: StoreKind = Field(default="sqlite", examples=["postgres"])

    vault_key: Secret | None = Field(default=None, examples=[_EXAMPLE_KEY])
    vault_key_file: Path | None = Field(default=None, examples=["/run/secrets/gatelodge-vault-key"])
    mcp_auth_encryption_key: Secret | None = Field(
        default=None, validation_alias="MCP_AUTH_ENCRYPTION_KEY", examples=[_EXAMPLE_KEY]
    )

    database_url: Secret | None = Field(default=None, examples=["postgresql://gatelodge@db:5432/gatelodge"])
    database_url_file: Path | None = Field(default=None, examples=["/run/secrets/gatelodge-database-url"])
    postgres_host: str = Field(default="", validation_alias="POSTGRES_HOST", examples=["db"])
    postgres_port: int = Field(default=5432, ge=1, le=65535, validation_alias="POSTGRES_PORT", examples=["5432"])
    postgres_db: str = Field(default="", validation_alias="POSTGRES_DB", examples=["gatelodge"])
    postgres_user: str = Field(default="", validation_alias="POSTGRES_USER", examples=["gatelodge"])
    postgres_password: Secret | None = Field(
        default=None, validation_alias="POSTGRES_PASSWORD", examples=["(a long random text)"]
    )
    postgres_password_file: Path | None = Field(
        default=None, validation_alias="POSTGRES_PASSWORD_FILE", examples=["/run/secrets/postgres"]
    )

    @field_validator("vault_key", "mcp_auth_encryption_key", "database_url", "postgres_password", mode="before")
    @classmethod
    def _hide(cls, given: object) -> object:
        return (Secret(given.strip()) if given.strip() else None) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        keys = (self.vault_key, self.vault_key_file, self.mcp_auth_encryption_key)
        if sum(key is not None for key in keys) > 1:
            raise ValueError(
                "GATELODGE_VAULT_KEY, GATELODGE_VAULT_KEY_FILE and MCP_AUTH_ENCRYPTION_KEY: set one of them only"
            )
        if self.token_store == "env":  # noqa: S105 - a kind of store
            return self
        try:
            dialect = self.database_config().dialect
        except DatabaseConfigInvalid as error:
            raise ValueError(error.detail) from None
        kind: StoreKind = "postgres" if dialect == "postgresql" else "sqlite"
        if kind != self.token_store:
            raise ValueError(f"GATELODGE_TOKEN_STORE is {self.token_store}, but the database is {dialect}")
        return self

    def vault_config(self) -> VaultConfig:
        """The vault section."""
        return VaultConfig(
            store=self.token_store,
            own_key_file=self.state_dir / "vault.key",
            key=self.vault_key or self.mcp_auth_encryption_key,
            key_file=self.vault_key_file,
            production=self.mode == "production",
        )

    def database_config(self) -> DatabaseConfig:
        """The database section. Raises: DatabaseConfigInvalid."""
        given = {
            "GATELODGE_DATABASE_URL": self.database_url,
            "GATELODGE_DATABASE_URL_FILE": self.database_url_file,
            "POSTGRES_HOST": self.postgres_host,
            "POSTGRES_PORT": self.postgres_port,
            "POSTGRES_DB": self.postgres_db,
            "POSTGRES_USER": self.postgres_user,
            "POSTGRES_PASSWORD": self.postgres_password,
            "POSTGRES_PASSWORD_FILE": self.postgres_password_file,
        }
        environ = {
            name: value.reveal() if isinstance(value, Secret) else str(value)
            for name, value in given.items()
            if value is not None
        }
        return DatabaseConfig.from_environment(environ, state_dir=self.state_dir)
