"""Why a registration did not happen, in the words of RFC 7591, section 3.2.2.

Invariant: ``description`` may be shown to anyone and repeats no value that was sent; ``detail`` is for operators.
"""

from typing import ClassVar

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = [
    "InvalidClientMetadata",
    "InvalidRedirectUri",
    "RegistrarUnavailable",
    "RegistrationError",
    "RegistrationRefused",
    "RegistrationTokenInvalid",
    "RegistrationTooLarge",
]


class RegistrationError(GatelodgeError):
    """Base: ``error`` is the wire's error code, ``description`` the text beside it."""

    error: ClassVar[str]

    def __init__(self, description: str, *, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(detail or description, hint=hint)
        self.description = description


class InvalidClientMetadata(RegistrationError):
    """The body is no JSON object, or a member says what no client here can have."""

    code = Code.REGISTRATION_METADATA
    error = "invalid_client_metadata"


class InvalidRedirectUri(RegistrationError):
    """A redirect URI is missing, malformed or on a host that is not allowed."""

    code = Code.REGISTRATION_REDIRECT
    error = "invalid_redirect_uri"


class RegistrationTooLarge(RegistrationError):
    """The body is longer than any client's metadata."""

    code = Code.BODY_TOO_LARGE
    error = "invalid_client_metadata"


class RegistrationRefused(RegistrationError):
    """Keycloak's own policy says no, whatever the client sends."""

    code = Code.REGISTRATION_REFUSED
    error = "access_denied"


class RegistrationTokenInvalid(RegistrationError):
    """No registration token, or none for this client; the words are the same whether the client exists or not."""

    code = Code.REGISTRATION_TOKEN
    error = "invalid_token"

    def __init__(self, detail: str) -> None:
        super().__init__(Code.REGISTRATION_TOKEN.meaning.text, detail=detail)


class RegistrarUnavailable(RegistrationError):
    """Keycloak did not answer, or not with anything usable."""

    code = Code.ISSUER_UNAVAILABLE
    error = "temporarily_unavailable"
