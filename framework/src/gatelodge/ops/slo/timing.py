"""When an exchange began, gave its first body byte and ended, seen at the client's transport.

Invariant: the clock is read around the connection itself, so waiting for one of the client's own connections counts, as
do TLS and TCP where a new connection is needed. Not here: what an answer means (``calls``).
"""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from gatelodge.core.clock import Clock

__all__ = ["Timing", "TimingTransport", "open_timing"]


@dataclass(slots=True)
class Timing:
    """Monotonic seconds; ``first`` is None without a body, ``ended`` until the end was seen."""

    began: float
    first: float | None = None
    ended: float | None = None
    status: int = 0
    streamed: bool = False


class TimingTransport(httpx2.AsyncBaseTransport):
    """Passes everything on; ``last`` is the exchange that began last. For one caller that sends one at a time."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self.last = Timing(clock.monotonic())

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        timing = self.last = Timing(self._clock.monotonic())
        response = await self._inner.handle_async_request(request)
        timing.status = response.status_code
        timing.streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Watched(response.stream, timing, self._clock)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Watched(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, timing: Timing, clock: Clock) -> None:
        self._inner = inner
        self._timing = timing
        self._clock = clock

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            if self._timing.first is None and part:
                self._timing.first = self._clock.monotonic()
            yield part
        self._timing.ended = self._clock.monotonic()

    async def aclose(self) -> None:
        await self._inner.aclose()


def open_timing(ca_file: Path | None, clock: Clock) -> TimingTransport:
    """A transport that keeps its connections, as clients do, and trusts ``ca_file`` or what the machine trusts."""
    trust = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    return TimingTransport(httpx2.AsyncHTTPTransport(verify=trust, trust_env=False), clock)
