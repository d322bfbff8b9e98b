"""One request at a time, whatever comes back: a refusal, a page, an endless stream or no answer are all a ``Reply``.

Not here: what a reply means (the checks), keeping it (``evidence``).
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2

from gatelodge.ops.link.quiet import quiet_wire

__all__ = ["Reply", "Wire"]

_LIMIT = 2 * 1024 * 1024
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``status`` 0 and ``error`` when none came. ``ended`` is false when it was cut off or left early."""

    status: int
    headers: httpx2.Headers = field(default_factory=httpx2.Headers, repr=False)
    text: str = field(default="", repr=False)
    error: str = ""
    ended: bool = True

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case."""
        return str(self.headers.get("content-type", "")).split(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Whether it is a page, whatever it says it is."""
        return "html" in self.media_type or self.text.lstrip()[:15].lower().startswith(("<!doctype html", "<html"))

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty when it is none."""
        try:
            value = json.loads(self.text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def says(self) -> str:
        """The answer in a few words, for findings."""
        if self.error:
            return self.error
        document = self.json()
        fault = document.get("error")
        what = f", error {fault}" if isinstance(fault, str) else ""
        if self.is_html:
            what = ", a page"
        elif isinstance(fault, dict):
            what = f", JSON-RPC error {fault.get('code')}"
        return f"status {self.status}{what}"


class Wire:
    """Sends through one client that follows no redirect and keeps no cookie of the server."""

    def __init__(self, transport: httpx2.AsyncBaseTransport, *, agent: str, seconds: float = 10.0) -> None:
        self._seconds = seconds
        self._client = httpx2.AsyncClient(
            transport=transport,
            timeout=seconds,
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": agent, "accept-encoding": "identity"},
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        until: str = "",
        seconds: float | None = None,
    ) -> Reply:
        """Send a request and read the answer, or only until ``until`` is in an event stream."""
        limit = seconds or self._seconds
        status, found, body = 0, httpx2.Headers(), bytearray()
        try:
            with quiet_wire():
                async with asyncio.timeout(limit):
                    async with self._client.stream(
                        method, url, headers=dict(headers or {}), content=content, timeout=limit
                    ) as response:
                        status, found = response.status_code, response.headers
                        async for part in response.aiter_bytes():
                            body += part
                            text = body.decode("utf-8", "replace")
                            if len(body) > _LIMIT or (until and until in text):
                                return Reply(status, found, text, ended=False)
        except TimeoutError:
            error = f"status {status}, no end within {limit:.0f} s" if status else f"no answer within {limit:.0f} s"
            return Reply(status, found, body.decode("utf-8", "replace"), error, ended=False)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            return Reply(0, error=f"no answer: {type(error).__name__}: {error}", ended=False)
        return Reply(status, found, body.decode("utf-8", "replace"))

    async def get(self, url: str, **headers: str) -> Reply:
        """GET a document."""
        return await self.send("GET", url, headers={"accept": _JSON, **headers})

    async def post_json(self, url: str, document: Any, **headers: str) -> Reply:
        """POST a JSON document."""
        sent = {"content-type": _JSON, "accept": _JSON, **headers}
        return await self.send("POST", url, headers=sent, content=json.dumps(document).encode())

    async def post_form(self, url: str, form: Mapping[str, str], **headers: str) -> Reply:
        """POST a form."""
        sent = {"content-type": "application/x-www-form-urlencoded", "accept": _JSON, **headers}
        return await self.send("POST", url, headers=sent, content=urlencode(form).encode())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
