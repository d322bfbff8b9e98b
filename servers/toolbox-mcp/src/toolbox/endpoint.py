"""Calls of one model endpoint that the operator named, bounded in time and size, its faults in words for the caller.

Invariant: the key goes to that host only, no redirect is followed, and a name is resolved once to a checked address
(``outbound``). Not here: what is asked for (``images``, ``analysis``).
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2

from gatelodge.core.errors import GatelodgeError
from gatelodge.core.secret import Secret
from gatelodge.observability.redaction import HIDDEN, redact
from gatelodge.outbound.client import Answer, Outbound
from gatelodge.outbound.pool import PoolConfig, PooledTransport
from gatelodge.toolpacks.text import clean, defang
from toolbox.faults import Away, Busy, NotSetUp, Refused

__all__ = ["Endpoint"]

logger = logging.getLogger(__name__)


class Endpoint:
    """One endpoint; ``what`` names it in errors. ``transport`` replaces the network, for tests."""

    def __init__(
        self,
        what: str,
        url: str,
        key: Secret | None,
        *,
        seconds: float,
        max_bytes: int,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._what, self._url, self._key, self._seconds = what, url, key, seconds
        # Its host is the operator's own choice, wherever it is: a model beside the server is as good.
        own = {urlsplit(url).hostname or ""}
        pool = transport or PooledTransport(PoolConfig(connections=20, idle=20), own=own)
        self._outbound = Outbound(timeout=seconds, max_bytes=max_bytes, transport=pool)

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """The answer, of a status 2xx. Raises: Fault."""
        headers = {"content-type": "application/json", "accept": "application/json, image/*"}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key.reveal()}"
        try:
            # Of the whole: the client's own times are for each part of an answer.
            async with asyncio.timeout(self._seconds):
                answer = await self._outbound.request(
                    "POST", f"{self._url}{path}", headers=headers, content=json.dumps(body).encode()
                )
        except (GatelodgeError, TimeoutError) as error:
            detail = error.detail if isinstance(error, GatelodgeError) else f"no whole answer in {self._seconds:g} s"
            logger.warning("%s: %s", self._what, detail)
            raise Away(f"{self._what} gave no usable answer.", "Try again in a minute.") from error
        if 200 <= answer.status < 300:
            return answer
        logger.warning("%s: status %d", self._what, answer.status)
        if answer.status == 429:
            raise Busy(f"{self._what} takes no more calls for now.", "Try again in a minute.")
        if answer.status in {400, 413, 422}:
            raise Refused(f"{self._what} does not accept this.{self._said(answer)}", "Change it, then call again.")
        raise NotSetUp(f"{self._what} refused the call.", "Ask the operator of this server; its log says why.")

    async def aclose(self) -> None:
        """Close its connections."""
        await self._outbound.aclose()

    def _said(self, answer: Answer) -> str:
        try:
            error = answer.json_object().get("error")
        except GatelodgeError:
            return ""
        text = error.get("message") if isinstance(error, dict) else error
        if isinstance(text, str):
            # Some repeat the key that they refuse.
            text = redact(text if self._key is None else text.replace(self._key.reveal(), HIDDEN))
        text, _ = clean(text, 200, one_line=True)
        return f' It says: "{defang(text)}".' if text else ""
