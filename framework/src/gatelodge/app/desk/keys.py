"""The keys of clients that sign (``private_key_jwt``), for Keycloak: from what the desk fetched and checked, only.

RFC 7517 and RFC 7523, section 2.2. Invariant: asked over the internal address alone. The proxy routes no path below
``/internal/``, and a request that came through any proxy is not answered here either.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gatelodge.app.answers import unavailable_answer
from gatelodge.app.desk.clients import named_by
from gatelodge.app.documents import not_found
from gatelodge.core.errors import GatelodgeError
from gatelodge.registration.documents.store import DocumentStore

__all__ = ["KEYS_ROUTE", "Keys"]

logger = logging.getLogger(__name__)

KEYS_ROUTE = "/internal/clients/{client}/jwks.json"
_PROXIED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Keys:
    """Answers Keycloak; ``known`` are the client ids of the well-known documents."""

    store: DocumentStore
    known: Collection[str]

    async def answer(self, request: Request) -> Response:
        """The client's key set; 404 for a client of which the desk holds no document."""
        client_id = named_by(request.path_params["client"])
        if client_id is None or any(name in request.headers for name in _PROXIED):
            return await not_found(request)
        # Nothing is fetched from a stranger that no sign-in has asked for before.
        if client_id not in self.store.held() and client_id not in self.known:
            return await not_found(request)
        try:
            keys = await self.store.keys(client_id)
        except GatelodgeError as error:
            logger.warning("no keys of %s for Keycloak: %s", client_id, error.detail)
            return unavailable_answer(error)
        return JSONResponse(dict(keys))
