"""The bodies of the connections' JSON routes (``api``)."""

from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["AuthorizationUrl", "Connection", "Connections", "CsrfToken", "StillAuthorised"]


class AuthorizationUrl(BaseModel):
    """Where the user consents, good once."""

    authorization_url: str = Field(
        description="Open it in the user's browser",
        examples=["https://github.com/login/oauth/authorize?client_id=Iv1.0a1b&state=hT3v&code_challenge_method=S256"],
    )
    expires_in: int = Field(description="Seconds until it is no longer good", examples=[600])


class Connection(BaseModel):
    """One provider and what the caller has linked there; the members from ``reason`` on only where something is."""

    provider: str = Field(examples=["github"])
    title: str = Field(description="For people", examples=["GitHub"])
    kind: Literal["oauth", "api_token"]
    status: Literal["not_linked", "active", "needs_attention"]
    link_url: str | None = Field(
        default=None,
        description="The page on which the account is linked; absent where this server keeps no accounts",
        examples=["https://localhost:8443/workspace/accounts?link=github"],
    )
    reason: str | None = Field(default=None, description="Why it needs attention", examples=["refused"])
    explanation: str | None = Field(default=None, description="The reason, for people")
    account_id: str | None = Field(default=None, examples=["583231"])
    account_name: str | None = Field(default=None, examples=["octocat"])
    scopes: list[str] = Field(default=[], description="What the user consented to", examples=[["repo"]])
    linked_at: float | None = Field(default=None, description="Seconds since the epoch", examples=[1795296000.0])
    consent_ends_at: float | None = Field(default=None, description="Seconds since the epoch, where there is an end")


class CsrfToken(BaseModel):
    """For a page of ours that changes something by its session."""

    header: str = Field(examples=["x-csrf-token"])
    token: str = Field(examples=["m5Tz0c1lq2"])


class Connections(BaseModel):
    """Every provider that is set up."""

    connections: list[Connection]
    csrf: CsrfToken | None = Field(default=None, description="With a session only")


class StillAuthorised(BaseModel):
    """What an unlink could not end: the account is not linked any more, and its provider may still honour the permission."""

    provider: str = Field(examples=["jira"])
    authorised_at: str = Field(
        description="Where the user ends the permission", examples=["https://id.atlassian.com/manage-profile/apps"]
    )
