"""Settings of how callers sign in: by Keycloak, by Cloudflare Access, by both, or by a token for development.

Each fault is told at the variable that has to change. Not here: the checks themselves (``resource_server``), Keycloak's
own settings (``process``, ``server``).
"""

import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.access.scopes import is_scope_token
from gatelodge.core.secret import Secret, generate
from gatelodge.core.urls import is_loopback
from gatelodge.resource_server.access_assertion import AccessConfig
from gatelodge.resource_server.access_scopes import AccessScopes
from gatelodge.resource_server.development import DevelopmentConfig
from gatelodge.settings.access_values import Rules, is_aud_tag, is_team, read_rules, team_url
from gatelodge.settings.process import Names, split
from gatelodge.settings.secret_files import check_secret_file, read_secret

__all__ = ["DEVELOPMENT_ISSUER", "AuthMode", "IdentitySettings"]

AuthMode = Literal["keycloak", "cloudflare", "bearer", "both"]

# What can stand in a header (RFC 6750, section 2.1), and is not guessed.
_TOKEN = re.compile(r"(?=.{24})[A-Za-z0-9._~+/-]+=*")
# Whom the one user of a development token is counted under.
DEVELOPMENT_ISSUER = "http://localhost/development"
# In place of a missing team, which is a fault of its own.
_NO_TEAM = "https://team.cloudflareaccess.com"
_EXAMPLE_AUD = "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"


