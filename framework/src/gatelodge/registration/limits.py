"""How many registrations one address and one redirect host may make, as token buckets.

RFC 7591 names no error for "too many"; RFC 6749's ``temporarily_unavailable`` is registered, says the right thing and is
what clients retry after (``slow_down`` means polling of RFC 8628, section 3.5, and no one polls here). HTTP 429 and
``Retry-After`` say how long.

Invariant: memory is bounded, whoever calls. The address limit is wide, because all users of a hosted client come from a
few addresses; what protects the realm's table is the host limit, which counts new clients only. Redirects to loopback
have no host in common, only a name: they count for the address that asks, so that a few strangers cannot lock out all
clients that run on people's own computers. A bucket pushed out of the table by ten thousand newer ones begins full again.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import urlsplit

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.urls import is_loopback
from gatelodge.registration.documents.errors import DocumentUnavailable
from gatelodge.registration.errors import RegistrationError

__all__ = ["Buckets", "DocumentLimits", "RegistrationLimits", "TooManyDocuments", "TooManyRegistrations"]

_PERIOD = 60.0
_MOST = 10_000


class TooManyRegistrations(RegistrationError):
    """A limit was reached; ``retry_after`` says in whole seconds when one more is possible."""

    code = Code.REGISTRATION_LIMIT
    error = "temporarily_unavailable"

    def __init__(self, description: str, *, retry_after: float, detail: str, hint: str) -> None:
        super().__init__(description, detail=detail, hint=hint)
        self.retry_after = max(1, math.ceil(retry_after))


class Buckets:
    """One bucket of ``per_minute`` tokens for each key, filled evenly; at most ``most`` keys are remembered."""

    def __init__(self, per_minute: int, clock: Clock, *, most: int = _MOST) -> None:
        self._size = float(per_minute)
        self._rate = per_minute / _PERIOD
        self._clock = clock
        self._most = most
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def wait(self, key: str) -> float:
        """Seconds until the bucket has a token; 0 when it has one now. Takes nothing."""
        return max(0.0, (1.0 - self._level(key)) / self._rate)

    def take(self, key: str) -> None:
        """Take one token, which ``wait`` said is there."""
        level = self._level(key) - 1.0
        self._held[key] = (level, self._clock.monotonic())
        self._held.move_to_end(key)
        while len(self._held) > self._most:
            self._held.popitem(last=False)

    def _level(self, key: str) -> float:
        level, at = self._held.get(key, (self._size, self._clock.monotonic()))
        return min(self._size, level + (self._clock.monotonic() - at) * self._rate)


class RegistrationLimits:
    """The limits of one desk process, both in registrations a minute."""

    def __init__(self, *, per_address: int, per_host: int, clock: Clock) -> None:
        self._addresses = Buckets(per_address, clock)
        self._hosts = Buckets(per_host, clock)

    def count_request(self, address: str) -> None:
        """Count one request, whatever becomes of it. Raises: TooManyRegistrations."""
        key = _network(address)
        wait = self._addresses.wait(key)
        if wait:
            raise TooManyRegistrations(
                "Too many registrations from this address. Keep the client_id of an earlier one, or try again later.",
                retry_after=wait,
                detail=f"address {key} has reached the limit of its minute",
                hint="If many people share this address, raise GATELODGE_REGISTRATIONS_PER_ADDRESS.",
            )
        self._addresses.take(key)

    def count_client(self, redirects: Iterable[str], address: str) -> None:
        """Count one new client for each host its redirects are on. Raises: TooManyRegistrations, counting nothing."""
        keys = sorted({_place(urlsplit(uri).hostname or "", address) for uri in redirects})
        for key in keys:
            wait = self._hosts.wait(key)
            if wait:
                raise TooManyRegistrations(
                    "Too many new clients with redirects on the same host."
                    " Keep the client_id of an earlier registration, or try again later.",
                    retry_after=wait,
                    detail=f"redirect host {key!r} has reached the limit of its minute",
                    hint="If these are real users, raise GATELODGE_REGISTRATIONS_PER_HOST.",
                )
        for key in keys:
            self._hosts.take(key)


class TooManyDocuments(DocumentUnavailable):
    """One address has named too many documents that were not known yet; ``retry_after`` as above."""

    def __init__(self, address: str, retry_after: float) -> None:
        super().__init__(
            "Too many applications that are new here were opened from your network. Try again in a minute.",
            detail=f"address {address} has named too many new documents within a minute",
            hint="If many people share this address, raise GATELODGE_NEW_DOCUMENTS_PER_ADDRESS.",
        )
        self.retry_after = max(1, math.ceil(retry_after))


class DocumentLimits:
    """How many documents that are not held yet one address may have fetched, in a minute.

    Ask before ``DocumentStore.get`` when ``DocumentStore.holds`` says no: each such request costs a fetch, and its URL is
    the asker's choice. What is held costs none and is not counted: clients that people share are always held.
    """

    def __init__(self, *, per_address: int = 30, clock: Clock) -> None:
        self._addresses = Buckets(per_address, clock)

    def count_new(self, address: str) -> None:
        """Count one document to be fetched. Raises: TooManyDocuments."""
        key = _network(address)
        wait = self._addresses.wait(key)
        if wait:
            raise TooManyDocuments(key, wait)
        self._addresses.take(key)


def _place(host: str, address: str) -> str:
    return f"loopback of {_network(address)}" if is_loopback(host) else host


def _network(address: str) -> str:
    """What counts as one address: a whole /64 of IPv6, of which one subscriber has all."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found.packed, 64), strict=False))
    return str(found)
