"""The desk's application: registrations, clients that come with a document, and the issuer's metadata, curated.

RFC 7591, section 3; RFC 8414, section 3; draft-ietf-oauth-client-id-metadata-document. Registrations and metadata are
usable from any browser origin: nothing in them depends on who asks. The consent form is not.

Not here: what a client may register or its document say (``registration``), what the metadata says (``issuer``). Never
loads FastMCP.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gatelodge.app.api_docs.desk import desk_operations
from gatelodge.app.api_docs.document import routed
from gatelodge.app.api_docs.routes import description_routes
from gatelodge.app.api_docs.served import made
from gatelodge.app.auditing import auditing
from gatelodge.app.configuration import log_configuration
from gatelodge.app.counting import make_limits
from gatelodge.app.desk.auditing import DeskAudit
from gatelodge.app.desk.authorize import AUTHORIZATION
from gatelodge.app.desk.background import Job, running
from gatelodge.app.desk.keys import KEYS_ROUTE
from gatelodge.app.desk.parts import DocumentParts, document_parts, keycloak_clients
from gatelodge.app.desk.refresh import Refresher
from gatelodge.app.desk.registering import registration_parts
from gatelodge.app.documents import Endpoint, issuer_document, not_found, shared
from gatelodge.app.edge import Edge
from gatelodge.app.health import Process, health_routes
from gatelodge.app.health_checks import issuer_check, redis_check, store_check
from gatelodge.app.observing import ObservedApplication
from gatelodge.app.route_classes import desk_classes
from gatelodge.app.spans import traces
from gatelodge.core.clock import Clock, SystemClock
from gatelodge.core.urls import path_of, well_known
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.observability.health import Health
from gatelodge.outbound.client import Outbound
from gatelodge.outbound.guard import GuardedOutbound
from gatelodge.registration.forward import ENDPOINT
from gatelodge.settings.desk import DeskSettings

__all__ = ["create_desk"]

logger = logging.getLogger(__name__)

# Seconds for Keycloak's answer: less than the proxy waits for ours, so that a client gets our words, not the proxy's.
KEYCLOAK_TIMEOUT = 7.0
# Seconds between two looks at what documents are due.
REFRESH_EVERY = 60.0


def create_desk(
    settings: DeskSettings,
    *,
    outbound: Outbound | None = None,
    guarded: GuardedOutbound | None = None,
    clock: Clock | None = None,
) -> Starlette:
    """The ASGI application of ``gatelodge desk``. Raises: RegistrationPolicyInvalid, KnownDocumentUnusable.

    ``outbound`` asks Keycloak, ``guarded`` fetches what strangers' URLs name. ``app.state.jobs`` is what it does between
    requests.
    """
    clock = clock or SystemClock()
    client = outbound or Outbound(ca_file=settings.ca_file, timeout=KEYCLOAK_TIMEOUT)
    metadata = MetadataSource(client, settings.issuer_config(), clock)
    clients = keycloak_clients(settings, client, clock)
    audit = auditing(settings, clock, trusted=settings.trusted_proxies)
    limits = make_limits(clock, settings.redis_url, f"desk of {settings.issuer}", audit)
    documents = document_parts(settings, clients, limits, clock, guarded, audit=DeskAudit(audit))
    registered = registration_parts(settings, client, clients, limits, clock, audit=DeskAudit(audit))
    jobs = (*_jobs(documents), *registered.jobs)
    realm = path_of(settings.issuer)
    health = Health(clock, [issuer_check(metadata.raw, metadata, "metadata")])
    if audit is not None:
        health.add(store_check(lambda: audit.database))
    if limits.shared:
        health.add(redis_check(limits, needed=False))

    def described() -> dict[str, Any]:
        operations = desk_operations(
            settings.issuer + ENDPOINT, _metadata_paths(settings), realm + AUTHORIZATION, KEYS_ROUTE
        )
        return made("gatelodge-desk", settings.issuer, operations, routed(app.router.routes))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        logger.info("desk of %s, Keycloak at %s", settings.issuer, settings.issuer_internal_url)
        log_configuration((settings,))
        recording = nullcontext() if audit is None else audit.running()
        async with traces(settings.traces_endpoint, "gatelodge-desk"), recording, running(jobs):
            yield
        await health.aclose()
        await documents.aclose()
        await limits.aclose()
        await client.aclose()

    app = ObservedApplication(
        classes=desk_classes(realm),
        traced=settings.traces_endpoint is not None,
        routes=[
            *registered.routes,
            *_document_routes(realm, documents),
            *_metadata_routes(
                settings, issuer_document(metadata, lambda: settings.scopes, client_documents=documents.works)
            ),
            *description_routes("", described),
            *health_routes(health, Process(lambda: "gatelodge-desk", "keycloak", "none", clock)),
        ],
        middleware=[Middleware(Edge)],
        exception_handlers={404: _not_found, 405: _not_found},
        lifespan=lifespan,
    )
    # A redirect would make another request of what has to be answered, or refused, as it stands.
    app.router.redirect_slashes = False
    app.state.jobs = jobs
    return app


def _document_routes(realm: str, parts: DocumentParts) -> list[Route]:
    return [
        Route(realm + AUTHORIZATION, parts.authorize.answer),
        Route("/desk/consent", parts.authorize.consented, methods=["POST"]),
        Route(KEYS_ROUTE, parts.keys.answer),
    ]


def _metadata_routes(settings: DeskSettings, document: Endpoint) -> list[Route]:
    return [shared(path, ["GET", "HEAD"], document) for path in _metadata_paths(settings)]


def _metadata_paths(settings: DeskSettings) -> tuple[str, ...]:
    realm = path_of(settings.issuer)
    return (
        path_of(well_known(settings.issuer, "oauth-authorization-server")),
        f"{realm}/.well-known/oauth-authorization-server",
        f"{realm}/.well-known/openid-configuration",
    )


def _jobs(parts: DocumentParts) -> list[Job]:
    if not parts.works or parts.clients is None:
        return []
    return [Job("refresh of client documents", REFRESH_EVERY, Refresher(parts.store, parts.clients).round)]


async def _not_found(request: Request, _: Exception) -> Response:
    return await not_found(request)
