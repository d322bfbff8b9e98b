"""Settings of the registration desk: what may register, by which document, and how long an unused client stays.

Without ``desk_secret`` the desk has no account at Keycloak: registrations and metadata work, client documents and the
cleaning up of clients do not.
"""

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from gatelodge.core.secret import Secret
from gatelodge.issuer.config import IssuerConfig
from gatelodge.registration.config import DEFAULT_REDIRECT_HOSTS, RegistrationPolicy
from gatelodge.registration.reaper import ReapPolicy
from gatelodge.settings.audit import AuditSettings
from gatelodge.settings.client_documents import ClientDocumentSettings
from gatelodge.settings.observability import ObservabilitySettings
from gatelodge.settings.process import (
    ListeningPort,
    Names,
    ProcessSettings,
    host_names,
    internal_url,
    ip_addresses,
    split,
)
from gatelodge.settings.redis import RedisSettings
from gatelodge.settings.secret_files import check_secret_file, read_secret

__all__ = ["DESK_CLIENT_ID", "DeskSettings"]

# The desk's account, made by infra/keycloak/desk.yaml.
DESK_CLIENT_ID = "gatelodge-desk"


class DeskSettings(RedisSettings, ObservabilitySettings, AuditSettings, ClientDocumentSettings, ProcessSettings):
    """Settings of the registration desk."""

    model_config = SettingsConfigDict(arbitrary_types_allowed=True)

    port: ListeningPort = Field(
        default=8001,
        examples=["8000"],
        description="Port to listen on: 1024 to 65535, or 443 for a process that has the right to it.",
    )
    # Required: behind the proxy the public issuer's registration endpoint leads back to the desk.
    issuer_internal_url: str = Field(
        examples=["http://keycloak:8080/realms/mcp"],
        description="Keycloak itself: the public issuer leads back to the desk.",
    )
    scopes: Names = Field(
        default=frozenset(),
        examples=["deep-research:read,deep-research:write"],
        description=(
            "Scopes of all servers of the realm. The metadata lists them, next to `openid`, `email`, `profile` and "
            "`offline_access`, when Keycloak offers them."
        ),
    )
    state_dir: Path = Field(
        default=Path(".gatelodge/desk"),
        examples=[".gatelodge/desk"],
        description="Folder for what the desk keeps: copies of clients' documents.",
    )

    # In this order: the secret may be in the file.
    desk_secret_file: Path | None = Field(
        default=None,
        examples=["/run/secrets/gatelodge-desk"],
        description=(
            "File with the secret of the desk's account at Keycloak, `gatelodge-desk` (`infra/keycloak/desk.yaml`). "
            "Without a secret there are no client documents and no cleaning up; registration and metadata work."
        ),
    )
    desk_secret: Secret | None = Field(
        default=None,
        validate_default=True,
        examples=["(a long random text)"],
        description=(
            "The secret itself, in place of the file. Keycloak's import of the rendered realm reads the same "
            "variable: set it before, or the account has a secret that anyone can read in the realm file."
        ),
    )
    desk_internal_url: str = Field(
        default="",
        validate_default=True,
        examples=["http://desk:8001"],
        description=(
            "How Keycloak reaches the desk, to read clients' keys. Without it: `http://`, the address and the port "
            "the desk listens on."
        ),
    )

    registration_hosts: Names = Field(
        default=DEFAULT_REDIRECT_HOSTS,
        examples=["chatgpt.com,claude.ai,localhost"],
        description=(
            "Hosts that a client's redirect URIs may be on, compared exactly. Keycloak has the same list in "
            "`infra/keycloak/registration.yaml`; a host must be on both."
        ),
    )
    registrations_per_address: int = Field(
        default=300,
        ge=1,
        examples=["60"],
        description="Registrations that one address may make in a minute; users of a hosted client share a few.",
    )
    registrations_per_host: int = Field(
        default=600,
        ge=1,
        examples=["600"],
        description=(
            "Registrations with redirects on one host in a minute, from all addresses. Once they are used up, as many "
            "again are left for addresses that made no more than a sixtieth of them each."
        ),
    )
    trusted_proxies: Names = Field(
        default=frozenset({"127.0.0.1", "::1"}),
        examples=["127.0.0.1,10.0.0.2"],
        description="Addresses of proxies whose `X-Forwarded-For` is believed.",
    )

    unused_clients_after: int = Field(
        default=24,
        ge=0,
        examples=["48"],
        description="Hours until a client that nobody ever linked by is removed; 0: never.",
    )
    dead_clients_after: int = Field(
        default=180,
        ge=0,
        examples=["365"],
        description="Days until a client that nobody is linked by any more is removed; 0: never.",
    )
    max_clients: int = Field(
        default=2000,
        ge=1,
        examples=["5000"],
        description=(
            "Clients the realm holds at most, the same as `max-clients` in `infra/keycloak/registration.yaml`. The "
            "log warns from 80 %."
        ),
    )

    _check_desk_files = field_validator("desk_secret_file")(check_secret_file)
    _read_desk_secrets = field_validator("desk_secret", mode="before")(read_secret)
    _check_internal = field_validator("issuer_internal_url")(internal_url)
    _split_desk_lists = field_validator("scopes", "registration_hosts", "trusted_proxies", mode="before")(split)
    _check_registration_hosts = field_validator("registration_hosts")(host_names)
    _check_proxies = field_validator("trusted_proxies")(ip_addresses)

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