class IdentitySettings(BaseSettings):
    """How callers sign in; inherited by a server's settings, before the class with ``mode`` and ``bind``."""

    model_config = SettingsConfigDict(
        env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True, arbitrary_types_allowed=True
    )

    auth_mode: AuthMode = Field(
        default="keycloak",
        validate_default=True,
        examples=["keycloak"],
        description=(
            "`keycloak`: access tokens of `GATELODGE_ISSUER`. `cloudflare`: assertions of Cloudflare Access, and "
            "no access tokens. `both`: either; a request with an access token is judged by it alone. `bearer`: "
            "one static token, for development on one machine. See [identities](../guides/identities.md). Without "
            "Keycloak `GATELODGE_ISSUER` is not read."
        ),
    )

    access_team_domain: str | None = Field(
        default=None,
        validate_default=True,
        examples=["example.cloudflareaccess.com"],
        description=(
            "Modes `cloudflare` and `both`: the team domain of Cloudflare Access. Assertions are its, and keys "
            "are fetched there."
        ),
    )
    access_aud: Names = Field(
        default=frozenset(),
        validate_default=True,
        examples=[_EXAMPLE_AUD],
        description=(
            "Modes `cloudflare` and `both`: AUD tags of the Access applications in front of this server. "
            "Assertions for other applications are refused."
        ),
    )
    access_scopes: Rules = Field(
        default=(),
        examples=["*@example.com=notes:read, alice@example.com=notes:read notes:write"],
        description=(
            "Scopes of people who come by Access: `who=scope`, more scopes after spaces, entries apart by commas. "
            "Who is an address, `*@` and a domain, or `group:` and a group of the assertion; compared exactly, "
            "case included. Whom no entry fits has no scopes."
        ),
    )
    access_max_life: float = Field(
        default=86_400.0,
        ge=60,
        le=2_678_400,
        examples=["28800"],
        description=(
            "Longest life, `exp` minus `iat`, of an assertion in seconds, up to 31 days: the session duration of "
            "the Access application."
        ),
    )

    dev_token_file: Path | None = Field(
        default=None,
        examples=["/run/secrets/gatelodge-dev-token"],
        description="File with the token of mode `bearer`.",
    )
    dev_token: Secret | None = Field(
        default=None,
        validate_default=True,
        examples=["(a long random text)"],
        description="The token itself, in place of the file: 24 or more letters, digits and `-._~+/`.",
    )
    dev_scopes: Names = Field(
        default=frozenset(),
        validate_default=True,
        examples=["notes:read,notes:write"],
        description="Scopes that go with the token of mode `bearer`.",
    )

    _split_lists = field_validator("access_aud", "dev_scopes", mode="before")(split)
    _read_rules = field_validator("access_scopes", mode="before")(read_rules)
    _check_dev_file = field_validator("dev_token_file")(check_secret_file)
    _read_dev_token = field_validator("dev_token", mode="before")(read_secret)

    @model_validator(mode="before")
    @classmethod
    def _own_issuer(cls, given: Any) -> Any:
        """Where Keycloak signs nobody in, the issuer is whoever does: what is set as Keycloak's must not count."""
        if not isinstance(given, dict):
            return given
        if given.get("auth_mode") == "cloudflare":
            return {**given, "issuer": team_url(given.get("access_team_domain")) or _NO_TEAM}
        return {**given, "issuer": DEVELOPMENT_ISSUER} if given.get("auth_mode") == "bearer" else given

    # The field itself is the server's.
    @field_validator("public_url", check_fields=False)
    @classmethod
    def _check_public(cls, url: str, info: ValidationInfo) -> str:
        if info.data.get("auth_mode") == "bearer" and not is_loopback(urlsplit(url).hostname or ""):
            raise ValueError("must be on localhost with GATELODGE_AUTH_MODE=bearer, for nobody else may use the token")
        return url

    @field_validator("access_team_domain")
    @classmethod
    def _check_team(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is None or not given.strip():
            if _by_access(info):
                raise ValueError(f"is missing, and GATELODGE_AUTH_MODE is {info.data['auth_mode']}")
            return None
        url = team_url(given)
        # A stand-in for tests is on this machine, and never in production.
        if url is None or (not is_team(url) and info.data.get("mode") == "production"):
            raise ValueError("must be the team domain, <team>.cloudflareaccess.com in lower case")
        return url

    @field_validator("access_aud")
    @classmethod
    def _check_aud(cls, tags: frozenset[str], info: ValidationInfo) -> frozenset[str]:
        if not tags and _by_access(info):
            raise ValueError(f"is missing, and GATELODGE_AUTH_MODE is {info.data['auth_mode']}")
        if not all(is_aud_tag(tag) for tag in tags):
            raise ValueError("must hold AUD tags, each 64 hexadecimal digits in lower case")
        return tags

    @field_validator("dev_token")
    @classmethod
    def _check_dev_token(cls, token: Secret | None, info: ValidationInfo) -> Secret | None:
        """A static token is for one machine: behind a proxy or in a network everyone could be its developer."""
        if info.data.get("auth_mode") != "bearer":
            return token
        faults = []
        if info.data.get("mode", "development") != "development":
            faults.append("cannot be used, for GATELODGE_MODE is not development")
        if not is_loopback(str(info.data.get("bind", "127.0.0.1"))):
            faults.append("cannot be used, for GATELODGE_BIND is not a loopback address")
        text = "" if token is None else token.reveal()
        if not text:
            faults.append("is missing, and GATELODGE_AUTH_MODE is bearer (nor is there a GATELODGE_DEV_TOKEN_FILE)")
        elif not _TOKEN.fullmatch(text):
            faults.append("must have 24 or more letters, digits and -._~+/ (make one: openssl rand -hex 24)")
        if faults:
            raise ValueError("; ".join(faults))
        return token

    @field_validator("dev_scopes")
    @classmethod
    def _check_dev_scopes(cls, scopes: frozenset[str], info: ValidationInfo) -> frozenset[str]:
        if not scopes and info.data.get("auth_mode") == "bearer":
            raise ValueError("is missing, and GATELODGE_AUTH_MODE is bearer: the token would be good for nothing")
        if not all(is_scope_token(scope) for scope in scopes):
            raise ValueError("must hold names of scopes")
        return scopes

    @property
    def keycloak_signs_in(self) -> bool:
        """Whether access tokens of Keycloak count."""
        return self.auth_mode in ("keycloak", "both")

    @property
    def access_signs_in(self) -> bool:
        """Whether assertions of Cloudflare Access count."""
        return self.auth_mode in ("cloudflare", "both")

    def access_config(self, leeway: float) -> AccessConfig:
        """The section of Access, where it signs in; ``leeway`` in seconds."""
        rules: dict[str, frozenset[str]] = {}
        for who, scopes in self.access_scopes:
            rules[who] = rules.get(who, frozenset()) | scopes
        return AccessConfig(
            issuer=self.access_team_domain or "",
            audiences=self.access_aud,
            scopes=AccessScopes(rules),
            leeway=leeway,
            max_life=self.access_max_life,
            foreign=self.auth_mode == "both",
        )

    def development_config(self) -> DevelopmentConfig:
        """The section of the development token, where it signs in."""
        # Where none is set, one that nobody knows.
        return DevelopmentConfig(self.dev_token or generate(), self.dev_scopes, DEVELOPMENT_ISSUER)


def _by_access(info: ValidationInfo) -> bool:
    return info.data.get("auth_mode") in ("cloudflare", "both")
