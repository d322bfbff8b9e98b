"""One pooled httpx2 client with bounds on time and size."""

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx2

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.outbound.traced import TracedTransport

__all__ = ["Answer", "Began", "Outbound", "UpstreamAnswerUnusable", "UpstreamUnreachable", "whole"]


# Faults before a connection stands: nothing of the request was sent.
_UNSENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
)


# User and password, and all from the query on.
_PRIVATE = re.compile(r"(?<=//)[^/?#]*@|[?#].*", re.DOTALL)


class UpstreamUnreachable(GatelodgeError):
    """No answer: refused, timed out, reset or no route. ``sent``: bytes of the request may have left."""

    code = Code.UPSTREAM_UNREACHABLE

    def __init__(self, detail: str, *, hint: str | None = None, sent: bool = True) -> None:
        super().__init__(detail, hint=hint)
        self.sent = sent


class UpstreamAnswerUnusable(GatelodgeError):
    """An answer came, but it is too large or not what was asked for."""

    code = Code.UPSTREAM_ANSWER_UNUSABLE


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers (names in lower case) and body bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises: UpstreamAnswerUnusable."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise UpstreamAnswerUnusable(f"answer of status {self.status} is not JSON") from error
        if not isinstance(value, dict):
            raise UpstreamAnswerUnusable(f"answer of status {self.status} is JSON but no object")
        return value


@dataclass
class Began:
    """Whether bytes of a request may have left, for a caller that ends it by a limit in time of its own."""

    yes: bool = False


async def whole(response: httpx2.Response, about: str, cap: int) -> Answer:
    """The whole answer; ``about`` is the request in words. Raises: UpstreamAnswerUnusable, compressed or over ``cap`` bytes."""
    # Unpacked, a small piece could be a thousand times its size before it is counted.
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UpstreamAnswerUnusable(f"{about}: answer is compressed, which was not asked for")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > cap:
            raise UpstreamAnswerUnusable(f"{about}: answer over {cap} bytes")
    return Answer(response.status_code, dict(response.headers), bytes(body))


class Outbound:
    """The pooled client. Never follows a redirect; a body over ``max_bytes`` is cut off and refused."""

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        timeout: float = 5.0,
        max_bytes: int = 1 << 20,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        # httpcore2 tells when a request goes out. Of another transport nobody knows, so each request counts as sent.
        inner = transport.inner if isinstance(transport, TracedTransport) else transport
        self._tells = inner is None or isinstance(inner, httpx2.AsyncHTTPTransport)
        verify = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        self._max_bytes = max_bytes
        self._client = httpx2.AsyncClient(
            verify=verify,
            timeout=timeout,
            headers={"accept-encoding": "identity"},
            follow_redirects=False,
            # A cookie of one answer would go out with the next request, which may be another user's.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            transport=transport,
            # Proxy variables of the environment would send internal calls outside.
            trust_env=False,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int | None = None,
        began: Began | None = None,
    ) -> Answer:
        """Send one request and read the whole answer; ``max_bytes`` may only lower the client's cap.

        ``began`` is set when bytes go out. Raises: UpstreamUnreachable, UpstreamAnswerUnusable.
        """
        began = began or Began()
        began.yes = began.yes or not self._tells

        async def told(event: str, _: Any) -> None:
            began.yes = began.yes or event.endswith(".send_request_headers.started")

        cap = self._max_bytes if max_bytes is None else min(max_bytes, self._max_bytes)
        try:
            async with self._client.stream(
                method, url, headers=headers, content=content, extensions={"trace": told}
            ) as response:
                return await whole(response, f"{method} {_place(url)}", cap)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            sent = began.yes and not isinstance(error, _UNSENT)
            raise UpstreamUnreachable(f"{method} {_place(url)}: {_reason(error)}", sent=sent) from error

    async def get_json(self, url: str, *, max_bytes: int | None = None) -> dict[str, Any]:
        """GET a JSON object with status 200. Raises: UpstreamUnreachable, UpstreamAnswerUnusable."""
        answer = await self.request("GET", url, headers={"accept": "application/json"}, max_bytes=max_bytes)
        if answer.status != 200:
            raise UpstreamAnswerUnusable(f"GET {_place(url)}: status {answer.status}")
        return answer.json_object()

    async def aclose(self) -> None:
        """Close the pool."""
        await self._client.aclose()


def _place(url: str) -> str:
    """The address without what stands before its host and after its path: errors go into logs, and a query is private."""
    return _PRIVATE.sub("", url)


def _reason(error: Exception) -> str:
    """What went wrong, in words; httpx2 has none for a connection that was cut, its cause does."""
    cause = error.__cause__ or error.__context__
    text = str(error) or (f"{type(cause).__name__}: {cause}" if cause else "")
    return f"{type(error).__name__}: {text}"
