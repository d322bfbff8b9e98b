"""MCP 2026-07-28: authorization (numbers 01 to 25) and the Streamable HTTP transport."""

from conformance.requirements.model import Source
from conformance.requirements.table import ISSUER, MUST, MUST_NOT, SERVER, SHOULD, SHOULD_NOT, of_mcp

__all__ = ["REQUIREMENTS"]

_SOURCE = Source(
    "MCP 2026-07-28", "Model Context Protocol", "https://modelcontextprotocol.io/specification/2026-07-28/"
)

_AUTH = "basic/authorization"
_DISCOVERY = "basic/authorization/authorization-server-discovery"
_SECURITY = "basic/authorization/security-considerations"
_HTTP = "basic/transports/streamable-http"
_LOCATION = f"{_DISCOVERY}#authorization-server-location"
_ROUTES = f"{_DISCOVERY}#protected-resource-metadata-discovery-requirements"
_SCOPES = f"{_AUTH}#scope-selection-strategy"
_HANDLING = f"{_AUTH}#token-handling"
_RUNTIME = f"{_AUTH}#runtime-insufficient-scope-errors"
_RESPONSES = f"{_AUTH}#authorization-response-validation"
_VERSION = f"{_HTTP}#protocol-version-header"
_VALIDATION = f"{_HTTP}#server-validation"
_SENDING = f"{_HTTP}#sending-messages"
_EARLIER = f"{_HTTP}#earlier-streamable-http-revisions"
_CACHING = "server/utilities/caching"
_MRTR = "basic/patterns/mrtr"
# A page of the documentation beside the specification.
_BEST_PRACTICE = "../../docs/2026-07-28/tutorials/security/security_best_practices"

_AUTHORIZATION = of_mcp(
    "MCP26-AUTH",
    _SOURCE,
    (
        (
            "01",
            _LOCATION,
            MUST,
            SERVER,
            "There is protected-resource metadata, with at least one authorization server.",
        ),
        ("02a", _ROUTES, MUST, SERVER, "The challenge of a 401 says where that metadata is."),
        (
            "02b",
            _ROUTES,
            MUST,
            SERVER,
            "The metadata is at the well-known URL of the endpoint's path, and at the root.",
        ),
        ("03", _SCOPES, SHOULD, SERVER, "The challenge names the scopes to ask for."),
        ("04", _SCOPES, SHOULD, SERVER, "The metadata names the few scopes of basic use; others come by step-up."),
        ("05", f"{_AUTH}#refresh-tokens", SHOULD_NOT, SERVER, "Neither challenge nor metadata names offline_access."),
        ("06", _HANDLING, MUST, SERVER, "Every token is validated first; an invalid or expired one is answered 401."),
        ("07", _HANDLING, MUST, SERVER, "Only tokens issued for this very server are accepted."),
        ("08", _HANDLING, MUST_NOT, SERVER, "The caller's token is in nothing that a tool is given to send on."),
        ("09", f"{_AUTH}#token-requirements", MUST_NOT, SERVER, "A token in the query is not taken."),
        ("10", f"{_AUTH}#error-handling", MUST, SERVER, "401, 403 and 400 mean what the specification says they mean."),
        ("11", _RUNTIME, SHOULD, SERVER, "A call that lacks a scope gets 403 with error, scope and resource_metadata."),
        ("12", _RUNTIME, SHOULD, SERVER, "One challenge names every scope that the call needs."),
        ("13", f"{_AUTH}#step-up-authorization-flow", MUST, SERVER, "A broader scope counts as the narrower one."),
        ("14a", f"{_SECURITY}#token-theft", MUST, SERVER, "Tokens are kept out of logs."),
        ("14b", f"{_SECURITY}#communication-security", MUST, ISSUER, "Redirect addresses are https or on loopback."),
        (
            "14c",
            f"{_SECURITY}#communication-security",
            MUST,
            ISSUER,
            "The authorization server is reached over TLS only.",
        ),
        ("15", _BEST_PRACTICE, MUST, SERVER, "No handle stands for a sign-in: every request is checked by its token."),
        ("16a", f"{_AUTH}#canonical-server-uri", SHOULD, SERVER, "The resource has no trailing slash."),
        ("16b", f"{_AUTH}#canonical-server-uri", SHOULD, SERVER, "A host in capitals is the same host."),
        ("17a", _MRTR, MUST, SERVER, "State that comes back from a client is authenticated."),
        ("17b", _MRTR, SHOULD, SERVER, "State that was given to one user is nothing to another."),
        (
            "19",
            f"{_DISCOVERY}#authorization-server-metadata-discovery",
            MUST,
            ISSUER,
            "The issuer has RFC 8414 metadata.",
        ),
        ("20", f"{_SECURITY}#authorization-code-protection", MUST, ISSUER, "The metadata says that S256 is supported."),
        ("21a", _RESPONSES, SHOULD, ISSUER, "Authorization answers, errors too, name the issuer in iss."),
        ("21b", _RESPONSES, MUST, ISSUER, "The metadata says so."),
        ("22", f"{_AUTH}#overview", SHOULD, ISSUER, "Clients may be known by a client-id metadata document."),
        ("23", f"{_SECURITY}#token-theft", MUST, ISSUER, "Refresh tokens of public clients rotate."),
        ("24", f"{_SECURITY}#token-theft", SHOULD, ISSUER, "Access tokens are short-lived."),
        ("25", f"{_SECURITY}#open-redirection", MUST, ISSUER, "A code goes to registered addresses only."),
    ),
)

