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
from gatelodge.settings.audit import AuditSettings
from gatelodge.settings.identity import IdentitySettings
from gatelodge.settings.limits import LimitSettings
from gatelodge.settings.observability import ObservabilitySettings
from gatelodge.settings.process import Names, ProcessSettings, internal_url, public_url, split
from gatelodge.settings.users import AllowedUsersSettings

__all__ = ["ServerSettings"]


def _endpoint(url: str) -> str:
    if not urlsplit(public_url(url)).path.strip("/"):
        raise ValueError("must have the path of the MCP endpoint")
    return url


class ServerSettings(
    LimitSettings, ObservabilitySettings, AuditSettings, IdentitySettings, AllowedUsersSettings, ProcessSettings
):
    """Settings of one MCP server process; ``public_url`` is resource, audience and what a client types."""

    public_url: str = Field(
        examples=["https://mcp.example.com/mcp"],
        description=(
            "The MCP URL exactly as people type it into a client. It is the `resource` of the metadata and the "
            "audience (`aud`) that a token must name, compared byte by byte: https (http on loopback only), "
            "lower-case host, a path, no slash at the end, no query."
        ),
    )
    issuer_internal_url: str | None = Field(
        default=None,
        examples=["http://keycloak:8080/realms/mcp"],
        description=(
            "The same realm reached directly, past the proxy. Keys and metadata are fetched there; the issuer stays "
            "the public one."
        ),
    )
    state_dir: Path = Field(
        default=Path(".gatelodge/server"),
        examples=[".gatelodge/server"],
        description="Folder for what the server keeps.",
    )
    allowed_origins: Names = Field(
        default=frozenset(),
        examples=["https://inspector.example.com,http://localhost:6274"],
        description="Browser origins that may call the server, next to its own: `scheme://host[:port]`, no path.",
    )

    drain: float = Field(
        default=0.0,
        ge=0,
        le=300,
        examples=["5"],
        description=(
            "Seconds, 0 to 300, that a server told to stop says it is not ready and serves on, so that what shares "
            "the load among replicas notices."
        ),
    )
    grace: int = Field(
        default=5,
        ge=0,
        le=3600,
        examples=["30"],
        description="Seconds, 0 to 3600, that open answers may go on after that before they are cut.",
    )

    trusted_issuers: Names = Field(
        default=frozenset(),
        examples=["https://login.example.org/realms/staff"],
        description=(
            "Further issuers, exactly as their tokens name them. Each is asked for its own metadata and keys at its "
            "public URL, and its keys count for its own tokens only. Its users, scopes and roles count as much as "
            "those of `GATELODGE_ISSUER`, which the metadata names first."
        ),
    )
    token_algorithms: Names = Field(
        default=frozenset(DEFAULT_ALGORITHMS),
        examples=["RS256,ES256"],
        description=(
            "Signature algorithms of access tokens; RS384, RS512, PS384, PS512, ES384 and ES512 can be named as "
            "well. `EdDSA` and `Ed25519` are two names of one algorithm; Keycloak uses the first."
        ),
    )
    token_types: Names = Field(
        default=frozenset(TOKEN_TYPES),
        examples=["at+jwt"],
        description=(
            "Types (`typ`) that the header of an access token may have, in any case; `application/at+jwt` is "
            "`at+jwt`. A token of type `jwt` counts only if its claim `typ` is `Bearer`, as in Keycloak's. Name "
            "`at+jwt` alone for issuers that keep to RFC 9068: nothing else of theirs then passes for an access "
            "token."
        ),
    )
    token_leeway: float = Field(
        default=10.0,
        ge=0,
        le=300,
        examples=["30"],
        description="Seconds by which the issuer's clock may differ, 0 to 300.",
    )
    token_max_life: float = Field(
        default=3600.0,
        gt=0,
        le=86_400,
        examples=["900"],
        description=(
            "Longest life, `exp` minus `iat`, of a token in seconds, up to one day. Longer-lived tokens are refused."
        ),
    )

    _check_public_url = field_validator("public_url")(_endpoint)
    _check_internal = field_validator("issuer_internal_url")(internal_url)
    _split_server_lists = field_validator(
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
            trusted_issuers=tuple(sorted(self.trusted_issuers)) if self.keycloak_signs_in else (),
            sign_in=self.keycloak_signs_in,
        )

    def trusted_issuer_configs(self) -> tuple[IssuerConfig, ...]:
        """One issuer section for each further issuer, reached at its public URL."""
        return tuple(IssuerConfig(issuer=issuer) for issuer in sorted(self.trusted_issuers))
