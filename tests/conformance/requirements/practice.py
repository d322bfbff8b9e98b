"""RFC 9700: best current practice for OAuth 2.0, as far as servers, the realm and our own client are concerned."""

from conformance.requirements.model import Divergence, Source
from conformance.requirements.table import CLIENT, ISSUER, MUST, MUST_NOT, SERVER, SHOULD, SHOULD_NOT, of_rfc

__all__ = ["REQUIREMENTS"]

_SOURCE = Source(
    "RFC 9700", "Best Current Practice for OAuth 2.0 Security", "https://www.rfc-editor.org/rfc/rfc9700.html"
)

REQUIREMENTS = of_rfc(
    "RFC9700",
    _SOURCE,
    (
        ("exact-redirect", "2.1", MUST, ISSUER, "A redirect address is compared whole; on loopback its port is free."),
        ("csrf", "2.1", MUST, CLIENT, "An answer to a request that was not made is refused."),
        ("pkce", "2.1.1", MUST, ISSUER, "No client gets a code without PKCE."),
        ("s256", "2.1.1", SHOULD, ISSUER, "The plain challenge method is refused."),
        ("verifier", "2.1.1", MUST, ISSUER, "A code is worth nothing without its verifier."),
        ("pkce-advertised", "2.1.1", MUST, ISSUER, "Clients can see that PKCE is supported."),
        ("no-implicit", "2.1.2", SHOULD_NOT, ISSUER, "No access token is given in an authorization answer."),
        (
            *("bound-tokens", "2.2.1", SHOULD, ISSUER, "Access tokens are bound to a key of their sender."),
            Divergence(
                "MCP clients send plain bearer tokens. A token that is bound is refused, never taken as a plain one."
            ),
        ),
        ("no-downgrade", "2.2.1", SHOULD, SERVER, "A token bound to a key is not taken as a plain bearer token."),
        ("rotation", "2.2.2", MUST, ISSUER, "Refresh tokens rotate, and a reused one ends the connection."),
        ("least-privilege", "2.3", SHOULD, ISSUER, "A token holds the scopes asked for and no more."),
        ("audience", "2.3", SHOULD, ISSUER, "A token is for one server."),
        ("audience-checked", "2.3", MUST, SERVER, "Every request's token is checked for this server as its audience."),
        ("scope-checked", "2.3", MUST, SERVER, "Every call's token is checked for the scopes of that call."),
        ("no-password", "2.4", MUST_NOT, ISSUER, "No token is given for a user's password."),
        ("metadata", "2.6", SHOULD, ISSUER, "The authorization server's metadata is published."),
        ("https-redirects", "2.6", MUST_NOT, ISSUER, "A redirect address with http is for loopback only."),
        ("code-once", "4.2.4", MUST, ISSUER, "A code works once."),
        ("no-query", "4.3.2", MUST_NOT, SERVER, "Access tokens are not taken from a URL."),
        ("secrets", "4.9.2", MUST, SERVER, "Access tokens stand in no log and no answer."),
        ("no-open-redirect", "4.11.2", MUST_NOT, ISSUER, "A client cannot register an address on a foreign host."),
        (
            "proxy-headers",
            "4.13",
            MUST,
            SERVER,
            "Forwarding headers that a client sends are removed and change nothing.",
        ),
        ("client-no-user", "4.15", MUST, SERVER, "A token of a client for itself does not pass as a user's."),
        ("no-chosen-id", "4.15", SHOULD_NOT, ISSUER, "A client cannot choose its own id."),
    ),
)
