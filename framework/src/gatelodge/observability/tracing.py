"""Traces by OpenTelemetry, sent by OTLP over HTTP: needs the extra ``tracing``, loads nothing of it unless asked to.

W3C Trace Context; MCP 2026-07-28, ``_meta`` keys ``traceparent`` and ``tracestate``. ``GATELODGE_TRACES_ENDPOINT`` turns
them on; what else the SDK can do (sampler, resource, headers, batches) it reads from its own ``OTEL_*`` variables.
Invariant: a span has names and numbers that we chose, never an address's query, an argument, a result or a token.

Not here: which spans there are (``app.spans``, ``outbound.traced``).
"""

import importlib.util
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

__all__ = ["TracesUnavailable", "extra_installed", "flush", "parent_in", "start_tracing", "tracer"]

_KEYS = ("traceparent", "tracestate")
# Milliseconds for what is left to send when a server stops.
_LAST = 2000


class TracesUnavailable(GatelodgeError):
    """Traces are asked for, and what sends them is not installed."""

    code = Code.SETTINGS_INVALID


def extra_installed() -> bool:
    """Whether the extra ``tracing`` is there."""
    try:
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def start_tracing(endpoint: str, service: str, version: str) -> None:
    """Send the process's spans there; a provider that the application has set itself stays. Raises: TracesUnavailable."""
    if not extra_installed():
        raise TracesUnavailable(
            "GATELODGE_TRACES_ENDPOINT needs the extra 'tracing', which is not installed",
            hint="pip install 'gatelodge[tracing]'",
        )
    from opentelemetry import trace  # noqa: PLC0415 - an extra
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra

    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before these.
    ours = Resource({"service.name": service, "service.version": version})
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)


def tracer() -> "Tracer":
    """Ours, of the process's provider."""
    from opentelemetry import trace  # noqa: PLC0415 - only where traces are on

    return trace.get_tracer("gatelodge")


def parent_in(carrier: Mapping[str, Any] | Iterable[tuple[bytes, bytes]]) -> "Context | None":
    """The trace that a request belongs to, by its ``_meta`` or its HTTP headers; None without a valid ``traceparent``."""
    from opentelemetry import trace  # noqa: PLC0415 - only where traces are on
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - only where traces are on
        TraceContextTextMapPropagator,
    )

    if isinstance(carrier, Mapping):
        found = {key: carrier[key] for key in _KEYS if isinstance(carrier.get(key), str)}
    else:
        names = {name.encode(): name for name in _KEYS}
        found = {names[name]: value.decode("latin-1") for name, value in carrier if name in names}
    if "traceparent" not in found:
        return None
    context = TraceContextTextMapPropagator().extract(found)
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def flush() -> None:
    """Send what is left, for at most two seconds; blocks."""
    from opentelemetry import trace  # noqa: PLC0415 - only where traces are on

    provider = trace.get_tracer_provider()
    if hasattr(provider, "force_flush"):
        provider.force_flush(_LAST)
