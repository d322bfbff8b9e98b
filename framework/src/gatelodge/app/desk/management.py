"""A registered client's entry over HTTP (RFC 7592): one path a client, by its registration token, one log line each.

Usable from any browser origin: the token is in a header that no browser adds by itself. Not here: the rules
(``registration.manage``).
"""

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gatelodge.app.desk.auditing import DeskAudit
from gatelodge.app.desk.registrations import read_body, refuse, rendered
from gatelodge.app.documents import not_found, shared
from gatelodge.core.urls import path_of
from gatelodge.outbound.client import Outbound
from gatelodge.ratelimit.address import caller
from gatelodge.registration.answers import RegistrationAnswer, with_public_address
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.errors import RegistrationError, RegistrationTokenInvalid
from gatelodge.registration.folding import FOLDED_AT, Folding
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.limits import RegistrationLimits
from gatelodge.registration.manage import change, checked_change, read, registration_token, remove, usable_id
from gatelodge.registration.marks import mark

__all__ = ["Management", "management_routes"]

logger = logging.getLogger(__name__)

_DONE = {"GET": "read", "PUT": "changed", "DELETE": "removed"}


@dataclass(frozen=True, slots=True)
class Management:
    """Answers a client's requests about itself; ``endpoint`` is the public registration endpoint."""

    outbound: Outbound
    keycloak_url: str
    policy: RegistrationPolicy
    endpoint: str
    limits: RegistrationLimits
    trusted_proxies: frozenset[str] = frozenset()
    clients: KeycloakClients | None = None
    folding: Folding | None = None
    audit: DeskAudit = field(default_factory=DeskAudit)

    async def answer(self, request: Request) -> Response:
        client_id = request.path_params["client_id"]
        if not usable_id(client_id):
            return await not_found(request)
        about = f"client_id={client_id}"
        try:
            await self.limits.count_request(caller(request.scope, self.trusted_proxies))
            token = registration_token(request.headers.getlist("authorization"))
            raw = await read_body(request) if request.method == "PUT" else b""
            # Folding gives the client to somebody else meanwhile, or it does not: never both at once.
            async with self.folding.turn(client_id) if self.folding is not None else nullcontext():
                await self._refuse_folded(client_id)
                answer = await self._asked(request.method, client_id, token, raw)
                if self.folding is not None and request.method != "GET":
                    self.folding.forget(client_id)
            await self.audit.managed(request, client_id)
        except RegistrationError as error:
            self.audit.refused(request, error)
            return refuse("management", f"{request.method} {about}", error)
        except ClientDisconnect:
            logger.info("management given up by the client: %s", about)
            return Response(status_code=400)
        logger.info("management: %s %s", about, _DONE[request.method])
        return rendered(with_public_address(answer, self.endpoint) if answer.body else answer)

    async def _refuse_folded(self, client_id: str) -> None:
        if self.clients is None:
            return
        found = await self.clients.find(client_id)
        if found is None or mark(found, FOLDED_AT) is not None:
            raise RegistrationTokenInvalid("no such client, or one that several registrations share")

    async def _asked(self, method: str, client_id: str, token: str, raw: bytes) -> RegistrationAnswer:
        if method == "PUT":
            body = checked_change(raw, client_id, self.policy)
            return await change(self.outbound, self.keycloak_url, client_id, token, body)
        how = read if method == "GET" else remove
        return await how(self.outbound, self.keycloak_url, client_id, token)


def management_routes(management: Management) -> list[Route]:
    """The route of one client's entry."""
    path = f"{path_of(management.endpoint)}/{{client_id}}"
    return [shared(path, ["GET", "PUT", "DELETE"], management.answer, also="authorization")]
