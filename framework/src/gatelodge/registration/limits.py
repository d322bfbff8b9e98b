"""How many registrations one address and one redirect host may make, in moving windows that the caller brings.

RFC 7591 names no error for "too many"; RFC 6749's ``temporarily_unavailable`` is registered, says the right thing and is
what clients retry after (``slow_down`` means polling of RFC 8628, section 3.5, and no one polls here). HTTP 429 and
``Retry-After`` say how long.

Invariant: the address limit is wide, because all users of a hosted client come from a few addresses; what protects the
realm's table is the host limit, which counts new clients only. A few strangers lock nobody out: anyone may name ChatGPT's
host, so once a host's number is used up, who made few of them has a reserve left; redirects to loopback have no host in
common, only a name, and count for the address that asks. Not here: the windows and what counts as one address (``ratelimit``).
"""

from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from gatelodge.core.codes import Code
from gatelodge.core.urls import is_loopback
from gatelodge.registration.documents.errors import DocumentUnavailable
from gatelodge.registration.errors import RegistrationError

__all__ = ["Counted", "DocumentLimits", "RegistrationLimits", "TooManyDocuments", "TooManyRegistrations"]


class Counted(Protocol):
    """One limit, for any key."""

    async def count(self, *key: str) -> float:
        """Count one: 0, or the seconds until one more is possible, and nothing was counted."""

    async def wait(self, *key: str) -> float:
        """As ``count``, without counting."""

    def headers(self, wait: float) -> Mapping[str, str]:
        """What an answer says that refuses for so many seconds."""


class TooManyRegistrations(RegistrationError):
    """A limit was reached; ``headers`` say when one more is possible."""

    code = Code.REGISTRATION_LIMIT
    error = "temporarily_unavailable"

    def __init__(self, description: str, *, headers: Mapping[str, str], detail: str, hint: str) -> None:
        super().__init__(description, detail=detail, hint=hint)
        self.headers = headers


class RegistrationLimits:
    """The limits of one desk."""

    def __init__(self, *, addresses: Counted, hosts: Counted, shares: Counted, reserve: Counted) -> None:
        """``shares``: of a host's clients by one address; ``reserve``: of a host, for addresses within their share."""
        self._addresses, self._hosts, self._shares, self._reserve = addresses, hosts, shares, reserve

    async def count_request(self, address: str) -> None:
        """Count one request, whatever becomes of it. Raises: TooManyRegistrations."""
        wait = await self._addresses.count(address)
        if wait:
            raise TooManyRegistrations(
                "Too many registrations from this address. Keep the client_id of an earlier one, or try again later.",
                headers=self._addresses.headers(wait),
                detail="this address has reached the limit of its minute",
                hint="If many people share this address, raise GATELODGE_REGISTRATIONS_PER_ADDRESS.",
            )

    async def count_client(self, redirects: Iterable[str], address: str) -> None:
        """Count one new client for each host its redirects are on. Raises: TooManyRegistrations, counting nothing."""
        keys = sorted({_place(urlsplit(uri).hostname or "", address) for uri in redirects})
        for key in keys:
            if wait := await self._hosts.wait(*key):
                wait = max(await self._shares.wait(*key, address), await self._reserve.wait(*key))
            if wait:
                raise _too_many_clients(key, self._hosts.headers(wait))
        for key in keys:
            over = await self._shares.count(*key, address)
            # Another request may have come between, and taken the last.
            if wait := await self._hosts.count(*key):
                wait = over or await self._reserve.count(*key)
            if wait:
                raise _too_many_clients(key, self._hosts.headers(wait))


class TooManyDocuments(DocumentUnavailable):
    """One address has named too many documents that were not known yet; ``headers`` as above."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(
            "Too many applications that are new here were opened from your network. Try again in a minute.",
            detail="this address has named too many new documents within a minute",
            hint="If many people share this address, raise GATELODGE_NEW_DOCUMENTS_PER_ADDRESS.",
        )
        self.headers = headers


class DocumentLimits:
    """How many documents that are not held yet one address may have fetched.

    Ask before ``DocumentStore.get`` when ``DocumentStore.holds`` says no: each such request costs a fetch, and its URL is
    the asker's choice. What is held costs none and is not counted: clients that people share are always held.
    """

    def __init__(self, addresses: Counted) -> None:
        self._addresses = addresses

    async def count_new(self, address: str) -> None:
        """Count one document to be fetched. Raises: TooManyDocuments."""
        wait = await self._addresses.count(address)
        if wait:
            raise TooManyDocuments(self._addresses.headers(wait))


def _too_many_clients(key: tuple[str, ...], headers: Mapping[str, str]) -> TooManyRegistrations:
    return TooManyRegistrations(
        "Too many new clients with redirects on the same host."
        " Keep the client_id of an earlier registration, or try again later.",
        headers=headers,
        detail=f"redirect host {key[0]!r} has reached the limit of its minute",
        hint="If these are real users, raise GATELODGE_REGISTRATIONS_PER_HOST.",
    )


def _place(host: str, address: str) -> tuple[str, ...]:
    return ("loopback", address) if is_loopback(host) else (host,)
