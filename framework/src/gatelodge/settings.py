"""Every ``GATELODGE_*`` variable, checked at once before anything starts.

A faulty variable is reported with its name, what is wrong and an example; all faults come in one message.
Each process has its own model, so a command validates only what it uses. Secrets are never echoed.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import is_loopback, origin_of
from gatelodge.issuer.config import IssuerConfig
from gatelodge.registration.config import DEFAULT_REDIRECT_HOSTS, RegistrationPolicy
from gatelodge.resource_server.config import ASYMMETRIC_ALGORITHMS, ResourceServerConfig

__all__ = ["DeskSettings", "ServerSettings", "SettingsInvalid", "load"]

_LIST_SEPARATOR = re.compile(r"[,\s]+")
S = TypeVar("S", bound=BaseSettings)
_List = Annotated[frozenset[str], NoDecode]


class SettingsInvalid(GatelodgeError):
    """One or more variables are missing or wrong; the detail lists them all, one a line."""

    code = Code.SETTINGS_INVALID


def _absolute_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("must be an absolute https URL")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("must have no user name, query or fragment")
    return url


def _public(url: str) -> str:
    # Compared byte by byte by every client: what would need normalising is refused here (RFC 8414, section 3.3).
    parts = urlsplit(_absolute_url(url))
    if url.endswith("/"):
        raise ValueError("must not end with a slash")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https (http is accepted for localhost only)")
    if origin_of(url) != origin_of(url).lower():
        raise ValueError("must have scheme and host in lower case")
    return url


def _endpoint(url: str) -> str:
    if not urlsplit(_public(url)).path.strip("/"):
        raise ValueError("must have the path of the MCP endpoint")
    return url


def _internal(url: str | None) -> str | None:
    return None if url is None else _absolute_url(url).rstrip("/")


class _Process(BaseSettings):
    """What the desk and every server share."""

    model_config = SettingsConfigDict(env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True)

    mode: Literal["development", "production"] = Field(default="development", examples=["development"])
    issuer: str = Field(examples=["https://mcp.example.com/realms/mcp"])
    bind: str = Field(default="127.0.0.1", examples=["127.0.0.1"])
    port: int = Field(default=8000, ge=1, le=65535, examples=["8000"])
    ca_file: Path | None = Field(default=None, examples=["/etc/ssl/private-ca.pem"])

    _check_issuer = field_validator("issuer")(_public)

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


class ServerSettings(_Process):
    """Settings of one MCP server process; ``public_url`` is resource, audience and what a client types."""

    public_url: str = Field(examples=["https://mcp.example.com/mcp"])
    issuer_internal_url: str | None = Field(default=None, examples=["http://keycloak:8080/realms/mcp"])
    state_dir: Path = Field(default=Path(".gatelodge/server"), examples=[".gatelodge/server"])
    allowed_origins: _List = Field(
        default=frozenset(), examples=["https://inspector.example.com,http://localhost:6274"]
    )

    trusted_issuers: _List = Field(default=frozenset(), examples=["https://login.example.org/realms/staff"])
    token_algorithms: _List = Field(default=ASYMMETRIC_ALGORITHMS, examples=["RS256,ES256"])
    token_leeway: float = Field(default=10.0, ge=0, le=300, examples=["30"])
    token_max_life: float = Field(default=3600.0, gt=0, le=86_400, examples=["900"])

    _check_public_url = field_validator("public_url")(_endpoint)
    _check_internal = field_validator("issuer_internal_url")(_internal)

    @field_validator("allowed_origins", "trusted_issuers", "token_algorithms", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return _split(value)

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, origins: frozenset[str]) -> frozenset[str]:
        for origin in origins:
            if origin_of(origin) != origin or not urlsplit(origin).hostname:
                raise ValueError(f"{origin!r} is no origin (scheme://host[:port])")
        return origins

    @field_validator("trusted_issuers")
    @classmethod
    def _check_trusted(cls, issuers: frozenset[str], info: ValidationInfo) -> frozenset[str]:
        for issuer in issuers:
            _public(issuer)
        if info.data.get("issuer") in issuers:
            raise ValueError("must not repeat GATELODGE_ISSUER, which is trusted already")
        return issuers

    @field_validator("token_algorithms")
    @classmethod
    def _check_algorithms(cls, names: frozenset[str]) -> frozenset[str]:
        if not names or names - ASYMMETRIC_ALGORITHMS:
            raise ValueError(f"must be one or more of {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}")
        return names

    def issuer_config(self) -> IssuerConfig:
        """The issuer section; a server's scopes are those of its components."""
        return IssuerConfig(issuer=self.issuer, internal_url=self.issuer_internal_url)

    def resource_server_config(self) -> ResourceServerConfig:
        """The resource-server section."""
        return ResourceServerConfig(
            public_url=self.public_url,
            issuer=self.issuer,
            algorithms=tuple(sorted(self.token_algorithms)),
            leeway=self.token_leeway,
            max_life=self.token_max_life,
            trusted_issuers=tuple(sorted(self.trusted_issuers)),
        )

    def trusted_issuer_configs(self) -> tuple[IssuerConfig, ...]:
        """One issuer section for each further issuer, reached at its public URL."""
        return tuple(IssuerConfig(issuer=issuer) for issuer in sorted(self.trusted_issuers))