_TRANSPORT = of_mcp(
    "MCP26-HTTP",
    _SOURCE,
    (
        ("origin", f"{_HTTP}#security-&-endpoint", MUST, SERVER, "A foreign Origin is answered 403, on every path."),
        ("loopback", f"{_HTTP}#security-&-endpoint", SHOULD, SERVER, "A local server listens on loopback only."),
        ("one-endpoint", _HTTP, MUST, SERVER, "One path takes every message, by POST."),
        ("answer-type", _SENDING, MUST, SERVER, "A request is answered as one JSON object or as an event stream."),
        ("notification", _SENDING, MUST, SERVER, "A notification is answered 202 without a body."),
        ("envelope", "basic/index#meta", MUST, SERVER, "A request without the required _meta is answered 400, -32602."),
        ("method-header", _VALIDATION, MUST, SERVER, "Mcp-Method must be the body's method, else 400 and -32020."),
        ("name-header", _VALIDATION, MUST, SERVER, "Mcp-Name must be there and the body's, else 400 and -32020."),
        ("version-header", _VERSION, MUST, SERVER, "The version header must be the body's, else 400 and -32020."),
        (
            "encoded-name",
            f"{_HTTP}#value-encoding",
            MUST,
            SERVER,
            "A name in the Base64 form is decoded, then compared.",
        ),
        (
            "body-decides",
            _VALIDATION,
            SHOULD,
            SERVER,
            "Access is decided on the body, also where no header is demanded.",
        ),
        (
            "version-unknown",
            _VERSION,
            MUST,
            SERVER,
            "An unknown revision is answered 400, -32022, with those that are known.",
        ),
        ("method-unknown", _VERSION, MUST, SERVER, "An unknown method is answered 404, -32601."),
        ("discover", "server/discover", MUST, SERVER, "server/discover tells revisions and capabilities."),
        ("no-session", _EARLIER, SHOULD, SERVER, "No session is opened, and a session header changes nothing."),
        ("no-stream", _EARLIER, SHOULD, SERVER, "GET and DELETE are answered 405."),
        (
            "unbuffered",
            f"{_HTTP}#receiving-messages",
            SHOULD,
            SERVER,
            "An event stream tells proxies not to buffer it.",
        ),
        ("cancel", f"{_HTTP}#cancellation", MUST, SERVER, "A client that leaves its request has cancelled it."),
        (
            "param-header",
            f"{_HTTP}#custom-headers-from-tool-parameters",
            MUST,
            SERVER,
            "A parameter that a tool wants in a header is there and the body's, else 400 and -32020.",
        ),
        ("cache-members", _CACHING, MUST, SERVER, "Lists say how long, and for whom, they may be kept."),
        ("cache-private", _CACHING, MUST, SERVER, "A list that depends on the caller is private."),
        (
            "same-list",
            "server/tools#capabilities",
            MUST_NOT,
            SERVER,
            "The tools listed depend on the token and nothing else.",
        ),
        ("list-order", "server/tools#capabilities", SHOULD, SERVER, "Tools are listed in the same order every time."),
    ),
)

REQUIREMENTS = (*_AUTHORIZATION, *_TRANSPORT)
