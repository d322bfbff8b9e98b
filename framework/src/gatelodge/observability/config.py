"""What a process shows of itself: the plain config of this package."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Form", "LogConfig", "ObservabilityConfig", "TracingConfig"]

Form = Literal["json", "text"]


@dataclass(frozen=True, slots=True)
class LogConfig:
    """How lines are written; ``level`` is a name of ``logging``, in any case."""

    level: str = "info"
    form: Form = "text"


@dataclass(frozen=True, slots=True)
class TracingConfig:
    """``endpoint`` takes OTLP over HTTP, whole (``…/v1/traces``); ``upstream``: providers get ``traceparent`` too."""

    endpoint: str | None = None
    upstream: bool = False


@dataclass(frozen=True, slots=True)
class ObservabilityConfig:
    """``part`` is ``server`` or ``desk``; a ``metrics_port`` of 0 is none.

    ``metrics_hosts``: further names, in lower case, that the figures may be asked for by.
    """

    part: str = "server"
    logs: LogConfig = field(default_factory=LogConfig)
    metrics_bind: str = "127.0.0.1"
    metrics_port: int = 0
    metrics_hosts: frozenset[str] = frozenset()
