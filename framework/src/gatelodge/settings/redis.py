"""Settings of Redis or Valkey, where replicas count limits together and may keep sessions. Not here: either of the two."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.core.secret import Secret
from gatelodge.core.urls import service_parts
from gatelodge.settings.secret_files import check_secret_file, read_secret

__all__ = ["RedisSettings"]

_SCHEMES = ("redis", "rediss", "unix")


class RedisSettings(BaseSettings):
    """What the desk, servers and pages share."""

    model_config = SettingsConfigDict(
        env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True, arbitrary_types_allowed=True
    )

    redis_url_file: Path | None = Field(
        default=None,
        examples=["/run/secrets/gatelodge-redis-url"],
        description="File with the address of Redis or Valkey.",
    )
    redis_url: Secret | None = Field(
        default=None,
        validate_default=True,
        examples=["redis://redis:6379/0"],
        description=(
            "The address, in place of the file; `rediss://` for TLS. With it, replicas count limits together; without, "
            "each process for itself. Sessions are kept there by `GATELODGE_SESSION_STORE`. Needs the extra `redis`."
        ),
    )

    _check_redis_file = field_validator("redis_url_file")(check_secret_file)
    _read_redis_url = field_validator("redis_url", mode="before")(read_secret)

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: Secret | None) -> Secret | None:
        if url is None:
            return url
        if url.reveal().partition("://")[0] not in _SCHEMES:
            raise ValueError("must begin with redis://, rediss:// or unix://")
        if service_parts(url.reveal()) is None:
            # The reason that the library gives repeats what it could not read, which is often the password.
            raise ValueError("cannot be read; in a password write / as %2F, # as %23, ? as %3F and @ as %40")
        return url
