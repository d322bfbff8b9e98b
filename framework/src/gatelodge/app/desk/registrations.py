"""Registration requests over HTTP (RFC 7591, section 3): counted, read with limits, answered, one log line each.

No cookie or ``Authorization`` header is looked at. Not here: what a client may register (``registration``), what it may
do with its entry later (``management``).
"""

import logging
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from gatelodge.app.desk.auditing import DeskAudit
from gatelodge.core.clock import Clock
from gatelodge.outbound.client import Outbound
from gatelodge.ratelimit.address import caller
from gatelodge.registration.answers import RegistrationAnswer, refused, with_public_address
from gatelodge.registration.body import acceptable
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.errors import InvalidClientMetadata, RegistrationError, RegistrationTooLarge
from gatelodge.registration.folding import Folding
from gatelodge.registration.forward import register
from gatelodge.registration.keycloak_clients import KeycloakClients
from gatelodge.registration.limits import RegistrationLimits
from gatelodge.registration.stamping import stamp_registered
from gatelodge.registration.summary import summary

__all__ = ["MAX_BODY", "Registrations", "read_body", "refuse", "rendered"]

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Registrations:
    """Answers registration requests; ``endpoint`` is the public one. Without ``clients`` none is marked or folded."""

    outbound: Outbound
    keycloak_url: str
    policy: RegistrationPolicy
    endpoint: str
    limits: RegistrationLimits
    clock: Clock
    trusted_proxies: frozenset[str] = frozenset()
    clients: KeycloakClients | None = None
    folding: Folding | None = None
    audit: DeskAudit = field(default_factory=DeskAudit)

    async def answer(self, request: Request) -> Response:
        raw = b""
        try:
            address = caller(request.scope, self.trusted_proxies)
            await self.limits.count_request(address)
            raw = await read_body(request)
            decision, answer = await self._answer(acceptable(raw, self.policy), address)
            about, folded = summary(raw), decision != "accepted"
            await self.audit.registered(request, str(answer.body["client_id"]), folded=folded, about=about)
        except RegistrationError as error:
            self.audit.refused(request, error)
            return refuse("registration", summary(raw), error)
        except ClientDisconnect:
            logger.info("registration given up by the client")
            return Response(status_code=400)
        logger.info("registration %s: %s client_id=%s", decision, about, answer.body["client_id"])
        return rendered(with_public_address(answer, self.endpoint))

    async def _answer(self, body: dict[str, Any], address: str) -> tuple[str, RegistrationAnswer]:
        key = Folding.key(body)
        if self.folding is None or key is None:
            return "accepted", (await self._new(body, address))[0]
        # Equal ones wait for each other: of a thousand at once, the first makes the client.
        async with self.folding.turn(key):
            answer = await self.folding.earlier(key, body)
            if answer is not None:
                return "folded into an earlier one", answer
            answer, marked = await self._new(body, address)
            if marked:
                self.folding.remember(key, answer)
            return "accepted", answer

    async def _new(self, body: dict[str, Any], address: str) -> tuple[RegistrationAnswer, bool]:
        """Register a client, and whether it could be marked as the desk's."""
        await self.limits.count_client(body["redirect_uris"], address)
        answer = await register(self.outbound, self.keycloak_url, body)
        if self.clients is None:
            return answer, False
        return answer, await stamp_registered(self.clients, answer.body["client_id"], now=self.clock.now())


async def read_body(request: Request) -> bytes:
    """The body, not read further than its limit. Raises: InvalidClientMetadata, RegistrationTooLarge."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InvalidClientMetadata("Content-Type must be application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise RegistrationTooLarge(f"The body is larger than {MAX_BODY} bytes.")
    return bytes(body)


def refuse(what: str, about: str, error: RegistrationError) -> Response:
    """The refusal, with its line in the log: an error when the operator has to mend something.

    Of a limit the limit itself writes, and not for each request: whoever reaches it could fill a disk.
    """
    level = logging.INFO if error.status in {400, 401, 413} else logging.ERROR
    if error.status == 429:
        level = logging.DEBUG
    logger.log(level, "%s refused: %s (%s: %s; next step: %s)", what, about, error.error, error.detail, error.hint)
    return rendered(refused(error))


def rendered(answer: RegistrationAnswer) -> Response:
    """The answer on the wire."""
    if answer.status == 204:
        return Response(status_code=204, headers=dict(answer.headers))
    return JSONResponse(dict(answer.body), answer.status, dict(answer.headers))
