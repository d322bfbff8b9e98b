"""Settings of linked accounts: our client at each provider, and addresses that replace the providers' own.

A provider is on when its client id is set; a client id without a secret, or the other way round, refuses to start.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.connections.config import ProviderConfig, checked_url
from gatelodge.connections.registry import PROVIDERS
from gatelodge.core.secret import Secret

__all__ = ["ConnectionSettings"]

_OAUTH = ("github", "jira", "slack", "notion")
_SECRET = "(as the provider shows it)"  # noqa: S105 - an example that is none


class ConnectionSettings(BaseSettings):
    """Settings of linked accounts. A file is read where its variable is set and the secret's own is not."""

    model_config = SettingsConfigDict(
        env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True, arbitrary_types_allowed=True
    )

    mode: Literal["development", "production"] = Field(default="development", examples=["development"])

    github_client_id: str = Field(default="", examples=["Iv23liEXAMPLE"])
    github_client_secret_file: Path | None = Field(default=None, examples=["/run/secrets/github"])
    github_client_secret: Secret | None = Field(default=None, validate_default=True, examples=[_SECRET])
    github_authorize_url: str | None = Field(
        default=None, examples=["https://github.example.com/login/oauth/authorize"]
    )
    github_token_url: str | None = Field(default=None, examples=["https://github.example.com/login/oauth/access_token"])
    github_api_url: str | None = Field(default=None, examples=["https://github.example.com/api/v3"])

    jira_client_id: str = Field(default="", examples=["aBcDeFgExample"])
    jira_client_secret_file: Path | None = Field(default=None, examples=["/run/secrets/jira"])
    jira_client_secret: Secret | None = Field(default=None, validate_default=True, examples=[_SECRET])
    jira_authorize_url: str | None = Field(default=None, examples=["https://auth.atlassian.com/authorize"])
    jira_token_url: str | None = Field(default=None, examples=["https://auth.atlassian.com/oauth/token"])
    jira_api_url: str | None = Field(default=None, examples=["https://api.atlassian.com"])

    slack_client_id: str = Field(default="", examples=["1234567890.1234567890"])
    slack_client_secret_file: Path | None = Field(default=None, examples=["/run/secrets/slack"])
    slack_client_secret: Secret | None = Field(default=None, validate_default=True, examples=[_SECRET])
    slack_authorize_url: str | None = Field(default=None, examples=["https://slack.com/oauth/v2/authorize"])
    slack_token_url: str | None = Field(default=None, examples=["https://slack.com/api/oauth.v2.access"])
    slack_api_url: str | None = Field(default=None, examples=["https://slack.com/api"])

    notion_client_id: str = Field(default="", examples=["463558a3-example"])
    notion_client_secret_file: Path | None = Field(default=None, examples=["/run/secrets/notion"])
    notion_client_secret: Secret | None = Field(default=None, validate_default=True, examples=[_SECRET])
    notion_authorize_url: str | None = Field(default=None, examples=["https://api.notion.com/v1/oauth/authorize"])
    notion_token_url: str | None = Field(default=None, examples=["https://api.notion.com/v1/oauth/token"])
    notion_api_url: str | None = Field(default=None, examples=["https://api.notion.com/v1"])

    coda: Literal["off", "on"] = Field(default="off", examples=["on"])
    coda_api_url: str | None = Field(default=None, examples=["https://coda.io/apis/v1"])
    coda_api_token_file: Path | None = Field(
        default=None, validation_alias="CODA_API_TOKEN_FILE", examples=["/run/secrets/coda"]
    )
    coda_api_token: Secret | None = Field(
        default=None, validation_alias="CODA_API_TOKEN", validate_default=True, examples=[_SECRET]
    )

    @field_validator(*(f"{name}_client_secret_file" for name in _OAUTH), "coda_api_token_file")
    @classmethod
    def _check_file(cls, path: Path | None) -> Path | None:
        try:
            if path is not None and not path.read_text(encoding="utf-8").strip():
                raise ValueError(f"this file is empty: {path}")
        except OSError as error:
            raise ValueError(f"cannot read this file: {error.strerror}: {path}") from error
        return path

    @field_validator("coda_api_token", mode="before")
    @classmethod
    def _read_token(cls, given: object, info: ValidationInfo) -> Secret | None:
        return _secret(given, info.data.get("coda_api_token_file"))

    @field_validator(*(f"{name}_client_secret" for name in _OAUTH), mode="before")
    @classmethod
    def _read_secret(cls, given: object, info: ValidationInfo) -> Secret | None:
        name = str(info.field_name).removesuffix("_client_secret")
        # A file that cannot be read was reported under its own name.
        broken = f"{name}_client_secret_file" not in info.data
        secret = _secret(given, info.data.get(f"{name}_client_secret_file"))
        place = PROVIDERS[name].secret_from
        if info.data.get(f"{name}_client_id") and secret is None and not broken:
            raise ValueError(f"is missing, and the client id is set; it is shown at {place}")
        if secret is not None and not info.data.get(f"{name}_client_id"):
            raise ValueError(f"is set, and GATELODGE_{name.upper()}_CLIENT_ID is not; it is shown at {place}")
        return secret

    @field_validator(
        *(f"{name}_{place}_url" for name in _OAUTH for place in ("authorize", "token", "api")), "coda_api_url"
    )
    @classmethod
    def _check_url(cls, url: str | None, info: ValidationInfo) -> str | None:
        return url and checked_url(url, development=info.data.get("mode") == "development")

    def provider_configs(self) -> dict[str, ProviderConfig]:
        """Configured providers, for ``connections.registry.Registry``."""
        found = {name: self._config(name) for name in _OAUTH if getattr(self, f"{name}_client_id")}
        if self.coda == "on":
            found["coda"] = ProviderConfig(api_url=self.coda_api_url)
        return found

    def _config(self, name: str) -> ProviderConfig:
        members = ("client_id", "client_secret", "authorize_url", "token_url", "api_url")
        return ProviderConfig(**{member: getattr(self, f"{name}_{member}") for member in members})


def _secret(given: object, path: Path | None) -> Secret | None:
    if isinstance(given, Secret):
        return given
    text = given if isinstance(given, str) else path.read_text(encoding="utf-8") if path is not None else ""
    return Secret(text.strip()) if text.strip() else None
