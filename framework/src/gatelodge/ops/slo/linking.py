"""Linking the run's clients, timed, and taking them away again.

Invariant: one user signs in at one place at a time; every registered client is removed, whatever happened.
"""

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gatelodge.core.clock import Clock
from gatelodge.core.errors import GatelodgeError
from gatelodge.core.urls import origin_of
from gatelodge.ops.link.browser import SignInFailed
from gatelodge.ops.link.oauth_steps import registration_body
from gatelodge.ops.link.obtain import Obtained, obtain_tokens
from gatelodge.ops.link.target import LOOPBACK_REDIRECT
from gatelodge.ops.slo.client import LinkedClient
from gatelodge.ops.slo.faults import RunFailed
from gatelodge.ops.slo.journal import Journal, Link
from gatelodge.ops.slo.place import Place
from gatelodge.ops.slo.timing import open_timing
from gatelodge.outbound.client import Outbound

__all__ = ["Linker"]

_SECONDS = 30.0
# Statuses after which nobody knows whether a client was removed.
_UNKNOWN = {0, 500, 502, 503, 504}
_TRIES, _PAUSE = 3, 0.5


@dataclass(slots=True)
class Linker:
    """Makes linked clients; ``left`` names those that could not be removed."""

    place: Place
    journal: Journal
    clock: Clock
    made: list[Obtained] = field(default_factory=list, repr=False)
    left: list[str] = field(default_factory=list)
    _spare: list[Obtained] = field(default_factory=list, repr=False)

    async def link(self, links: int, clients: int) -> list[LinkedClient]:
        """Link ``links`` times, the users in turn and side by side; the first ``clients`` stay. Raises: RunFailed."""
        users = len(self.place.users)
        shares = [range(user, links, users) for user in range(users)]
        found = await asyncio.gather(*(self._links(user, share, clients) for user, share in enumerate(shares)))
        linked = sorted((client for share in found for client in share), key=lambda client: client.number)
        for obtained in self._spare:
            await self._remove(obtained)
        self._spare.clear()
        if len(linked) < clients:
            reasons = {link.why for link in self.journal.links if not link.good}
            raise RunFailed(
                f"{clients - len(linked)} of {clients} clients could not be linked: {'; '.join(sorted(reasons))}",
                hint="gatelodge verify says more about a link.",
            )
        return linked

    async def _links(self, user: int, numbers: Iterable[int], clients: int) -> list[LinkedClient]:
        linked: list[LinkedClient] = []
        for number in numbers:
            try:
                obtained = await self._one(user)
            except SignInFailed:
                # Another try could lock the account.
                break
            if obtained is None:
                continue
            if number < clients:
                linked.append(self._client(number + 1, obtained))
            else:
                self._spare.append(obtained)
        return linked

    async def _one(self, user: int) -> Obtained | None:
        outbound = Outbound(ca_file=self.place.ca_file, timeout=_SECONDS)
        began = self.clock.monotonic()
        try:
            obtained = await obtain_tokens(self.place.target(user), body=_body(), outbound=outbound)
        except GatelodgeError as error:
            seconds = round(self.clock.monotonic() - began, 4)
            self.journal.links.append(Link(user + 1, seconds, good=False, why=error.detail[:200]))
            if isinstance(error, SignInFailed):
                raise
            return None
        finally:
            await outbound.aclose()
        self.journal.links.append(Link(user + 1, round(self.clock.monotonic() - began, 4), good=True))
        self.made.append(obtained)
        return obtained

    def _client(self, number: int, obtained: Obtained) -> LinkedClient:
        transport = open_timing(self.place.ca_file, self.clock)
        return LinkedClient(
            number=number,
            resource=self.place.mcp_url,
            obtained=obtained,
            journal=self.journal,
            clock=self.clock,
            transport=transport,
            outbound=Outbound(timeout=_SECONDS, transport=transport),
        )

    async def remove_all(self) -> None:
        """Remove what is left of the registered clients."""
        for obtained in list(self.made):
            await self._remove(obtained)

    async def _remove(self, obtained: Obtained) -> None:
        self.made.remove(obtained)
        client_id = obtained.client.client_id
        why = ""
        try:
            if self.place.local is not None:
                await asyncio.to_thread(self.place.local.admin.delete_client, client_id)
            else:
                why = await self._unregister(obtained)
        except GatelodgeError as error:
            why = error.detail
        if why:
            self.left.append(f"{client_id}: {why}"[:300])

    async def _unregister(self, obtained: Obtained) -> str:
        """By the client's own entry (RFC 7592, section 2.3), at the issuer's origin only. Returns why it did not work."""
        uri = obtained.client.document.get("registration_client_uri")
        bearer = obtained.client.document.get("registration_access_token")
        if not isinstance(uri, str) or not isinstance(bearer, str):
            return "its registration has no entry of its own"
        if origin_of(uri) != origin_of(obtained.server.registration_endpoint or ""):
            return "its entry is at another origin"
        outbound = Outbound(ca_file=self.place.ca_file, timeout=_SECONDS)
        try:
            status = await _delete(outbound, uri, bearer)
            for attempt in range(1, _TRIES):
                if status not in _UNKNOWN:
                    break
                await asyncio.sleep(attempt * _PAUSE)
                status = await _delete(outbound, uri, bearer)
                # It may be gone since the try before: then nobody knows its token any more.
                if status in {401, 404}:
                    return ""
            if status in {200, 204}:
                return ""
        finally:
            await outbound.aclose()
        return f"DELETE was answered with status {status}"


def _body() -> dict[str, Any]:
    """A name of its own for each link: equal registrations may be answered with one client, which is then no link."""
    return registration_body(LOOPBACK_REDIRECT, client_name=f"gatelodge slo {secrets.token_hex(4)}")


async def _delete(outbound: Outbound, uri: str, bearer: str) -> int:
    """The status; 0 without an answer."""
    try:
        return (await outbound.request("DELETE", uri, headers={"authorization": f"Bearer {bearer}"})).status
    except GatelodgeError:
        return 0
