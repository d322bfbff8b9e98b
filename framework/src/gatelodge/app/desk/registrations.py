"""Registration requests over HTTP (RFC 7591, section 3): read with limits, answered, one log line each.

No cookie or ``Authorization`` header is looked at. Not here: what a client may register (``registration``).
"""

import logging
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from gatelodge.outbound.client import Outbound
from gatelodge.registration.answers import RegistrationAnswer, refused
from gatelodge.registration.body import acceptable
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.errors import InvalidClientMetadata, RegistrationError, RegistrationTooLarge
from gatelodge.registration.forward import register
from gatelodge.registration.summary import summary

__all__ = ["MAX_BODY", "Registrations"]

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Registrations:
    """Answers registration requests; each one leaves one line in the log."""

    outbound: Outbound
    keycloak_url: str
    policy: RegistrationPolicy

    async def answer(self, request: Request) -> Response:
        raw = b""
        try:
            raw = await _body(request)
            answer = await register(self.outbound, self.keycloak_url, acceptable(raw, self.policy))
        except RegistrationError as error:
            level = logging.INFO if error.status in {400, 413} else logging.ERROR
            said = (error.error, error.detail, error.hint)
            logger.log(level, "registration refused: %s (%s: %s; next step: %s)", summary(raw), *said)
            return _rendered(refused(error))
        except ClientDisconnect:
            logger.info("registration given up by the client")
            return Response(status_code=400)
        logger.info("registration accepted: %s client_id=%s", summary(raw), answer.body["client_id"])
        return _rendered(answer)


async def _body(request: Request) -> bytes:
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


def _rendered(answer: RegistrationAnswer) -> Response:
    return JSONResponse(dict(answer.body), answer.status, dict(answer.headers))
