"""An HTTP transport that keeps what passed: the evidence of every finding.

Invariant: recording changes nothing on the wire; what leaves this module (``exchange``) went through the redactor.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

import httpx2

from gatelodge.core.clock import Clock
from gatelodge.ops.verify.check import Exchange
from gatelodge.ops.verify.redaction import Redactor

__all__ = ["Entry", "Recorder"]

_KEPT_BYTES = 256 * 1024
# What a reader of the evidence needs; the rest is noise of proxies and browsers.
_SHOWN = frozenset(
    [
        "accept",
        "authorization",
        "content-type",
        "content-length",
        "content-encoding",
        "cache-control",
        "www-authenticate",
        "location",
        "allow",
        "retry-after",
        "origin",
        "user-agent",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "mcp-session-id",
        "set-cookie",
        "server",
        "x-accel-buffering",
        "content-security-policy",
        "referrer-policy",
        "strict-transport-security",
        "x-content-type-options",
        "transfer-encoding",
    ]
)


@dataclass(slots=True)
class Entry:
    """One exchange as it was, secrets included: never shown, never kept after the run."""

    method: str
    url: str
    request_headers: dict[str, str] = field(repr=False)
    request_body: bytes = field(repr=False)
    began: float = 0.0
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytearray = field(default_factory=bytearray, repr=False)
    seconds: float = 0.0
    error: str = ""

    def exchange(self, redactor: Redactor) -> Exchange:
        """The form for reports."""
        return Exchange(
            method=self.method,
            url=redactor.url(self.url),
            request_headers=redactor.headers(_shown(self.request_headers)),
            request_body=redactor.body(self.request_body, self.request_headers.get("content-type", "")),
            status=self.status,
            headers=redactor.headers(_shown(self.headers)),
            body=redactor.body(bytes(self.body), self.headers.get("content-type", "")),
            seconds=round(self.seconds, 4),
            error=redactor.text(self.error),
        )


class Recorder(httpx2.AsyncBaseTransport):
    """Passes requests on and keeps them in ``log``, oldest first."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self.log: list[Entry] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send, and keep."""
        began = self._clock.monotonic()
        entry = Entry(request.method, str(request.url), dict(request.headers), request.content, began)
        self.log.append(entry)
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.HTTPError as error:
            entry.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            entry.seconds = self._clock.monotonic() - began
        entry.status = response.status_code
        entry.headers = dict(response.headers)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Copied(cast("httpx2.AsyncByteStream", response.stream), entry),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Copied(httpx2.AsyncByteStream):
    """A body that is kept as it is read."""

    def __init__(self, stream: httpx2.AsyncByteStream, entry: Entry) -> None:
        self._stream = stream
        self._entry = entry

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            self._entry.body += part[: max(0, _KEPT_BYTES - len(self._entry.body))]
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def _shown(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in _SHOWN or name.startswith("access-control-")}
