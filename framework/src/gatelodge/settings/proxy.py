"""Settings of calls to providers: the proxy's switch, caps, the pool of connections, the cache, and token services."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.connections.config import ProviderConfig
from gatelodge.connections.upstream import Limits
from gatelodge.outbound.pool import PoolConfig
from gatelodge.settings.process import Names, split

__all__ = ["ProxySettings", "own_hosts"]


class ProxySettings(BaseSettings):
    """Settings of calls to providers."""

    model_config = SettingsConfigDict(env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True)

    proxy: Literal["off", "on"] = Field(
        default="on",
        examples=["off"],
        description="`off` takes away `POST .../api/{provider}/proxy`; the tools stay.",
    )
    proxy_seconds: float = Field(
        default=20.0,
        gt=0,
        le=300,
        examples=["20"],
        description="Longest time of one call, in seconds: a refresh of the token and a second try are within it.",
    )
    proxy_request_bytes: int = Field(
        default=1 << 20,
        ge=1024,
        le=64 << 20,
        examples=["1048576"],
        description="Largest body of a request.",
    )
    proxy_answer_bytes: int = Field(
        default=4 << 20,
        ge=1024,
        le=64 << 20,
        examples=["4194304"],
        description="Largest body of an answer.",
    )
    proxy_connections: int = Field(
        default=100,
        ge=1,
        le=10_000,
        examples=["100"],
        description="Connections to providers at once, all providers together.",
    )
    proxy_idle_connections: int = Field(
        default=100,
        ge=0,
        le=10_000,
        examples=["100"],
        description="How many of them are kept while nobody uses them.",
    )
    proxy_idle_seconds: float = Field(
        default=30.0,
        ge=0,
        le=600,
        examples=["30"],
        description="For how long, in seconds.",
    )
    cache_user_seconds: float = Field(
        default=300.0,
        ge=0,
        le=86_400,
        examples=["300"],
        description=(
            "How long an answer about a user is kept for the user who asked, in seconds; 0 keeps none. "
            "`Cache-Control` of the provider makes it shorter, never longer."
        ),
    )
    cache_repository_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        examples=["60"],
        description="The same for repositories.",
    )
    token_service_clients: Names = Field(
        default=frozenset(),
        examples=["report-service"],
        description=(
            "Clients at Keycloak that may fetch users' access tokens at `GET .../internal/tokens/{provider}` with "
            "the scope `gatelodge:tokens`. None: the endpoint does not exist."
        ),
    )

    _split_lists = field_validator("token_service_clients", mode="before")(split)

    def limits(self) -> Limits:
        """For ``connections.upstream.Upstream``."""
        return Limits(
            seconds=self.proxy_seconds,
            answer_bytes=self.proxy_answer_bytes,
            request_bytes=self.proxy_request_bytes,
            keep_user=self.cache_user_seconds,
            keep_repository=self.cache_repository_seconds,
        )

    def pool(self) -> PoolConfig:
        """For ``outbound.pool.PooledTransport``."""
        return PoolConfig(self.proxy_connections, self.proxy_idle_connections, self.proxy_idle_seconds)


def own_hosts(configs: dict[str, ProviderConfig]) -> frozenset[str]:
    """Hosts of addresses that the operator gave in place of a provider's own: they may be internal."""
    given = (url for config in configs.values() for url in (config.api_url, config.token_url) if url)
    return frozenset(host for url in given if (host := urlsplit(url).hostname))
