"""Settings of what operators see: log lines, metrics on a bind of their own, traces.

What else OpenTelemetry's SDK can do is set by its own ``OTEL_*`` variables. Not here: what is logged or counted.
"""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatelodge.observability.config import LogConfig, ObservabilityConfig, TracingConfig
from gatelodge.observability.tracing import extra_installed
from gatelodge.settings.process import Names, host_names, ip_literal, split

__all__ = ["ObservabilitySettings"]

_FIRST_FREE = 1024


class ObservabilitySettings(BaseSettings):
    """The section of every process."""

    model_config = SettingsConfigDict(env_prefix="GATELODGE_", env_file=".env", extra="ignore", frozen=True)

    mode: Literal["development", "production"] = Field(default="development", examples=["development"])

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        examples=["warning"],
        description="Lines of this weight and above are written, to standard error.",
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        examples=["json"],
        description=(
            "How lines are written: `json`, one object a line, `text`, for a terminal, or `auto`: JSON in "
            "`production`, text in `development`."
        ),
    )
    metrics_bind: str = Field(
        default="127.0.0.1",
        examples=["0.0.0.0"],  # noqa: S104 - an example, for a container
        description=(
            "Address that `/metrics` is served at. Nobody is asked for a token there: it must be an address that only "
            "Prometheus reaches."
        ),
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        examples=["9464"],
        description="Port of `/metrics`, which is never served on the public port; 0: none.",
    )
    metrics_hosts: Names = Field(
        default=frozenset(),
        examples=["mcp-1.internal.example.com"],
        description=(
            "Further names that `/metrics` may be asked for by, compared exactly. Addresses and `localhost` always "
            "may; names without a dot, as services of a container network have, where the bind is not a loopback one."
        ),
    )
    traces_endpoint: str | None = Field(
        default=None,
        examples=["http://collector:4318/v1/traces"],
        description=(
            "Where traces go by OTLP over HTTP, the whole URL; none: no traces. Needs the extra `tracing`. Sampler, "
            "headers, resource and batches are set by OpenTelemetry's own `OTEL_*` variables."
        ),
    )
    traces_upstream: Literal["off", "on"] = Field(
        default="off",
        examples=["on"],
        description="Whether requests to the providers of linked accounts carry `traceparent`.",
    )

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, given: object) -> object:
        return given.lower() if isinstance(given, str) else given

    _split_metrics_hosts = field_validator("metrics_hosts", mode="before")(split)
    _check_metrics_hosts = field_validator("metrics_hosts")(host_names)
    _check_metrics_bind = field_validator("metrics_bind")(ip_literal)

    @field_validator("metrics_port")
    @classmethod
    def _check_metrics_port(cls, port: int) -> int:
        if port and port < _FIRST_FREE:
            raise ValueError(f"must be {_FIRST_FREE} to 65535, or 0 for none")
        return port

    @field_validator("traces_endpoint")
    @classmethod
    def _check_traces(cls, url: str | None) -> str | None:
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not parts.path.strip("/"):
            raise ValueError("must be the whole http or https URL that takes OTLP traces, path included")
        if parts.username or parts.password:
            raise ValueError("must have no user name or password: use OTEL_EXPORTER_OTLP_HEADERS")
        if not extra_installed():
            raise ValueError("needs the extra 'tracing', which is not installed: pip install 'gatelodge[tracing]'")
        return url

    def observability_config(self, part: str) -> ObservabilityConfig:
        """The section, for ``server`` or ``desk``; ``auto`` is JSON in production."""
        form = self.log_format
        if form == "auto":
            form = "json" if self.mode == "production" else "text"
        logs = LogConfig(self.log_level, form)
        return ObservabilityConfig(part, logs, self.metrics_bind, self.metrics_port, self.metrics_hosts)

    def tracing_config(self) -> TracingConfig:
        """The traces' section."""
        return TracingConfig(self.traces_endpoint, self.traces_upstream == "on")
