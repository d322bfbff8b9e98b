"""Documents looked at again in the background, so that a client changes with its document and not at the next sign-in.

Invariant: a failure is one line in the log and never the end of the task. Not here: when a document is fetched again
(``registration.documents.store``).
"""

import logging
from dataclasses import dataclass, field

from gatelodge.app.desk.clients import DocumentClients
from gatelodge.core.errors import GatelodgeError
from gatelodge.registration.documents.errors import DocumentWithdrawn
from gatelodge.registration.documents.store import DocumentStore

__all__ = ["Refresher"]

logger = logging.getLogger(__name__)


@dataclass
class Refresher:
    """One round looks at every held document."""

    store: DocumentStore
    clients: DocumentClients
    # Changed, and not yet told to Keycloak.
    _owed: set[str] = field(default_factory=set, init=False)
    # Gone; the store may have forgotten them, their clients have not been disabled yet.
    _gone: set[str] = field(default_factory=set, init=False)
    # Their clients are disabled; a document that comes back enables its client, also for links that nobody renews.
    _ended: set[str] = field(default_factory=set, init=False)

    async def round(self) -> None:
        """Fetch what is due, tell Keycloak what changed."""
        self._ended.intersection_update(self.store.held())
        for client_id in dict.fromkeys((*self.store.held(), *self._gone)):
            try:
                await self._look(client_id)
            except GatelodgeError as error:
                logger.warning("client document %s: %s", client_id, error.detail)

    async def _look(self, client_id: str) -> None:
        try:
            held = await self.store.get(client_id)
        except DocumentWithdrawn:
            self._gone.add(client_id)
            outcome = await self.clients.withdraw(client_id)
            if outcome not in {"marked", "waiting"}:
                self._gone.discard(client_id)
            if outcome in {"marked", "disabled"} and client_id not in self._ended:
                logger.warning("client document %s is gone: client %s", client_id, outcome)
            if outcome == "disabled":
                if client_id not in self._ended:
                    await self.clients.audit.document(client_id, outcome)
                self._ended.add(client_id)
            return
        if held.changed or client_id in self._gone | self._ended:
            self._owed.add(client_id)
        self._gone.discard(client_id)
        self._ended.discard(client_id)
        # A client that the reaper or a person removed comes back with a sign-in, not by itself.
        if client_id in self._owed and await self.clients.exists(client_id):
            told = await self.clients.ensure(held.document)
            logger.info("client document %s changed: client %s", client_id, told)
        self._owed.discard(client_id)
