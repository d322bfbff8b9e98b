"""The registration desk's application: registrations on their way to Keycloak, and the issuer's metadata, curated.

RFC 7591, section 3, and RFC 8414, section 3. Readable and usable from any browser origin: nothing here depends on who
asks, and no cookie or ``Authorization`` header is looked at.

Not here: what a client may register (``registration``), what the metadata says (``issuer``). Never loads FastMCP.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gatelodge.app.desk.registrations import Registrations
from gatelodge.app.documents import health_routes, issuer_document, not_found, shared
from gatelodge.core.clock import Clock, SystemClock
from gatelodge.core.urls import path_of, well_known
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.registration.forward import ENDPOINT
from gatelodge.settings import DeskSettings

__all__ = ["create_desk"]

logger = logging.getLogger(__name__)

# Seconds for Keycloak's answer: less than the proxy waits for ours, so that a client gets our words, not the proxy's.
KEYCLOAK_TIMEOUT = 7.0


def create_desk(settings: DeskSettings, *, outbound: Outbound | None = None, clock: Clock | None = None) -> Starlette:
    """The ASGI application of ``gatelodge desk``. Raises: RegistrationPolicyInvalid."""
    client = outbound or Outbound(ca_file=settings.ca_file, timeout=KEYCLOAK_TIMEOUT)
    metadata = MetadataSource(client, settings.issuer_config(), clock or SystemClock())
    desk = Registrations(client, settings.issuer_internal_url, settings.registration_policy())
    realm = path_of(settings.issuer)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        logger.info("desk of %s, Keycloak at %s", settings.issuer, settings.issuer_internal_url)
        yield
        await client.aclose()

    document = issuer_document(metadata, lambda: settings.scopes)
    documents = (
        path_of(well_known(settings.issuer, "oauth-authorization-server")),
        f"{realm}/.well-known/oauth-authorization-server",
        f"{realm}/.well-known/openid-configuration",
    )
    app = Starlette(
        routes=[
            shared(realm + ENDPOINT, ["POST"], desk.answer),
            *(shared(path, ["GET", "HEAD"], document) for path in documents),
            *health_routes(metadata.raw),
        ],
        exception_handlers={404: _not_found, 405: _not_found, Exception: _failed},
        lifespan=lifespan,
    )
    # A redirect would make another request of what has to be answered, or refused, as it stands.
    app.router.redirect_slashes = False
    return app


async def _not_found(request: Request, _: Exception) -> Response:
    return await not_found(request)


async def _failed(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "server_error"}, 500)
