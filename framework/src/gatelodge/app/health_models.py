"""The bodies of the health routes."""

from typing import Literal

from pydantic import BaseModel, Field

from gatelodge.observability.health import Overall

__all__ = ["Auth", "Live", "Part", "Ready", "Status"]


class Auth(BaseModel):
    """How callers sign in, and where tokens of linked accounts are kept."""

    mode: str = Field(description="GATELODGE_AUTH_MODE", examples=["keycloak"])
    tokenStorage: str = Field(  # noqa: N815 - the member's name on the wire
        description="GATELODGE_TOKEN_STORE; `none` where no accounts are linked", examples=["sqlite"]
    )


class Status(BaseModel):
    """The process in short."""

    status: Overall = Field(description="`degraded`: a part that others can do without does not answer")
    service: str = Field(description="The server's name", examples=["deep-research"])
    version: str = Field(description="The version of gatelodge", examples=["0.1.0"])
    auth: Auth
    timestamp: str = Field(description="Now, in UTC", examples=["2026-11-21T21:38:46Z"])


class Live(BaseModel):
    """The process runs."""

    status: Literal["live"]


class Part(BaseModel):
    """One part that the process depends on."""

    status: Literal["up", "down", "degraded", "unknown"] = Field(
        description="`down` makes the process unready, `degraded` does not; `unknown`: not asked yet"
    )
    age_seconds: int | None = Field(default=None, ge=0, description="Of the keys at hand; else of the answer")
    latency_ms: int | None = Field(default=None, ge=0, description="How long the answer took")


class Ready(BaseModel):
    """Requests can be served."""

    status: Literal["ready"]
    checks: dict[str, Part] = Field(
        description="By part: `keys`, `access_keys` (mode `both`), `store`, `redis`, and each provider that is set up"
    )
