"""Settings of the database: a URL, or the variables that PostgreSQL images know, or SQLite in the state folder.

Not here: whether it can be used (``storage``), which says so when it is opened.
"""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.core.secret import Secret
from gatelodge.storage.config import DatabaseConfig

__all__ = ["DatabaseSettings"]


class DatabaseSettings(BaseSettings):
    """Where the database is, for every section that keeps something there."""

    model_config = SettingsConfigDict(
        env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True, arbitrary_types_allowed=True
    )

    state_dir: Path = Field(
        default=Path(".gatelodge/server"),
        examples=[".gatelodge/server"],
        description=(
            "As for a server. Without a key of its own setting, development keeps it here in `vault.key`; the SQLite "
            "database is in `database/`."
        ),
    )
    database_url: Secret | None = Field(
        default=None,
        examples=["postgresql://gatelodge@db:5432/gatelodge"],
        description=(
            "SQLite file or PostgreSQL 15 or newer. Without it: PostgreSQL if `POSTGRES_HOST` is set, else the SQLite file "
            "`database/gatelodge.db` of the state folder. TLS options of PostgreSQL go into the query: "
            "`?sslmode=verify-full&sslrootcert=/run/ca.pem`."
        ),
    )
    database_url_file: Path | None = Field(
        default=None,
        examples=["/run/secrets/gatelodge-database-url"],
        description="File with the URL.",
    )
    postgres_host: str = Field(
        default="",
        validation_alias="POSTGRES_HOST",
        examples=["db"],
        description="Host of PostgreSQL 15 or newer. With it, the following count.",
    )
    postgres_port: int = Field(
        default=5432,
        ge=1,
        le=65535,
        validation_alias="POSTGRES_PORT",
        examples=["5432"],
        description="Its port.",
    )
    postgres_db: str = Field(
        default="",
        validation_alias="POSTGRES_DB",
        examples=["gatelodge"],
        description="Database; without it the one named like the user.",
    )
    postgres_user: str = Field(
        default="",
        validation_alias="POSTGRES_USER",
        examples=["gatelodge"],
        description="User; without it `postgres`.",
    )
    postgres_password: Secret | None = Field(
        default=None,
        validation_alias="POSTGRES_PASSWORD",
        examples=["(a long random text)"],
        description="The user's password; never shown in a message or a log.",
    )
    postgres_password_file: Path | None = Field(
        default=None,
        validation_alias="POSTGRES_PASSWORD_FILE",
        examples=["/run/secrets/postgres"],
        description="File with the password.",
    )

    @field_validator("database_url", "postgres_password", mode="before")
    @classmethod
    def _hide_database(cls, given: object) -> object:
        return (Secret(given.strip()) if given.strip() else None) if isinstance(given, str) else given

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
