"""RFC 6750: how a bearer token is sent, and how a server says what is wrong with it."""

from conformance.requirements.model import Source
from conformance.requirements.table import ISSUER, MUST, MUST_NOT, SERVER, SHOULD, SHOULD_NOT, of_rfc

__all__ = ["REQUIREMENTS"]

_SOURCE = Source("RFC 6750", "Bearer Token Usage", "https://www.rfc-editor.org/rfc/rfc6750.html")

REQUIREMENTS = of_rfc(
    "RFC6750",
    _SOURCE,
    (
        ("header", "2.1", MUST, SERVER, "A token in an Authorization header of the Bearer scheme is read."),
        ("one-header", "2", MUST_NOT, SERVER, "A request that carries tokens in more than one way is not served."),
        ("no-query", "2.3", SHOULD_NOT, SERVER, "A token in the query of the URL gives no access."),
        ("challenge", "3", MUST, SERVER, "An answer to missing or unusable credentials has a WWW-Authenticate header."),
        ("scheme", "3", MUST, SERVER, "The challenge names the Bearer scheme, with at least one parameter."),
        ("once", "3", MUST_NOT, SERVER, "No parameter stands twice in a challenge."),
        ("error", "3", SHOULD, SERVER, "The challenge to a token that was refused has an error parameter."),
        ("characters", "3", MUST_NOT, SERVER, "No error text has a character that could end its quotes or the line."),
        ("scope-names", "3", MUST_NOT, SERVER, "A scope in a challenge has only the characters that scopes may have."),
        ("invalid-request", "3.1", SHOULD, SERVER, "A malformed request for access is answered 400, invalid_request."),
        ("invalid-token", "3.1", SHOULD, SERVER, "A token that is not valid is answered 401, invalid_token."),
        ("insufficient-scope", "3.1", SHOULD, SERVER, "A token with too few scopes is answered 403."),
        ("no-error", "3.1", SHOULD_NOT, SERVER, "A request without credentials is told no error."),
        ("short-life", "5.3", SHOULD, ISSUER, "Access tokens live an hour at most; longer ones are refused."),
        ("audience", "5.3", SHOULD, ISSUER, "Access tokens name the one server that they are for."),
    ),
)
