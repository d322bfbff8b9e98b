"""What the desk says to a person whose sign-in it does not pass on, and to the developer of the application.

Never a redirect: an address of the request is not trusted, and nothing was asked of Keycloak (RFC 6749, section
4.1.2.1).
"""

import logging
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from gatelodge.app.desk.pages import notice, plain
from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.registration.documents.errors import DocumentError, DocumentUnavailable, DocumentWithdrawn
from gatelodge.registration.errors import RegistrarUnavailable
from gatelodge.registration.limits import TooManyDocuments
from gatelodge.registration.service_account import RegistrarRefused

__all__ = ["HostNotAllowed", "again", "cancelled", "refusal", "unclear"]

logger = logging.getLogger(__name__)

# Seconds until a person may try again: after an outage of Keycloak, and of the host of the document.
_KEYCLOAK_AWAY = 5
_DOCUMENT_AWAY = 60


class HostNotAllowed(GatelodgeError):
    """The document is on a host that the operator has not allowed."""

    code = Code.CLIENT_DOCUMENT_INVALID

    def __init__(self, host: str, allowed: Iterable[str]) -> None:
        super().__init__(f"{host} is not among GATELODGE_CLIENT_DOCUMENT_HOSTS")
        self.allowed = ", ".join(sorted(allowed)) or "none"


def refusal(request: Request, error: GatelodgeError, client_id: str) -> Response:
    """The page for an error of reading a document or of telling Keycloak."""
    level = logging.ERROR if isinstance(error, (RegistrarRefused, RegistrarUnavailable)) else logging.INFO
    logger.log(level, "sign-in of %r not passed on: %s", plain(client_id, 255), error.detail)
    match error:
        case RegistrarRefused() | RegistrarUnavailable():
            return notice(
                request,
                503,
                "temporarily_unavailable",
                "Sign-in is not available right now",
                "The sign-in service does not answer.",
                hint="Try again in a moment.",
                headers={"retry-after": str(_KEYCLOAK_AWAY)},
                code=error.code,
            )
        case TooManyDocuments():
            return notice(
                request,
                429,
                "temporarily_unavailable",
                "Too many new applications",
                error.description,
                client_id=client_id,
                headers=error.headers,
                code=error.code,
            )
        case DocumentUnavailable():
            return notice(
                request,
                503,
                "temporarily_unavailable",
                "The application cannot be checked right now",
                error.description,
                hint="Try again in a minute. If it stays, the application's developer must look at that address.",
                client_id=client_id,
                headers={"retry-after": str(_DOCUMENT_AWAY)},
                code=error.code,
            )
        case HostNotAllowed():
            return notice(
                request,
                400,
                "unauthorized_client",
                "This application is not allowed here",
                f"Applications may sign in here whose description is on: {error.allowed}.",
                hint="Whoever runs this service can allow its host. The application may also register itself.",
                client_id=client_id,
                code=error.code,
            )
        case DocumentWithdrawn():
            text, hint = "The document that describes it is gone.", "Ask the application's developer."
        case DocumentError():
            text, hint = error.description, "The application's developer must mend this."
        case _:
            text, hint = error.public, error.public_hint
    title = "This application cannot sign in here"
    return notice(request, 400, "invalid_client", title, text, code=error.code, hint=hint, client_id=client_id)


def unclear(request: Request) -> Response:
    """For a request without a single meaning."""
    text = "The request must name exactly one client_id, and must not have been passed on before."
    return _unusable(request, "This sign-in link is not usable", text)


def again(request: Request) -> Response:
    """For a form that is stale, used, or not of the page that this browser was shown."""
    text = "This answer belongs to no question that was asked in this browser in the last ten minutes."
    return _unusable(request, "Please start again", text)


def cancelled(request: Request) -> Response:
    """For a person who said no."""
    text = "The application was told nothing. You can close this page."
    return notice(request, 200, "access_denied", "Cancelled", text, code=None)


def _unusable(request: Request, title: str, text: str) -> Response:
    code = Code.AUTHORIZATION_REQUEST
    return notice(request, 400, "invalid_request", title, text, code=code, hint=code.meaning.hint)
