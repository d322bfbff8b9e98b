"""RFC 8725 with its revision, and RFC 9068: which JSON Web Token is an access token for this server."""

from conformance.requirements.model import Divergence, Source
from conformance.requirements.table import ISSUER, MUST, MUST_NOT, SERVER, SHOULD, SHOULD_NOT, of_rfc

__all__ = ["REQUIREMENTS"]

_BEST_PRACTICE = Source(
    "RFC 8725", "JSON Web Token Best Current Practices", "https://www.rfc-editor.org/rfc/rfc8725.html"
)
_REVISION = Source(
    "RFC 8725bis",
    "JSON Web Token Best Current Practices, revision (draft 10)",
    "https://datatracker.ietf.org/doc/html/draft-ietf-oauth-rfc8725bis-10",
)
_PROFILE = Source("RFC 9068", "JWT Profile for Access Tokens", "https://www.rfc-editor.org/rfc/rfc9068.html")

_ISSUED_AS_JWT = Divergence("Keycloak writes JWT into the header, and marks access tokens in the claim typ.")
_JWT_AS_WELL = Divergence(
    "By default JWT is accepted too, when the claim typ is Bearer, for Keycloak writes that."
    " GATELODGE_TOKEN_TYPES=at+jwt refuses it, for issuers that send at+jwt."
)

REQUIREMENTS = (
    *of_rfc(
        "RFC8725",
        _BEST_PRACTICE,
        (
            ("allow-list", "3.1", MUST, SERVER, "Only algorithms of a configured list are used."),
            (
                "key-algorithm",
                "3.1",
                MUST,
                SERVER,
                "A key verifies the algorithm that it is published for, and no other.",
            ),
            ("one-algorithm", "3.1", MUST, SERVER, "Every key is used with one algorithm only."),
            ("current", "3.2", MUST, SERVER, "No outdated and no symmetric algorithm can be configured."),
            ("none", "3.2", MUST_NOT, SERVER, "A token without a signature is never accepted, however it spells none."),
            ("whole", "3.3", MUST, SERVER, "A token is refused as a whole when its signature does not verify."),
            ("inputs", "3.4", MUST, SERVER, "A public key that is no valid point or number is not used."),
            ("entropy", "3.5", MUST, SERVER, "Weak keys and shared secrets verify nothing."),
            ("compression", "3.6", SHOULD_NOT, SERVER, "Compressed content is not opened."),
            ("utf-8", "3.7", MUST, SERVER, "Header and claims are read as UTF-8 and in no other encoding."),
            ("issuer-keys", "3.8", MUST, SERVER, "A token is verified with keys of the issuer that it names."),
            ("subject", "3.8", MUST, SERVER, "A token without a valid subject is refused."),
            ("audience", "3.9", MUST, SERVER, "A token is refused unless its audience names this server."),
            ("key-id", "3.10", MUST, SERVER, "The key id can carry nothing into a query, a path or a log."),
            ("no-fetch", "3.10", SHOULD, SERVER, "No address that a token names is ever fetched."),
            ("typing", "3.11", SHOULD, SERVER, "The type in the header is checked."),
            ("exclusive", "3.12", MUST, SERVER, "No other kind of token of the same issuer passes as an access token."),
        ),
    ),
    *of_rfc(
        "RFC8725BIS",
        _REVISION,
        (
            ("allow-list", "3.1", SHOULD, SERVER, "alg is compared with allowed values, in their exact spelling."),
            ("named-fully", "3.2", SHOULD, SERVER, "Ed25519 is known by its full name besides EdDSA."),
            ("kind", "3.3", MUST, SERVER, "Signed tokens are told from unsigned, encrypted and nested ones."),
            ("media-type", "3.11", MUST, SERVER, "at+jwt means the same with application/ in front and without."),
            ("iterations", "3.13", SHOULD, SERVER, "No stranger's iteration count is worked through."),
            ("format", "3.14", MUST, SERVER, "Anything but base64url parts and dots is refused."),
            ("decompression", "3.15", SHOULD, SERVER, "No stranger's content is decompressed."),
        ),
    ),
    *of_rfc(
        "RFC9068",
        _PROFILE,
        (
            ("signed", "2.1", MUST, ISSUER, "Access tokens are signed, with an asymmetric algorithm."),
            ("typ-issued", "2.1", MUST, ISSUER, "Access tokens have the header type at+jwt.", _ISSUED_AS_JWT),
            (
                *("claims", "2.2", MUST, ISSUER, "Access tokens have iss, exp, aud, sub, client_id, iat and jti."),
                Divergence(
                    "Keycloak names the client in azp and not in client_id; both are read. The others are there."
                ),
            ),
            ("scope", "2.2.3", SHOULD, ISSUER, "Access tokens list the granted scopes in scope."),
            ("typ", "4", MUST, SERVER, "A token whose header type is not at+jwt is refused.", _JWT_AS_WELL),
            ("issuer", "4", MUST, SERVER, "iss is exactly the configured issuer."),
            ("audience", "4", MUST, SERVER, "aud names this server's resource URL."),
            ("signature", "4", MUST, SERVER, "The signature is verified with the algorithm of the header."),
            ("none", "4", MUST, SERVER, "alg none is refused."),
            ("issuer-keys", "4", MUST, SERVER, "Only keys that the issuer publishes verify a token."),
            ("expiry", "4", MUST, SERVER, "A token is refused after exp, with a leeway of seconds."),
            ("errors", "4", MUST, SERVER, "Every fault of a token is answered as RFC 6750 says, with invalid_token."),
        ),
    ),
)