class DeskSettings(_Process):
    """Settings of the registration desk."""

    port: int = Field(default=8001, ge=1, le=65535, examples=["8000"])
    # Required: behind the proxy the public issuer's registration endpoint leads back to the desk.
    issuer_internal_url: str = Field(examples=["http://keycloak:8080/realms/mcp"])
    scopes: _List = Field(default=frozenset(), examples=["deep-research:read,deep-research:write"])
    registration_hosts: _List = Field(default=DEFAULT_REDIRECT_HOSTS, examples=["chatgpt.com,claude.ai,localhost"])

    _check_internal = field_validator("issuer_internal_url")(_internal)

    @field_validator("scopes", "registration_hosts", mode="before")
    @classmethod
    def _split_lists(cls, value: object) -> object:
        return _split(value)

    def issuer_config(self) -> IssuerConfig:
        """The issuer section, offering the servers' scopes."""
        return IssuerConfig(
            issuer=self.issuer, internal_url=self.issuer_internal_url, scopes=tuple(sorted(self.scopes))
        )

    def registration_policy(self) -> RegistrationPolicy:
        """The registration section."""
        return RegistrationPolicy(allowed_hosts=self.registration_hosts)


def _split(value: object) -> object:
    return frozenset(filter(None, _LIST_SEPARATOR.split(value))) if isinstance(value, str) else value


def load(model: type[S], **overrides: Any) -> S:
    """Read the environment and ``.env`` into ``model``, a server author's own settings or one of ours.

    Raises: SettingsInvalid, naming every faulty variable with the first of its field's ``examples``.
    """
    try:
        return model(**overrides)
    except ValidationError as error:
        raise SettingsInvalid("\n".join(_lines(model, error))) from None


def _lines(model: type[BaseSettings], error: ValidationError) -> list[str]:
    prefix = model.model_config.get("env_prefix", "")
    examples: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        # pydantic names a field in a fault by its alias where it has one.
        variable = field.validation_alias if isinstance(field.validation_alias, str) else f"{prefix}{name}".upper()
        for known_as in (name, variable):
            examples[known_as] = (variable, *(field.examples or ("",)))
    lines = ["The configuration is not usable:"]
    for fault in error.errors(include_url=False, include_input=False):
        text = "is missing" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
        variable, example, *_ = examples.get(str(next(iter(fault["loc"]), "")), ("", ""))
        named = f"{variable}: {text}" if variable else text
        lines.append(f"  {named} (example: {example})" if example else f"  {named}")
    return lines
