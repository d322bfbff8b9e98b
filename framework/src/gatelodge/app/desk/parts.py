"""The desk's parts, made from its settings: what is there with an account at Keycloak, and what is there without.

Not here: routes (``create``).
"""

import logging
from dataclasses import dataclass

from gatelodge.app.desk.auditing import DeskAudit
from gatelodge.app.desk.authorize import Authorize
from gatelodge.app.desk.clients import DocumentClients, keys_path
from gatelodge.app.desk.consent import Tickets
from gatelodge.app.desk.keys import Keys
from gatelodge.core.clock import Clock
from gatelodge.core.secret import generate, read_or_create
from gatelodge.outbound.client import Outbound
from gatelodge.outbound.guard import GuardedOutbound
from gatelodge.ratelimit.limit import Limits
from gatelodge.ratelimit.rate import Rate
from gatelodge.registration.documents.hosts import DocumentHosts
from gatelodge.registration.documents.known import read_known
from gatelodge.registration.documents.store import DocumentStore
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.limits import DocumentLimits
from gatelodge.registration.service_account import ServiceAccount
from gatelodge.settings.desk import DESK_CLIENT_ID, DeskSettings

__all__ = ["DocumentParts", "document_parts", "keycloak_clients"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DocumentParts:
    """What client documents need; ``clients`` is None without an account at Keycloak."""

    guarded: GuardedOutbound
    store: DocumentStore
    clients: DocumentClients | None
    authorize: Authorize
    keys: Keys

    @property
    def works(self) -> bool:
        """Whether a client may come with a document."""
        return self.authorize.mode != "off" and self.clients is not None

    async def aclose(self) -> None:
        """End what is under way."""
        await self.store.aclose()
        await self.guarded.aclose()


def keycloak_clients(settings: DeskSettings, outbound: Outbound, clock: Clock) -> KeycloakClients | None:
    """The realm's clients, by the desk's account; None without its secret."""
    if settings.desk_secret is None:
        logger.warning(
            "no GATELODGE_DESK_SECRET: client documents, folding and the reaper are off; registrations and metadata work"
        )
        return None
    realm = settings.issuer_internal_url
    account = ServiceAccount(
        outbound, realm_url=realm, client_id=DESK_CLIENT_ID, secret=settings.desk_secret, clock=clock
    )
    return KeycloakClients(outbound, account, realm_url=realm)


def document_parts(
    settings: DeskSettings,
    clients: KeycloakClients | None,
    limits: Limits,
    clock: Clock,
    guarded: GuardedOutbound | None = None,
    *,
    audit: DeskAudit,
) -> DocumentParts:
    """The parts; ``guarded`` fetches from strangers. Raises: KnownDocumentUnusable."""
    fetch = guarded or GuardedOutbound(ca_file=settings.ca_file, local_hosts=settings.client_document_local_hosts)
    hosts = DocumentHosts(allowed=settings.client_document_hosts)
    folder = settings.client_documents_folder
    known = read_known(folder) if folder else {}
    store = DocumentStore(
        fetch,
        hosts=hosts,
        clock=clock,
        state=settings.state_dir if clients else None,
        known=known,
    )
    internal = settings.desk_internal_url
    made = (
        DocumentClients(clients, clock, lambda name: internal + keys_path(name), settings.withdrawn_grace, audit)
        if clients
        else None
    )
    # Kept, so that a page shown before a restart is still good after it.
    key = read_or_create(settings.state_dir / "consent.key") if settings.client_documents == "open" else generate()
    authorize = Authorize(
        issuer=settings.issuer,
        mode=settings.client_documents,
        hosts=hosts,
        store=store,
        clients=made,
        tickets=Tickets(key, clock),
        limits=DocumentLimits(limits.limit("new-documents", Rate(settings.new_documents_per_address))),
        trusted_proxies=settings.trusted_proxies,
    )
    return DocumentParts(fetch, store, made, authorize, Keys(store, known.keys()))
