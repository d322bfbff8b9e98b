"""What the desk and every server share, and the forms of values that both use.

Not here: the settings of one of them (``server``, ``desk``), how faults are told (``load``).
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gatelodge.core.urls import is_loopback, origin_of

__all__ = ["Names", "ProcessSettings", "internal_url", "public_url", "split"]

# A list of names, separated by commas or white space.
Names = Annotated[frozenset[str], NoDecode]
_LIST_SEPARATOR = re.compile(r"[,\s]+")


def split(value: object) -> object:
    """The entries of a list as it is written; anything but text as it is."""
    return frozenset(filter(None, _LIST_SEPARATOR.split(value))) if isinstance(value, str) else value


def public_url(url: str) -> str:
    """A URL that clients compare byte by byte. Raises: ValueError."""
    # What would need normalising is refused here (RFC 8414, section 3.3).
    parts = urlsplit(_absolute_url(url))
    if url.endswith("/"):
        raise ValueError("must not end with a slash")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https (http is accepted for localhost only)")
    if origin_of(url) != origin_of(url).lower():
        raise ValueError("must have scheme and host in lower case")
    return url


def internal_url(url: str | None) -> str | None:
    """A URL that only our own processes use. Raises: ValueError."""
    return None if url is None else _absolute_url(url).rstrip("/")


def _absolute_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("must be an absolute https URL")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("must have no user name, query or fragment")
    return url


class ProcessSettings(BaseSettings):
    """What the desk and every server share."""

    model_config = SettingsConfigDict(env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True)

    mode: Literal["development", "production"] = Field(default="development", examples=["development"])
    issuer: str = Field(examples=["https://mcp.example.com/realms/mcp"])
    bind: str = Field(default="127.0.0.1", examples=["127.0.0.1"])
    port: int = Field(default=8000, ge=1, le=65535, examples=["8000"])
    ca_file: Path | None = Field(default=None, examples=["/etc/ssl/private-ca.pem"])

    _check_issuer = field_validator("issuer")(public_url)

    @field_validator("bind")
    @classmethod
    def _check_bind(cls, address: str) -> str:
        ip_address(address)
        return address

    @field_validator("ca_file")
    @classmethod
    def _check_ca(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"no such file: {path}")
        return path
