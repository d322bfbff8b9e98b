"""The desk's application: registrations, clients that come with a document, and the issuer's metadata, curated.

RFC 7591, section 3; RFC 8414, section 3; draft-ietf-oauth-client-id-metadata-document. Registrations and metadata are
usable from any browser origin: nothing in them depends on who asks. The consent form is not.

Not here: what a client may register or its document say (``registration``), what the metadata says (``issuer``). Never
loads FastMCP.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatelodge.app.desk.authorize import AUTHORIZATION
from gatelodge.app.desk.background import Job, running
from gatelodge.app.desk.keys import KEYS_ROUTE
from gatelodge.app.desk.parts import DocumentParts, document_parts, keycloak_clients
from gatelodge.app.desk.refresh import Refresher
from gatelodge.app.desk.registering import registration_parts
from gatelodge.app.documents import Endpoint, health_routes, issuer_document, not_found, shared
from gatelodge.core.clock import Clock, SystemClock
from gatelodge.core.urls import path_of, well_known
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.outbound.guard import GuardedOutbound
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
    documents = document_parts(settings, clients, clock, guarded)
    registered = registration_parts(settings, client, clients, clock)
    jobs = (*_jobs(documents), *registered.jobs)
    realm = path_of(settings.issuer)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        logger.info("desk of %s, Keycloak at %s", settings.issuer, settings.issuer_internal_url)
        async with running(jobs):
            yield
        await documents.aclose()
        await client.aclose()

    app = Starlette(
        routes=[
            *registered.routes,
            *_document_routes(realm, documents),
            *_metadata_routes(
                settings, issuer_document(metadata, lambda: settings.scopes, client_documents=documents.works)
            ),
            *health_routes(metadata.raw),
        ],
        exception_handlers={404: _not_found, 405: _not_found, Exception: _failed},
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
    realm = path_of(settings.issuer)
    paths = (
        path_of(well_known(settings.issuer, "oauth-authorization-server")),
        f"{realm}/.well-known/oauth-authorization-server",
        f"{realm}/.well-known/openid-configuration",
    )
    return [shared(path, ["GET", "HEAD"], document) for path in paths]


def _jobs(parts: DocumentParts) -> list[Job]:
    if not parts.works or parts.clients is None:
        return []
    return [Job("refresh of client documents", REFRESH_EVERY, Refresher(parts.store, parts.clients).round)]


async def _not_found(request: Request, _: Exception) -> Response:
    return await not_found(request)


async def _failed(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "server_error"}, 500)
