"""The bodies of the proxy's routes. A request is read by ``asked``, which also refuses what a schema cannot say."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ProxyAnswer", "ProxyRequest", "ServiceToken"]


class ProxyRequest(BaseModel):
    """One call of a provider's API."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(examples=["GET"])
    path: str = Field(description="A path of the provider's API that a rule of the proxy allows", examples=["/user"])
    query: dict[str, str | int | bool | list[str | int | bool]] | None = Field(
        default=None,
        examples=[{"per_page": 5}],
        description="At most 50 members",
        json_schema_extra={"maxProperties": 50},
    )
    body: Any = Field(default=None, description="JSON for the provider; none with GET and DELETE")


class ProxyAnswer(BaseModel):
    """The provider's answer in an envelope."""

    provider: str = Field(examples=["github"])
    status: int = Field(description="The provider's own status", examples=[200])
    kept: bool = Field(description="Whether the answer was asked for earlier")
    headers: dict[str, str] = Field(
        description="Of the provider: the next page and its limit", examples=[{"x-ratelimit-remaining": "4999"}]
    )
    body: Any = Field(description="The provider's JSON, byte by byte", examples=[{"login": "octocat"}])


class ServiceToken(BaseModel):
    """A user's access token for a service beside the server; never a refresh token."""

    access_token: str = Field(examples=["an-access-token"])
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a type, not a token
    expires_at: float | None = Field(description="Seconds since the epoch; null: it does not end")
    scopes: list[str]
    account_id: str | None
    extra: dict[str, str] = Field(description="What calls need besides", examples=[{"cloud_id": "c1"}])
