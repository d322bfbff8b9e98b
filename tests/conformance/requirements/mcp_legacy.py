"""MCP 2025-11-25, which most clients still speak: authorization, Streamable HTTP and version negotiation."""

from conformance.requirements.model import Divergence, Source
from conformance.requirements.table import ISSUER, MUST, MUST_NOT, SERVER, SHOULD, SHOULD_NOT, of_mcp

__all__ = ["REQUIREMENTS"]

_SOURCE = Source(
    "MCP 2025-11-25", "Model Context Protocol", "https://modelcontextprotocol.io/specification/2025-11-25/"
)

_AUTH = "basic/authorization"
_HTTP = "basic/transports"
_HANDLING = f"{_AUTH}#token-handling"
_ROUTES = f"{_AUTH}#protected-resource-metadata-discovery-requirements"
_SENDING = f"{_HTTP}#sending-messages-to-the-server"
_SESSIONS = "basic/security_best_practices#session-hijacking"

REQUIREMENTS = (
    *of_mcp(
        "MCP25-AUTH",
        _SOURCE,
        (
            ("01", f"{_AUTH}#authorization-server-location", MUST, SERVER, "Resource metadata names the issuer."),
            ("02", _ROUTES, MUST, SERVER, "The metadata is found by the challenge and at the well-known URLs."),
            ("03", _ROUTES, SHOULD, SERVER, "The challenge names the scopes to ask for."),
            ("06", _HANDLING, MUST, SERVER, "An invalid or expired token is answered 401."),
            ("07", _HANDLING, MUST, SERVER, "Only tokens issued for this very server are accepted."),
            ("08", _HANDLING, MUST_NOT, SERVER, "The caller's token is in nothing that a tool is given to send on."),
            ("09", f"{_AUTH}#token-requirements", MUST_NOT, SERVER, "A token in the query is not taken."),
            (
                "10",
                f"{_AUTH}#error-handling",
                MUST,
                SERVER,
                "401, 403 and 400 mean what the specification says they mean.",
            ),
            ("11", f"{_AUTH}#scope-challenge-handling", SHOULD, SERVER, "A call that lacks a scope gets 403."),
            ("15a", _SESSIONS, MUST, SERVER, "Every request is checked by its token."),
            ("15b", _SESSIONS, MUST_NOT, SERVER, "A session is not taken for a sign-in."),
            (
                "19",
                f"{_AUTH}#authorization-server-metadata-discovery",
                MUST,
                ISSUER,
                "The issuer's metadata can be found.",
            ),
            ("20", f"{_AUTH}#authorization-code-protection", MUST, ISSUER, "The metadata says that S256 is supported."),
            ("23", f"{_AUTH}#token-theft", MUST, ISSUER, "Refresh tokens of public clients rotate."),
        ),
    ),
    *of_mcp(
        "MCP25-HTTP",
        _SOURCE,
        (
            ("origin", f"{_HTTP}#security-warning", MUST, SERVER, "A foreign Origin is answered 403."),
            ("loopback", f"{_HTTP}#security-warning", SHOULD, SERVER, "A local server listens on loopback only."),
            ("answer-type", _SENDING, MUST, SERVER, "A request is answered as one JSON object or as an event stream."),
            ("notification", _SENDING, MUST, SERVER, "A notification or response is answered 202 without a body."),
            (
                "get",
                f"{_HTTP}#listening-for-messages-from-the-server",
                MUST,
                SERVER,
                "GET opens a stream or is answered 405.",
            ),
            (
                "version-header",
                f"{_HTTP}#protocol-version-header",
                MUST,
                SERVER,
                "An unknown version header is answered 400.",
            ),
            (
                "no-version",
                f"{_HTTP}#protocol-version-header",
                SHOULD,
                SERVER,
                "A request without a version header is served.",
            ),
            (
                "negotiation",
                "basic/lifecycle#version-negotiation",
                MUST,
                SERVER,
                "A revision that is known is agreed to.",
            ),
            (
                "counter-offer",
                "basic/lifecycle#version-negotiation",
                MUST,
                SERVER,
                "Another one gets the newest known.",
            ),
            (
                *("disconnect", _SENDING, SHOULD_NOT, SERVER, "A lost connection is not taken for a cancellation."),
                Divergence("Served without sessions, an answer could never be fetched later: the call is cancelled."),
            ),
            (
                *("priming", _SENDING, SHOULD, SERVER, "An event stream starts with an event id to resume from."),
                Divergence("The older era is served without sessions, so no stream can be resumed."),
            ),
        ),
    ),
)
