"""Settings of the registration desk: what may register, by which document, and how long an unused client stays.

Without ``desk_secret`` the desk has no account at Keycloak: registrations and metadata work, client documents and the
cleaning up of clients do not.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from gatelodge.core.secret import Secret
from gatelodge.issuer.config import IssuerConfig
from gatelodge.registration.config import DEFAULT_REDIRECT_HOSTS, RegistrationPolicy
from gatelodge.registration.reaper import ReapPolicy
from gatelodge.settings.process import Names, ProcessSettings, internal_url, split

__all__ = ["DESK_CLIENT_ID", "DeskSettings"]

# The desk's account, made by infra/keycloak/desk.yaml.
DESK_CLIENT_ID = "gatelodge-desk"
_WEEK = 7 * 86_400


class DeskSettings(ProcessSettings):
    """Settings of the registration desk."""

    model_config = SettingsConfigDict(arbitrary_types_allowed=True)

    port: int = Field(default=8001, ge=1, le=65535, examples=["8000"])
    # Required: behind the proxy the public issuer's registration endpoint leads back to the desk.
    issuer_internal_url: str = Field(examples=["http://keycloak:8080/realms/mcp"])
    scopes: Names = Field(default=frozenset(), examples=["deep-research:read,deep-research:write"])
    state_dir: Path = Field(default=Path(".gatelodge/desk"), examples=[".gatelodge/desk"])

    # In this order: the secret may be in the file.
    desk_secret_file: Path | None = Field(default=None, examples=["/run/secrets/gatelodge-desk"])
    desk_secret: Secret | None = Field(default=None, validate_default=True, examples=["(a long random text)"])
    desk_internal_url: str = Field(default="", validate_default=True, examples=["http://desk:8001"])

    registration_hosts: Names = Field(default=DEFAULT_REDIRECT_HOSTS, examples=["chatgpt.com,claude.ai,localhost"])
    registrations_per_address: int = Field(default=60, ge=1, examples=["60"])
    registrations_per_host: int = Field(default=600, ge=1, examples=["600"])
    trusted_proxies: Names = Field(default=frozenset({"127.0.0.1", "::1"}), examples=["127.0.0.1,10.0.0.2"])

    client_documents: Literal["allow-list", "open", "off"] = Field(default="allow-list", examples=["allow-list"])
    client_document_hosts: Names = Field(
        default=frozenset({"chatgpt.com", "claude.ai", "vscode.dev"}), examples=["chatgpt.com,claude.ai"]
    )
    client_document_local_hosts: Annotated[Mapping[str, tuple[str, int]], NoDecode] = Field(
        default={}, examples=["client.example=127.0.0.1:8444"]
    )
    client_documents_folder: Path | None = Field(default=None, examples=["infra/keycloak/clients"])
    new_documents_per_address: int = Field(default=30, ge=1, examples=["30"])
    withdrawn_grace: int = Field(default=_WEEK, ge=0, examples=["86400"])

    unused_clients_after: int = Field(default=24, ge=0, examples=["48"])
    dead_clients_after: int = Field(default=180, ge=0, examples=["365"])
    max_clients: int = Field(default=2000, ge=1, examples=["5000"])

    _check_internal = field_validator("issuer_internal_url")(internal_url)
    _split_lists = field_validator(
        "scopes", "registration_hosts", "trusted_proxies", "client_document_hosts", mode="before"
    )(split)

    @field_validator("desk_secret", mode="before")
    @classmethod
    def _read_secret(cls, given: object, info: ValidationInfo) -> Secret | None:
        if isinstance(given, Secret):
            return given
        path = info.data.get("desk_secret_file")
        text = given if isinstance(given, str) else path.read_text(encoding="utf-8") if path is not None else ""
        return Secret(text.strip()) if text.strip() else None

    @field_validator("desk_secret_file")
    @classmethod
    def _check_secret_file(cls, path: Path | None) -> Path | None:
        try:
            if path is not None and not path.read_text(encoding="utf-8").strip():
                raise ValueError(f"this file is empty: {path}")
        except OSError as error:
            raise ValueError(f"cannot read this file: {error.strerror}: {path}") from error
        return path

    @field_validator("desk_internal_url")
    @classmethod
    def _check_own_url(cls, url: str, info: ValidationInfo) -> str | None:
        if url:
            return internal_url(url)
        bind = ip_address(info.data.get("bind", "127.0.0.1"))
        if bind.is_unspecified and info.data.get("desk_secret"):
            raise ValueError("must be set, because GATELODGE_BIND is no address that Keycloak could ask the desk at")
        host = f"[{bind}]" if bind.version == 6 else str(bind)
        return f"http://{host}:{info.data.get('port')}"

    @field_validator("client_documents_folder")
    @classmethod
    def _check_folder(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_dir():
            raise ValueError(f"no such folder: {path}")
        return path

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, addresses: frozenset[str]) -> frozenset[str]:
        for address in addresses:
            ip_address(address)
        return addresses

    @field_validator("client_document_local_hosts", mode="before")
    @classmethod
    def _read_local_hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return dict(map(_local_host, filter(None, re.split(r"[,\s]+", value))))

    @field_validator("client_document_local_hosts")
    @classmethod
    def _check_local_hosts(
        cls, hosts: Mapping[str, tuple[str, int]], info: ValidationInfo
    ) -> Mapping[str, tuple[str, int]]:
        if hosts and info.data.get("mode") == "production":
            raise ValueError("is for development only: GATELODGE_MODE is production")
        return hosts

    def issuer_config(self) -> IssuerConfig:
        """The issuer section, offering the servers' scopes."""
        return IssuerConfig(
            issuer=self.issuer, internal_url=self.issuer_internal_url, scopes=tuple(sorted(self.scopes))
        )

    def registration_policy(self) -> RegistrationPolicy:
        """The registration section."""
        return RegistrationPolicy(allowed_hosts=self.registration_hosts)

    def reap_policy(self) -> ReapPolicy:
        """The reaper's section, in seconds."""
        return ReapPolicy(
            unused_after=self.unused_clients_after * 3600.0,
            dead_after=self.dead_clients_after * 86_400.0,
            max_clients=self.max_clients,
        )


def _local_host(entry: str) -> tuple[str, tuple[str, int]]:
    host, _, place = entry.partition("=")
    address, _, port = place.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= 65_535:
        raise ValueError(f"{entry!r} is not host=address:port")
    return host, (str(ip_address(address.strip("[]"))), int(port))
