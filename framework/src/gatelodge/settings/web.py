"""Settings of the pages of connected accounts: the browser's sign-in, its sessions, and where front ends are.

Not here: providers (``connections``), the vault and its database (``vault``), front-end origins (``server``).
"""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from gatelodge.core.secret import Secret
from gatelodge.core.urls import is_loopback
from gatelodge.settings.process import Names, split
from gatelodge.settings.redis import RedisSettings
from gatelodge.settings.secret_files import check_secret_file, read_secret

__all__ = ["WebSettings"]


class WebSettings(RedisSettings):
    """Settings of the pages; a file is read where its variable is set and the value's own is not."""

    mode: Literal["development", "production"] = Field(
        default="development",
        examples=["development"],
        description="As for a server.",
    )

    web_client_secret_file: Path | None = Field(
        default=None,
        examples=["/run/secrets/gatelodge-web"],
        description="File with the secret of the realm's client `gatelodge-web`.",
    )
    web_client_secret: Secret | None = Field(
        default=None,
        validate_default=True,
        examples=["(a long random text)"],
        description=(
            "That secret, in place of the file. Without one nobody can sign in to the pages, and the page says so."
        ),
    )
    return_to: Names = Field(
        default=frozenset(),
        examples=["https://app.example.com/settings"],
        description=(
            "Whole addresses that a browser may be sent to after a link that a front end began, compared byte by byte."
        ),
    )

    session_store: Literal["database", "memory", "redis"] = Field(
        default="database",
        examples=["redis"],
        description=(
            "Where sessions are kept, sealed: `database` (the vault's), `redis`, or `memory` of one process, gone "
            "when it stops."
        ),
    )
    session_ttl: int = Field(
        default=28_800,
        ge=60,
        le=2_592_000,
        examples=["3600"],
        description="Seconds from a sign-in to the next, 60 to 2592000.",
    )

    _check_files = field_validator("web_client_secret_file")(check_secret_file)
    _read_secrets = field_validator("web_client_secret", mode="before")(read_secret)
    _split_lists = field_validator("return_to", mode="before")(split)

    @field_validator("session_store")
    @classmethod
    def _check_store(cls, kind: str, info: ValidationInfo) -> str:
        if kind == "redis" and "redis_url" in info.data and info.data["redis_url"] is None:
            raise ValueError("is redis, and GATELODGE_REDIS_URL is not set")
        return kind

    @field_validator("return_to")
    @classmethod
    def _check_returns(cls, urls: frozenset[str]) -> frozenset[str]:
        for url in urls:
            parts = urlsplit(url)
            secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
            if not secure or not parts.hostname or parts.username or parts.fragment or not url.isascii():
                raise ValueError("must hold whole https URLs without user name and fragment (http for localhost only)")
        return urls
