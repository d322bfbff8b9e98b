"""Settings of one MCP server process.

Not here: the settings of what the server serves, which are the author's own and go through ``load`` as well.
"""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from gatelodge.core.urls import origin_of
from gatelodge.issuer.config import IssuerConfig
from gatelodge.resource_server.config import ASYMMETRIC_ALGORITHMS, DEFAULT_ALGORITHMS, ResourceServerConfig
from gatelodge.resource_server.jws import TOKEN_TYPES
from gatelodge.settings.process import Names, ProcessSettings, internal_url, public_url, split

__all__ = ["ServerSettings"]


def _endpoint(url: str) -> str:
    if not urlsplit(public_url(url)).path.strip("/"):
        raise ValueError("must have the path of the MCP endpoint")
    return url


class ServerSettings(ProcessSettings):
    """Settings of one MCP server process; ``public_url`` is resource, audience and what a client types."""

    public_url: str = Field(examples=["https://mcp.example.com/mcp"])
    issuer_internal_url: str | None = Field(default=None, examples=["http://keycloak:8080/realms/mcp"])
    state_dir: Path = Field(default=Path(".gatelodge/server"), examples=[".gatelodge/server"])
    allowed_origins: Names = Field(
        default=frozenset(), examples=["https://inspector.example.com,http://localhost:6274"]
    )

    drain: float = Field(default=0.0, ge=0, le=300, examples=["5"])
    grace: int = Field(default=5, ge=0, le=3600, examples=["30"])

    trusted_issuers: Names = Field(default=frozenset(), examples=["https://login.example.org/realms/staff"])
    token_algorithms: Names = Field(default=frozenset(DEFAULT_ALGORITHMS), examples=["RS256,ES256"])
    token_types: Names = Field(default=frozenset(TOKEN_TYPES), examples=["at+jwt"])
    token_leeway: float = Field(default=10.0, ge=0, le=300, examples=["30"])
    token_max_life: float = Field(default=3600.0, gt=0, le=86_400, examples=["900"])

    _check_public_url = field_validator("public_url")(_endpoint)
    _check_internal = field_validator("issuer_internal_url")(internal_url)
    _split_lists = field_validator(
        "allowed_origins", "trusted_issuers", "token_algorithms", "token_types", mode="before"
    )(split)

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
            public_url(issuer)
        if info.data.get("issuer") in issuers:
            raise ValueError("must not repeat GATELODGE_ISSUER, which is trusted already")
        return issuers

    @field_validator("token_algorithms")
    @classmethod
    def _check_algorithms(cls, names: frozenset[str]) -> frozenset[str]:
        if not names or names - ASYMMETRIC_ALGORITHMS:
            raise ValueError(f"must be one or more of {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}")
        return names

    @field_validator("token_types")
    @classmethod
    def _check_types(cls, names: frozenset[str]) -> frozenset[str]:
        # Media types have no case (RFC 2045, section 5.1); tokens' types are compared so as well.
        types = frozenset(name.lower() for name in names)
        if not types or types - set(TOKEN_TYPES):
            raise ValueError(f"must be one or more of {', '.join(TOKEN_TYPES)}")
        return types

    def issuer_config(self) -> IssuerConfig:
        """The issuer section; a server's scopes are those of its components."""
        return IssuerConfig(issuer=self.issuer, internal_url=self.issuer_internal_url)

    def resource_server_config(self) -> ResourceServerConfig:
        """The resource-server section."""
        return ResourceServerConfig(
            public_url=self.public_url,
            issuer=self.issuer,
            algorithms=tuple(sorted(self.token_algorithms)),
            token_types=tuple(sorted(self.token_types)),
            leeway=self.token_leeway,
            max_life=self.token_max_life,
            trusted_issuers=tuple(sorted(self.trusted_issuers)),
        )

    def trusted_issuer_configs(self) -> tuple[IssuerConfig, ...]:
        """One issuer section for each further issuer, reached at its public URL."""
        return tuple(IssuerConfig(issuer=issuer) for issuer in sorted(self.trusted_issuers))
