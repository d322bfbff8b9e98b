"""Documents fetched once and kept: freshness, one fetch at a time, and what is used while their host is away.

Invariants: one fetch per URL at a time, whoever asks; a URL that failed is not asked again for ``AGAIN`` seconds; a
caller that goes away does not end the fetch others wait for; a copy is checked each time it comes from the disk or the
network, and one that has not been confirmed for ``STALE`` seconds is not used.

Not here: which URL may be asked and what its document means (``store``), where copies are (``kept``).
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.outbound.client import Answer
from gatelodge.outbound.guard import GuardedOutbound
from gatelodge.registration.documents.errors import (
    DocumentError,
    DocumentInvalid,
    DocumentUnavailable,
    DocumentWithdrawn,
)
from gatelodge.registration.documents.freshness import lifetime
from gatelodge.registration.documents.kept import Copy, Kept
from gatelodge.registration.documents.model import Source

__all__ = ["Copies", "Got"]

T = TypeVar("T")
logger = logging.getLogger(__name__)

LEAST = 300.0
MOST = 86_400.0
AGAIN = 60.0
STALE = 30 * 86_400.0
# A clock corrected backwards a little makes a copy "from the future"; by more, its age is unknowable.
SKEW = 60.0
# Fetches of strangers' documents at one time: each may take the whole time limit and a socket.
MAX_FLIGHTS = 64


@dataclass(frozen=True, slots=True)
class Got(Generic[T]):
    """What a URL holds, where it came from, whether it differs from the copy before, and the bytes it was read from."""

    value: T
    source: Source
    changed: bool
    body: bytes


class Copies(Generic[T]):
    """Keeps what ``check`` makes of a URL's body. ``check(url, body)`` raises DocumentInvalid. Times are in seconds."""

    def __init__(
        self,
        fetch: GuardedOutbound,
        check: Callable[[str, bytes], T],
        *,
        clock: Clock,
        folder: Path | None,
        max_bytes: int,
        spares: Callable[[str], bool],
        limit: int = 2000,
        most: float = MOST,
    ) -> None:
        self._fetch = fetch
        self._check = check
        self._clock = clock
        self._max_bytes = max_bytes
        self._spares = spares
        self._limit = limit
        self._most = most
        self._kept = Kept(folder, limit=limit, spares=spares)
        self._checked: OrderedDict[str, tuple[str, T]] = OrderedDict()
        self._failed: OrderedDict[str, tuple[float, DocumentError]] = OrderedDict()
        self._flights: dict[str, asyncio.Task[Got[T]]] = {}

    async def get(self, url: str) -> Got[T]:
        """What ``url`` holds now, or held when its host was last seen.

        Raises: DocumentInvalid, DocumentUnavailable, DocumentWithdrawn.
        """
        fresh = self._fresh(url)
        if fresh is not None:
            return fresh
        flight = self._flights.get(url)
        if flight is None:
            if len(self._flights) >= MAX_FLIGHTS and not self._spares(url):
                raise DocumentUnavailable("Too many documents are being fetched. Try again in a few seconds.")
            flight = asyncio.create_task(self._renew(url))
            self._flights[url] = flight
            flight.add_done_callback(lambda done: self._landed(url, done))
        # Shielded: the fetch belongs to all who wait, not to the caller that happened to be first.
        return await asyncio.shield(flight)

    def has(self, url: str) -> bool:
        """Whether there is a copy, or a failure that still stands: a stranger's new URL costs a fetch, these do not."""
        until, _ = self._failed.get(url, (0.0, None))
        return url in self._kept or self._clock.now() < until

    def urls(self) -> Sequence[str]:
        """What there are copies of."""
        return self._kept.urls()

    async def aclose(self) -> None:
        """End the fetches in flight."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)

    def _landed(self, url: str, flight: asyncio.Task[Got[T]]) -> None:
        self._flights.pop(url, None)
        if not flight.cancelled():
            # Retrieved here, for the callers may all have gone away.
            flight.exception()

    def _fresh(self, url: str) -> Got[T] | None:
        """What needs no fetch: a fresh copy, or what was decided after a failure just now; None when neither."""
        now = self._clock.now()
        copy = self._kept.get(url)
        until, failure = self._failed.get(url, (0.0, None))
        if failure is not None and now < until <= now + AGAIN:
            return self._without_host(copy, type(failure)(failure.description, detail=failure.detail))
        if copy is None or copy.withdrawn or not copy.confirmed - SKEW <= now < copy.fresh_until:
            return None
        return self._got(copy, "cached")

    async def _renew(self, url: str) -> Got[T]:
        copy = self._kept.get(url)
        try:
            answer = await self._ask(url, copy)
            got = await self._answered(url, copy, answer)
        except DocumentError as error:
            self._fail(url, error)
            if isinstance(error, DocumentWithdrawn) and copy is not None:
                await self._withdraw(copy)
            return self._without_host(copy, error)
        self._failed.pop(url, None)
        return got

    async def _ask(self, url: str, copy: Copy | None) -> Answer:
        headers = {"accept": "application/json"}
        if copy is not None and copy.etag and self._got(copy, "cached") is not None:
            headers["if-none-match"] = copy.etag
        try:
            answer = await self._fetch.get(url, max_bytes=self._max_bytes, headers=headers)
        except GatelodgeError as error:
            raise DocumentUnavailable(
                "The document cannot be fetched. It must be served over https from a public address, uncompressed, "
                f"within 3 seconds and {self._max_bytes} bytes.",
                detail=error.detail,
            ) from error
        if answer.status in {404, 410}:
            raise DocumentWithdrawn(f"The document's host answers {answer.status}: there is no document at the URL.")
        return answer

    async def _answered(self, url: str, copy: Copy | None, answer: Answer) -> Got[T]:
        now = self._clock.now()
        fresh_until = now + lifetime(answer.headers, now, least=LEAST, most=self._most)
        if answer.status == 304 and copy is not None and copy.etag:
            copy = replace(copy, confirmed=now, fresh_until=fresh_until, withdrawn=False)
            await self._kept.put(copy)
            confirmed = self._got(copy, "fetched")
            if confirmed is not None:
                return confirmed
        if answer.status != 200:
            raise DocumentUnavailable(f"The document's host answers {answer.status} where 200 is needed.")
        if "html" in answer.headers.get("content-type", ""):
            # A page of a proxy or of a host in trouble says nothing about the document.
            raise DocumentUnavailable("The document's host answers with a web page where JSON is needed.")
        value = self._check(url, answer.body)
        before = self._got(copy, "cached") if copy is not None else None
        etag = answer.headers.get("etag")
        kept = Copy(url, answer.body.decode(), etag if etag and len(etag) <= 200 else None, now, fresh_until)
        await self._kept.put(kept)
        self._remember(kept, value)
        return Got(value, "fetched", before is not None and before.value != value, answer.body)

    def _without_host(self, copy: Copy | None, failure: DocumentError) -> Got[T]:
        """The stale copy, when the failure is an outage and there is one. Raises: the failure."""
        if not isinstance(failure, DocumentUnavailable) or copy is None:
            raise failure
        if copy.withdrawn:
            # An outage after a withdrawal brings nothing back.
            raise DocumentWithdrawn("The document's host has withdrawn it.", detail=failure.detail)
        got = self._got(copy, "stale") if -SKEW <= self._clock.now() - copy.confirmed <= STALE else None
        if got is None:
            raise failure
        return got

    async def _withdraw(self, copy: Copy) -> None:
        """Remember that there is no document any more, for as long as a stale copy would have served."""
        if self._clock.now() - copy.confirmed > STALE:
            await self._kept.drop(copy.url)
        elif not copy.withdrawn:
            await self._kept.put(replace(copy, withdrawn=True))

    def _got(self, copy: Copy, source: Source) -> Got[T] | None:
        """A copy, checked; None when it does not pass (the rules may be others than when it was kept)."""
        body, value = self._checked.get(copy.url, (None, None))
        if body != copy.body or value is None:
            try:
                value = self._check(copy.url, copy.body.encode())
            except DocumentInvalid as error:
                logger.warning("copy of %s not used: %s", copy.url, error.detail)
                return None
            self._remember(copy, value)
        return Got(value, source, False, copy.body.encode())

    def _remember(self, copy: Copy, value: T) -> None:
        self._checked[copy.url] = (copy.body, value)
        self._checked.move_to_end(copy.url)
        if len(self._checked) > self._limit:
            self._checked.popitem(last=False)

    def _fail(self, url: str, error: DocumentError) -> None:
        self._failed[url] = (self._clock.now() + AGAIN, error)
        self._failed.move_to_end(url)
        if len(self._failed) > self._limit:
            self._failed.popitem(last=False)
        logger.warning("%s: %s: %s", error.code.value, url, error.detail)
