"""RFC 8414 and RFC 9728: the two metadata documents; RFC 9207: the issuer's name in authorization answers."""

from conformance.requirements.model import Source
from conformance.requirements.table import CLIENT, ISSUER, MUST, MUST_NOT, SERVER, SHOULD, of_rfc

__all__ = ["REQUIREMENTS"]

_AUTHORIZATION_SERVER = Source(
    "RFC 8414", "Authorization Server Metadata", "https://www.rfc-editor.org/rfc/rfc8414.html"
)
_ISSUER_NAME = Source(
    "RFC 9207", "Authorization Server Issuer Identification", "https://www.rfc-editor.org/rfc/rfc9207.html"
)
_RESOURCE = Source("RFC 9728", "Protected Resource Metadata", "https://www.rfc-editor.org/rfc/rfc9728.html")

REQUIREMENTS = (
    *of_rfc(
        "RFC8414",
        _AUTHORIZATION_SERVER,
        (
            ("members", "2", MUST, ISSUER, "The document has the issuer, the endpoints and the response types."),
            ("path-inserted", "3", MUST, ISSUER, "The well-known part stands between the issuer's host and its path."),
            ("get", "3.1", MUST, ISSUER, "The document is read with GET."),
            ("json", "3.2", MUST, ISSUER, "The document comes with status 200 as application/json."),
            ("no-empty-lists", "3.2", MUST, ISSUER, "A member without elements is left out."),
            ("issuer-identical", "3.3", MUST, SERVER, "A document is used only if its issuer is the one asked for."),
            ("code-points", "4", MUST, SERVER, "The issuer is compared byte by byte, with nothing normalised."),
            ("tls", "6.1", MUST, SERVER, "A document or key set counts only from a server whose certificate holds."),
        ),
    ),
    *of_rfc(
        "RFC9207",
        _ISSUER_NAME,
        (
            ("iss", "2", MUST, ISSUER, "Authorization answers carry iss, those that report an error too."),
            ("advertised", "2.3", MUST, ISSUER, "The metadata says that iss is sent."),
            ("compared", "2.4", MUST, CLIENT, "A code that comes with another iss than the expected one is not used."),
        ),
    ),
    *of_rfc(
        "RFC9728",
        _RESOURCE,
        (
            ("resource-url", "2", MUST, SERVER, "The resource is an https URL; http is for loopback only."),
            ("no-fragment", "2", MUST_NOT, SERVER, "The resource has no fragment."),
            ("scopes", "2", SHOULD, SERVER, "The document names scopes to ask for."),
            ("name", "2", SHOULD, SERVER, "The document has a name that people can read."),
            ("path-inserted", "3.1", MUST, SERVER, "The well-known part stands between the host and the path."),
            ("json", "3.2", MUST, SERVER, "The document comes with status 200 as application/json."),
            ("no-empty-lists", "3.2", MUST, SERVER, "A member without elements is left out."),
            ("resource-equals", "3.3", MUST, SERVER, "The resource is the very URL that clients use."),
            ("client-compares", "3.3", MUST, CLIENT, "A document for another resource is not used."),
            ("tls", "7.1", MUST, SERVER, "The documents are served over TLS 1.2 or later."),
        ),
    ),
)
