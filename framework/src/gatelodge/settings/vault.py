"""Settings of the vault: which store, its key and its database.

Not here: whether a key is good (``vault.key_source``) or a database can be used (``storage``); both say so when opened.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from gatelodge.core.secret import Secret
from gatelodge.settings.database import DatabaseSettings
from gatelodge.storage.errors import DatabaseConfigInvalid
from gatelodge.vault.config import StoreKind, VaultConfig

__all__ = ["VaultSettings"]

_EXAMPLE_KEY = "(32 random bytes in base64)"


class VaultSettings(DatabaseSettings):
    """Settings of the vault, for a server that keeps connections and for ``gatelodge vault``."""

    model_config = SettingsConfigDict(
        env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True, arbitrary_types_allowed=True
    )

    mode: Literal["development", "production"] = Field(
        default="development",
        examples=["development"],
        description=(
            "As for a server. `development` makes a key by itself where there is none; `production` never does."
        ),
    )
    token_store: StoreKind = Field(
        default="sqlite",
        examples=["postgres"],
        description=(
            "Where credentials are kept: `sqlite`, `postgres`, or `env` for the services' own credentials in "
            "environment variables, which is read-only and has no users' accounts."
        ),
    )

    vault_key: Secret | None = Field(
        default=None,
        examples=[_EXAMPLE_KEY],
        description=(
            "The key, 32 random bytes in base64 or hexadecimal. Several, separated by commas, while keys change: the"
            " first seals, all open."
        ),
    )
    vault_key_file: Path | None = Field(
        default=None,
        examples=["/run/secrets/gatelodge-vault-key"],
        description="File with the key or keys, one a line. Its mode must be 0600 or stricter.",
    )
    mcp_auth_encryption_key: Secret | None = Field(
        default=None,
        validation_alias="MCP_AUTH_ENCRYPTION_KEY",
        examples=[_EXAMPLE_KEY],
        description="Another name of `GATELODGE_VAULT_KEY`. Only one of the four may be set.",
    )
    mcp_auth_encryption_key_file: Path | None = Field(
        default=None,
        validation_alias="MCP_AUTH_ENCRYPTION_KEY_FILE",
        examples=["/run/secrets/gatelodge-vault-key"],
        description="Another name of `GATELODGE_VAULT_KEY_FILE`.",
    )

    @field_validator("vault_key", "mcp_auth_encryption_key", mode="before")
    @classmethod
    def _hide(cls, given: object) -> object:
        return (Secret(given.strip()) if given.strip() else None) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        keys = (self.vault_key, self.vault_key_file, self.mcp_auth_encryption_key, self.mcp_auth_encryption_key_file)
        if sum(key is not None for key in keys) > 1:
            raise ValueError("GATELODGE_VAULT_KEY, MCP_AUTH_ENCRYPTION_KEY and their _FILE forms: set one of them only")
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
            key_file=self.vault_key_file or self.mcp_auth_encryption_key_file,
            production=self.mode == "production",
        )
