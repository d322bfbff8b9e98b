"""What can be wrong with a request of a browser, before any provider is asked, and the log line of a refusal.

No detail repeats what was sent: a state, a code and a token are credentials.
"""

import logging
from collections.abc import Mapping

from starlette.requests import Request

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError
from gatelodge.ratelimit.errors import LimitReached

__all__ = [
    "CsrfRefused",
    "ReturnRefused",
    "ScopeMissing",
    "SessionRequired",
    "SignInRefused",
    "StateRefused",
    "limit_headers",
    "log_refusal",
]


class StateRefused(GatelodgeError):
    """The state is unknown, used, over, or another user's, browser's or provider's."""

    code = Code.AUTHORIZATION_STATE


class SessionRequired(GatelodgeError):
    """Neither a session nor an access token."""

    code = Code.SESSION_REQUIRED


class ScopeMissing(GatelodgeError):
    """The access token lacks the scope of the route; ``challenge`` names it (RFC 6750, section 3.1)."""

    code = Code.SCOPE_MISSING

    def __init__(self, scope: str, challenge: str) -> None:
        super().__init__(f"the token lacks {scope}")
        self.challenge = challenge


class CsrfRefused(GatelodgeError):
    """A change that our own page did not send."""

    code = Code.CSRF_REFUSED


class SignInRefused(GatelodgeError):
    """The answer of the authorization server does not end a sign-in that this browser began."""

    code = Code.SIGN_IN_REFUSED


class ReturnRefused(GatelodgeError):
    """An address to return to that is not on the operator's list."""

    code = Code.RETURN_REFUSED


def limit_headers(error: GatelodgeError) -> Mapping[str, str]:
    """What the answer says of the limit that was reached; nothing for another error."""
    return error.headers if isinstance(error, LimitReached) else {}


def log_refusal(log: logging.Logger, request: Request, error: GatelodgeError) -> None:
    """The one line of an error that ends as an answer: an error when this server is at fault, with what mends it."""
    if isinstance(error, LimitReached):
        # Its limit writes one line for many.
        return
    level = logging.ERROR if error.status >= 500 else logging.WARNING
    path = request.url.path
    log.log(
        level, "%s %s refused: %s: %s; next step: %s", request.method, path, error.code.value, error.detail, error.hint
    )
