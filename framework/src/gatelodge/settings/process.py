"""What the desk and every server share, and the forms of values that both use.

Not here: the settings of one of them (``server``, ``desk``), how faults are told (``load``).
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gatelodge.core.urls import is_loopback, origin_of
from gatelodge.settings.variables import without_credentials

__all__ = [
    "ListeningPort",
    "Names",
    "ProcessSettings",
    "host_names",
    "internal_url",
    "ip_addresses",
    "ip_literal",
    "public_url",
    "split",
]

# A list of names, separated by commas or white space.
Names = Annotated[frozenset[str], NoDecode]
_FIRST_FREE, _HTTPS, _LAST = 1024, 443, 65_535
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]")
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
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must have no user name, password, query or fragment")
    return url


def host_names(hosts: frozenset[str]) -> frozenset[str]:
    """Hosts that are compared exactly. Raises: ValueError, naming the first that could never match."""
    for host in sorted(hosts):
        if not _HOST.fullmatch(host):
            shown = without_credentials(repr(host))
            raise ValueError(f"{shown}: host names alone are needed, in lower case, without scheme, port or wildcard")
    return hosts


def ip_literal(address: str) -> str:
    """An address of a network interface. Raises: ValueError."""
    try:
        ip_address(address)
    except ValueError:
        raise ValueError("must be an IP address, not a host name") from None
    return address


def ip_addresses(addresses: frozenset[str]) -> frozenset[str]:
    """Addresses of single machines, in the one form in which a connection has them. Raises: ValueError."""
    found = (ip_address(ip_literal(address)) for address in addresses)
    return frozenset(str(getattr(one, "ipv4_mapped", None) or one) for one in found)


def _listening_port(port: int) -> int:
    if port != _HTTPS and not _FIRST_FREE <= port <= _LAST:
        raise ValueError(f"must be {_FIRST_FREE} to {_LAST}, or {_HTTPS} for a process that has the right to it")
    return port


# A port that a process of ours listens on; others keep to what any user may have.
ListeningPort = Annotated[int, AfterValidator(_listening_port)]


class ProcessSettings(BaseSettings):
    """What the desk and every server share."""

    model_config = SettingsConfigDict(env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True)

    mode: Literal["development", "production"] = Field(
        default="development",
        examples=["development"],
        description=(
            "`development` accepts every loopback Host and Origin, for tools on your own machine. `production` "
            "accepts the public URL's host and origin and the allowed origins only."
        ),
    )
    issuer: str = Field(
        examples=["https://mcp.example.com/realms/mcp"],
        description="The authorization server, exactly as its metadata and its tokens name it.",
    )
    bind: str = Field(
        default="127.0.0.1",
        examples=["127.0.0.1"],
        description="Address to listen on. In a container: `0.0.0.0`, which our images set.",
    )
    port: ListeningPort = Field(
        default=8000,
        examples=["8000"],
        description="Port to listen on: 1024 to 65535, or 443 for a process that has the right to it.",
    )
    ca_file: Path | None = Field(
        default=None,
        examples=["/etc/ssl/private-ca.pem"],
        description="Certificate authority to trust when the issuer is reached over https with a private one.",
    )

    _check_issuer = field_validator("issuer")(public_url)
    _check_bind = field_validator("bind")(ip_literal)

    @field_validator("ca_file")
    @classmethod
    def _check_ca(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"no such file: {path}")
        return path
