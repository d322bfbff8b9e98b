"""A span of each request to a provider, while traces are on.

W3C Trace Context, section 3. Invariant: nothing of a trace leaves to a third party unless the operator said so, and a span
names the host and the method, never a path or a query, in which providers' APIs put names and secrets.
"""

import httpx2

from gatelodge.observability.tracing import tracer

__all__ = ["TracedTransport"]


class TracedTransport(httpx2.AsyncBaseTransport):
    """``inner`` with spans; ``propagate`` adds ``traceparent`` to what is sent."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, *, propagate: bool = False) -> None:
        self.inner, self._propagate = inner, propagate

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request; the span ends with the head of its answer."""
        from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 - only where traces are on
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - only where traces are on
            TraceContextTextMapPropagator,
        )

        about = {"http.request.method": request.method, "server.address": request.url.host}
        # Exceptions are not recorded: their texts hold addresses.
        with tracer().start_as_current_span(
            f"{request.method} {request.url.host}",
            kind=SpanKind.CLIENT,
            attributes=about,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            if self._propagate:
                TraceContextTextMapPropagator().inject(request.headers)
            try:
                response = await self.inner.handle_async_request(request)
            except httpx2.HTTPError as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 400:
                span.set_status(StatusCode.ERROR)
            return response

    async def aclose(self) -> None:
        """Close the inner one."""
        await self.inner.aclose()
