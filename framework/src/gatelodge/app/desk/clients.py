"""Which clients Keycloak has been told of, so that a known one costs no call of the Admin API at each sign-in.

Invariant: one call at a time for a client; what is remembered is believed for a minute, because a person or the reaper
may remove the client. Not here: what is written at Keycloak (``registration.provision``).
"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from gatelodge.app.desk.auditing import DeskAudit
from gatelodge.core.clock import Clock
from gatelodge.registration.documents.model import ClientDocument
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.marks import made_by
from gatelodge.registration.provision import Outcome, Withdrawal, provision, withdraw

__all__ = ["DocumentClients", "keys_path", "named_by"]

_BELIEVED = 60.0
_MOST = 2_000


@dataclass
class DocumentClients:
    """The clients that documents made; ``keys_url`` gives the address at which Keycloak reads a client's keys.

    Every method raises RegistrarUnavailable and RegistrarRefused.
    """

    clients: KeycloakClients
    clock: Clock
    keys_url: Callable[[str], str]
    grace: float
    audit: DeskAudit = field(default_factory=DeskAudit)
    _known: dict[str, tuple[str, float]] = field(default_factory=dict, init=False, repr=False)
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary, init=False, repr=False)

    async def ensure(self, document: ClientDocument) -> Outcome:
        """Have the client at Keycloak as its document says."""
        async with self._locks.setdefault(document.client_id, asyncio.Lock()):
            if self._remembered(document):
                return "unchanged"
            signed = document.method == "private_key_jwt"
            keys_url = self.keys_url(document.client_id) if signed else None
            outcome = await provision(self.clients, document, keys_url=keys_url, now=self.clock.now())
            if outcome in {"created", "updated"}:
                await self.audit.document(document.client_id, outcome)
            self._remember(document)
            return outcome

    async def withdraw(self, client_id: str) -> Withdrawal:
        """Note that a document is gone; the client is disabled when the grace is over."""
        self._known.pop(client_id, None)
        return await withdraw(self.clients, client_id, now=self.clock.now(), grace=self.grace)

    async def exists(self, client_id: str) -> bool:
        """Whether Keycloak has the client, whoever made it."""
        return await self.clients.find(client_id) is not None

    async def made_by_person(self, client_id: str) -> bool:
        """Whether Keycloak has the client, and not from a document."""
        found = await self.clients.find(client_id)
        return found is not None and made_by(found) != "cimd"

    def _remembered(self, document: ClientDocument) -> bool:
        fingerprint, until = self._known.get(document.client_id, ("", 0.0))
        return fingerprint == document.fingerprint and self.clock.monotonic() < until

    def _remember(self, document: ClientDocument) -> None:
        self._known.pop(document.client_id, None)
        while len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[document.client_id] = (document.fingerprint, self.clock.monotonic() + _BELIEVED)


def keys_path(client_id: str) -> str:
    """The path at which the desk serves a client's keys to Keycloak."""
    return f"/internal/clients/{base64.urlsafe_b64encode(client_id.encode()).rstrip(b'=').decode()}/jwks.json"


def named_by(segment: str) -> str | None:
    """The client_id that ``keys_path`` wrote as this segment."""
    try:
        client_id = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
    return client_id if keys_path(client_id).split("/")[3] == segment else None
