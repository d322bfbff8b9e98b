"""What the payload of a verified token must say, and the principal it then stands for (RFC 7519, 4.1; RFC 9068, 4).

Pure: claims, configuration and time in, a principal out. Invariant: a claim of the wrong type refuses the token; it
never counts as absent. Identity is ``(iss, sub)``. Not here: the signature (``jwt``), permissions (``access``).
"""

import re
from typing import Any

from gatelodge.core.identity import Principal
from gatelodge.resource_server.claim_values import audiences, check_spelling, instant
from gatelodge.resource_server.config import ResourceServerConfig
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.jws import ACCESS_TOKEN_TYPE

__all__ = ["GITHUB_LOGIN_CLAIM", "SERVICE_CLAIM", "claimed_issuer", "principal_of"]

# Names the client that acts for itself. The realm writes it where no person signed in, and nowhere else (ops.realm).
SERVICE_CLAIM = "gatelodge_service"
# The GitHub account that a person signed in by, written by a mapper of the realm (ops.realm).
GITHUB_LOGIN_CLAIM = "github_login"

_READ = frozenset(
    {"iss", "aud", "exp", "nbf", "iat", "sub", "typ", "cnf", "scope", "azp", "client_id", "realm_access"}
    | {"preferred_username", SERVICE_CLAIM, GITHUB_LOGIN_CLAIM}
)
_SCOPE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")
_MAX_NAME = 255


def principal_of(claims: dict[str, Any], token_type: str, config: ResourceServerConfig, now: float) -> Principal:
    """The caller whom ``claims`` name. ``token_type`` is the header's; ``now`` in seconds. Raises: TokenRejected."""
    check_spelling(claims, _READ)
    _check_use(claims, token_type)
    issuer = claimed_issuer(claims, config)
    _check_audience(claims.get("aud"), config.public_url)
    expires_at = _check_times(claims, config, now)
    subject = _name(claims, "sub", Reason.SUBJECT)
    client_id = _client(claims)
    if subject is None or subject == client_id:
        # RFC 9700, section 4.15: a client acting for itself must not pass for a user.
        raise TokenRejected(Reason.SUBJECT, "sub is missing or the client itself")
    login = _name(claims, GITHUB_LOGIN_CLAIM, Reason.CLAIM)
    foreign = issuer != config.issuer
    return Principal(
        issuer=issuer,
        subject=subject,
        scopes=_scopes(claims),
        roles=_roles(claims),
        username=_name(claims, "preferred_username", Reason.CLAIM),
        client_id=client_id,
        expires_at=float(expires_at),
        service=_service(claims, client_id),
        # Our realm's mapper writes it; at another issuer it may be what a person typed.
        github_login=None if foreign else login,
        foreign=foreign,
    )


def claimed_issuer(claims: dict[str, Any], config: ResourceServerConfig) -> str:
    """The configured issuer that ``iss`` names, equal byte by byte. Raises: TokenRejected."""
    claimed = claims.get("iss")
    for issuer in config.issuers:
        if claimed == issuer:
            return issuer
    raise TokenRejected(Reason.ISSUER, f"iss is not exactly {' or '.join(config.issuers)}")


def _check_use(claims: dict[str, Any], token_type: str) -> None:
    # Keycloak marks ID, refresh and logout tokens in this claim only: their headers and keys are the same.
    if claims.get("typ") != "Bearer" and ("typ" in claims or token_type != ACCESS_TOKEN_TYPE):
        raise TokenRejected(Reason.TYPE, "claim typ is not Bearer: no access token", hint="Send the access token.")
    # RFC 7800, section 3.1: such a token is worth nothing without a proof of its key, and none is checked here.
    if "cnf" in claims:
        raise TokenRejected(Reason.BOUND, "cnf binds the token to a key, so it is no plain bearer token")


def _check_audience(audience: object, public_url: str) -> None:
    if public_url not in audiences(audience):
        raise TokenRejected(
            Reason.AUDIENCE,
            f"aud does not name exactly {public_url}",
            hint="The client asked for no scope of this server, or the audience mapper of its scopes has another URL.",
        )


def _check_times(claims: dict[str, Any], config: ResourceServerConfig, now: float) -> float:
    expires_at, issued_at = instant(claims, "exp"), instant(claims, "iat")
    if expires_at <= now - config.leeway:
        raise TokenRejected(Reason.EXPIRED, f"exp passed {now - expires_at:.0f} s ago")
    if issued_at > now + config.leeway:
        raise TokenRejected(Reason.NOT_YET_VALID, f"iat is {issued_at - now:.0f} s ahead: compare the clocks")
    if not 0 < expires_at - issued_at <= config.max_life:
        raise TokenRejected(Reason.LIFETIME, f"exp minus iat is not within {config.max_life:.0f} s")
    if "nbf" in claims and instant(claims, "nbf") > now + config.leeway:
        raise TokenRejected(Reason.NOT_YET_VALID, "nbf is ahead: compare the clocks")
    return expires_at


def _name(claims: dict[str, Any], claim: str, reason: Reason) -> str | None:
    if claim not in claims:
        return None
    value = claims[claim]
    # Printable only: names go to logs, pages and audit, and a line break there forges a line.
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME or not value.isprintable():
        raise TokenRejected(reason, f"{claim} is no printable name of 1 to {_MAX_NAME} characters")
    return value


def _client(claims: dict[str, Any]) -> str | None:
    party, client_id = _name(claims, "azp", Reason.CLAIM), _name(claims, "client_id", Reason.CLAIM)
    if party is not None and client_id is not None and party != client_id:
        raise TokenRejected(Reason.CLAIM, "azp and client_id differ")
    return party or client_id


def _service(claims: dict[str, Any], client_id: str | None) -> bool:
    named = _name(claims, SERVICE_CLAIM, Reason.CLAIM)
    if named is not None and named != client_id:
        raise TokenRejected(Reason.CLAIM, f"{SERVICE_CLAIM} is not the client that the token was given to")
    return named is not None


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    value = claims.get("scope", "")
    if not isinstance(value, str) or _SCOPE.fullmatch(value) is None:
        raise TokenRejected(Reason.CLAIM, "scope is no space-separated list of scope names")
    return frozenset(value.split())


def _roles(claims: dict[str, Any]) -> frozenset[str]:
    # Roles of the realm only: resource_access holds what other clients mean by their names.
    access = claims.get("realm_access", {})
    roles = access.get("roles", []) if isinstance(access, dict) else None
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise TokenRejected(Reason.CLAIM, "realm_access.roles is no list of names")
    return frozenset(roles)
