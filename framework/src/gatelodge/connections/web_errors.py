"""What can be wrong with a request of a browser, before any provider is asked.

No detail repeats what was sent: a state, a code and a token are credentials.
"""

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["CsrfRefused", "ReturnRefused", "ScopeMissing", "SessionRequired", "SignInRefused", "StateRefused"]


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
