"""Settings of linked accounts: our client at each provider, and addresses that replace the providers' own.

A provider is on when its client id is set; a client id without a secret, or the other way round, refuses to start.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gatelodge.connections.config import ProviderConfig, checked_url
from gatelodge.connections.registry import PROVIDERS
from gatelodge.core.secret import Secret
from gatelodge.settings.secret_files import check_secret_file, read_secret

__all__ = ["ConnectionSettings"]

_OAUTH = ("github", "jira", "slack", "notion")
# Names, separated by commas or white space, in the order in which they are asked for.
_Scopes = Annotated[tuple[str, ...], NoDecode]
_SECRET = "(as the provider shows it)"  # noqa: S105 - an example that is none


class ConnectionSettings(BaseSettings):
    """Settings of linked accounts. A file is read where its variable is set and the secret's own is not."""

    model_config = SettingsConfigDict(
        env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True, arbitrary_types_allowed=True
    )

    mode: Literal["development", "production"] = Field(
        default="development",
        examples=["development"],
        description="As for a server. `development` accepts http on loopback in the addresses below.",
    )

    github_client_id: str = Field(
        default="",
        examples=["Iv23liEXAMPLE"],
        description=(
            "Our client at GitHub, from github.com/settings/developers, an OAuth app or a GitHub App. Set, it "
            "switches GitHub on."
        ),
    )
    github_client_secret_file: Path | None = Field(
        default=None, examples=["/run/secrets/github"], description="File with its secret."
    )
    github_client_secret: Secret | None = Field(
        default=None,
        validate_default=True,
        examples=[_SECRET],
        description="Its secret, in place of the file. GitHub shows it where the client id is.",
    )
    github_scopes: _Scopes = Field(
        default=(),
        examples=["read:user"],
        description=(
            "What to ask for in place of `read:user repo`: `repo` lets the tools see and write private repositories too,"
            " `public_repo` only public ones. A GitHub App has permissions instead."
        ),
    )
    github_authorize_url: str | None = Field(
        default=None,
        examples=["https://github.example.com/login/oauth/authorize"],
        description="Another address of GitHub's consent page.",
    )
    github_token_url: str | None = Field(
        default=None,
        examples=["https://github.example.com/login/oauth/access_token"],
        description="Another address of its token endpoint.",
    )
    github_api_url: str | None = Field(
        default=None, examples=["https://github.example.com/api/v3"], description="Another address of its API."
    )

    jira_client_id: str = Field(
        default="",
        examples=["aBcDeFgExample"],
        description=(
            "Our client at Jira, from developer.atlassian.com/console/myapps, an app with OAuth 2.0 (3LO). Set, it "
            "switches Jira on."
        ),
    )
    jira_client_secret_file: Path | None = Field(
        default=None, examples=["/run/secrets/jira"], description="File with its secret."
    )
    jira_client_secret: Secret | None = Field(
        default=None,
        validate_default=True,
        examples=[_SECRET],
        description="Its secret, in place of the file. Jira shows it where the client id is.",
    )
    jira_scopes: _Scopes = Field(
        default=(),
        examples=["read:jira-user,read:jira-work,offline_access"],
        description=(
            "What to ask for in place of `read:jira-user read:jira-work write:jira-work offline_access`. The last one is"
            " needed; without `write:jira-work` no tool can write."
        ),
    )
    jira_authorize_url: str | None = Field(
        default=None,
        examples=["https://auth.atlassian.com/authorize"],
        description="Another address of Jira's consent page.",
    )
    jira_token_url: str | None = Field(
        default=None,
        examples=["https://auth.atlassian.com/oauth/token"],
        description="Another address of its token endpoint.",
    )
    jira_api_url: str | None = Field(
        default=None, examples=["https://api.atlassian.com"], description="Another address of its API."
    )

    slack_client_id: str = Field(
        default="",
        examples=["1234567890.1234567890"],
        description="Our client at Slack, from api.slack.com/apps, Basic Information. Set, it switches Slack on.",
    )
    slack_client_secret_file: Path | None = Field(
        default=None, examples=["/run/secrets/slack"], description="File with its secret."
    )
    slack_client_secret: Secret | None = Field(
        default=None,
        validate_default=True,
        examples=[_SECRET],
        description="Its secret, in place of the file. Slack shows it where the client id is.",
    )
    slack_scopes: _Scopes = Field(
        default=(),
        examples=["channels:history,channels:read,users:read"],
        description=(
            "What to ask of a user, in place of `channels:history channels:read chat:write groups:history groups:read"
            " search:read users:read`; `groups:` is for private channels. The app itself is asked for `chat:write` only."
        ),
    )
    slack_authorize_url: str | None = Field(
        default=None,
        examples=["https://slack.com/oauth/v2/authorize"],
        description="Another address of Slack's consent page.",
    )
    slack_token_url: str | None = Field(
        default=None,
        examples=["https://slack.com/api/oauth.v2.access"],
        description="Another address of its token endpoint.",
    )
    slack_api_url: str | None = Field(
        default=None, examples=["https://slack.com/api"], description="Another address of its API."
    )

    notion_client_id: str = Field(
        default="",
        examples=["463558a3-example"],
        description=(
            "Our client at Notion, from notion.so/profile/integrations, a public integration. Set, it switches "
            "Notion on."
        ),
    )
    notion_client_secret_file: Path | None = Field(
        default=None, examples=["/run/secrets/notion"], description="File with its secret."
    )
    notion_client_secret: Secret | None = Field(
        default=None,
        validate_default=True,
        examples=[_SECRET],
        description="Its secret, in place of the file. Notion shows it where the client id is.",
    )
    notion_authorize_url: str | None = Field(
        default=None,
        examples=["https://api.notion.com/v1/oauth/authorize"],
        description="Another address of Notion's consent page.",
    )
    notion_token_url: str | None = Field(
        default=None,
        examples=["https://api.notion.com/v1/oauth/token"],
        description="Another address of its token endpoint.",
    )
    notion_api_url: str | None = Field(
        default=None, examples=["https://api.notion.com/v1"], description="Another address of its API."
    )

    coda: Literal["off", "on"] = Field(
        default="off",
        examples=["on"],
        description="`on` switches Coda on. It has no OAuth: users enter a token of their own.",
    )
    coda_api_url: str | None = Field(
        default=None,
        examples=["https://coda.io/apis/v1"],
        description="Another address of Coda's API. https; http on loopback in development only.",
    )
    coda_api_token_file: Path | None = Field(
        default=None,
        validation_alias="CODA_API_TOKEN_FILE",
        examples=["/run/secrets/coda"],
        description="File with that token.",
    )
    coda_api_token: Secret | None = Field(
        default=None,
        validation_alias="CODA_API_TOKEN",
        validate_default=True,
        examples=[_SECRET],
        description="The service's own API token, from coda.io/account.",
    )

    _check_files = field_validator(*(f"{name}_client_secret_file" for name in _OAUTH), "coda_api_token_file")(
        check_secret_file
    )
    _read_token = field_validator("coda_api_token", mode="before")(read_secret)

    @field_validator("github_scopes", "jira_scopes", "slack_scopes", mode="before")
    @classmethod
    def _split_scopes(cls, given: object) -> object:
        return tuple(given.replace(",", " ").split()) if isinstance(given, str) else given

    @field_validator(*(f"{name}_client_secret" for name in _OAUTH), mode="before")
    @classmethod
    def _read_secret(cls, given: object, info: ValidationInfo) -> Secret | None:
        name = str(info.field_name).removesuffix("_client_secret")
        # A file that cannot be read was reported under its own name.
        broken = f"{name}_client_secret_file" not in info.data
        secret = read_secret(given, info)
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
        given = {member: getattr(self, f"{name}_{member}") for member in members}
        return ProviderConfig(**given, scopes=getattr(self, f"{name}_scopes", ()))
