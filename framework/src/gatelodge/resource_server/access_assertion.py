"""Cloudflare Access as identity: the assertion that Access adds to each request it lets through.

Source: developers.cloudflare.com/cloudflare-one, pages "Validate JWTs" and "Application token". Invariants: the header
``Cf-Access-Jwt-Assertion`` alone counts, never the cookie and never the headers that name an address, which anyone can
send; key, issuer (one team), audience (our applications), type and times all hold, or it is one 401; a service token is
no person; scopes come from the operator's rules only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.core.clock import Clock
from gatelodge.core.identity import Principal
from gatelodge.resource_server.access_scopes import AccessScopes
from gatelodge.resource_server.claim_values import audiences, check_spelling, instant
from gatelodge.resource_server.errors import Reason, TokenRejected
from gatelodge.resource_server.identity import TokenCheck
from gatelodge.resource_server.jws import decode_object, parse_compact
from gatelodge.resource_server.jwt import Verified
from gatelodge.resource_server.signature import KeyFinder, check_signature, find_key

__all__ = ["CERTS_PATH", "HEADER", "AccessConfig", "AccessIdentity", "AccessVerifier"]

HEADER = b"cf-access-jwt-assertion"
CERTS_PATH = "/cdn-cgi/access/certs"
# Access signs with nothing else.
_ALGORITHMS = ("RS256",)
_TYPES = ("jwt",)
_READ = frozenset({"iss", "aud", "exp", "nbf", "iat", "sub", "type", "email", "common_name", "custom", "groups"})
_MAX_NAME = 255
_MAX_GROUPS = 1000


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """One team's URL, the AUD tags of the applications in front of this server, rules, and times in seconds.

    ``max_life`` bounds ``exp`` minus ``iat``, which is the application's session duration. ``foreign``: whether
    another issuer is the server's own, so that no rule may take an address for that issuer's user name.
    """

    issuer: str
    audiences: frozenset[str]
    scopes: AccessScopes
    leeway: float = 10.0
    max_life: float = 86_400.0
    foreign: bool = False


class AccessVerifier:
    """Turns an assertion into a principal; holds configuration only."""

    def __init__(self, config: AccessConfig, keys: KeyFinder, clock: Clock) -> None:
        self._config, self._keys, self._clock = config, keys, clock

    async def verify(self, token: str) -> Principal:
        """The principal of an acceptable assertion. Raises: TokenRejected, with the reason; KeysUnavailable."""
        return (await self.check(token)).principal

    async def check(self, token: str) -> Verified:
        """As ``verify``, with the key that vouched for the assertion."""
        signed = parse_compact(token, _ALGORITHMS, _TYPES)
        key = await find_key(signed, self._keys)
        check_signature(signed, key)
        principal = _principal(decode_object(signed.payload), self._config, self._clock.now())
        return Verified(principal, signed.kid, signed.algorithm, key)


class AccessIdentity:
    """The person whom Access let through. ``Authorization`` is not looked at: Access may have put its own token there."""

    def __init__(self, assertions: TokenCheck) -> None:
        self._assertions = assertions

    async def identify(self, scope: Mapping[str, Any]) -> Principal | None:
        """As ``Identity.identify``."""
        values = [value for name, value in scope["headers"] if name == HEADER]
        if not values:
            return None
        if len(values) > 1:
            # Access replaces what a client sends; two of them did not come through Access.
            raise TokenRejected(Reason.HEADER, "more than one assertion header")
        return await self._assertions.verify(values[0].decode("latin-1"))


def _principal(claims: dict[str, Any], config: AccessConfig, now: float) -> Principal:
    check_spelling(claims, _READ)
    if claims.get("iss") != config.issuer:
        raise TokenRejected(Reason.ISSUER, f"iss is not exactly {config.issuer}")
    _check_audience(claims.get("aud"), config.audiences)
    if claims.get("type") != "app":
        # "org" is the session at the team's own domain, which every application of the team could replay.
        raise TokenRejected(Reason.TYPE, "type is not app: no assertion for an application")
    expires_at = _check_times(claims, config, now)
    name, subject, email = (_text(claims, claim) for claim in ("common_name", "sub", "email"))
    if name is not None:
        if subject or email:
            raise TokenRejected(Reason.SUBJECT, "common_name of a service token beside a person's sub or email")
        return Principal(
            config.issuer, name, client_id=name, expires_at=expires_at, service=True, foreign=config.foreign
        )
    if not subject:
        raise TokenRejected(Reason.SUBJECT, "sub is missing or empty: neither a person nor a service token")
    return Principal(
        issuer=config.issuer,
        subject=subject,
        scopes=config.scopes.of(email, _groups(claims)),
        username=email,
        expires_at=expires_at,
        foreign=config.foreign,
    )


def _check_audience(audience: object, allowed: frozenset[str]) -> None:
    if not allowed & audiences(audience):
        raise TokenRejected(
            Reason.AUDIENCE,
            "aud has none of the configured AUD tags",
            hint="Compare GATELODGE_ACCESS_AUD with the AUD tag of the application in front of this server.",
        )


def _check_times(claims: dict[str, Any], config: AccessConfig, now: float) -> float:
    expires_at, issued_at = instant(claims, "exp"), instant(claims, "iat")
    if expires_at <= now - config.leeway:
        raise TokenRejected(Reason.EXPIRED, f"exp passed {now - expires_at:.0f} s ago")
    ahead = max(issued_at, instant(claims, "nbf") if "nbf" in claims else 0.0)
    if ahead > now + config.leeway:
        raise TokenRejected(Reason.NOT_YET_VALID, f"iat or nbf is {ahead - now:.0f} s ahead: compare the clocks")
    if not 0 < expires_at - issued_at <= config.max_life:
        raise TokenRejected(
            Reason.LIFETIME,
            f"exp minus iat is not within {config.max_life:.0f} s",
            hint="Shorten the session duration of the Access application, or raise GATELODGE_ACCESS_MAX_LIFE.",
        )
    return expires_at


def _text(claims: dict[str, Any], claim: str) -> str | None:
    """The claim, None when it is not there or empty: a service token has an empty ``sub``."""
    value = claims.get(claim)
    if value is None or value == "":
        return None
    # Printable only: it goes to logs, pages and audit.
    if not isinstance(value, str) or len(value) > _MAX_NAME or not value.isprintable():
        raise TokenRejected(Reason.CLAIM, f"{claim} is no printable text of at most {_MAX_NAME} characters")
    return value


def _groups(claims: dict[str, Any]) -> frozenset[str]:
    """Groups as an identity provider's claim brings them: below ``custom``, or at the top."""
    custom = claims.get("custom", {})
    if not isinstance(custom, dict):
        raise TokenRejected(Reason.CLAIM, "custom is no object")
    found: set[str] = set()
    for value in (claims.get("groups", []), custom.get("groups", [])):
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or len(listed) > _MAX_GROUPS or not all(isinstance(g, str) for g in listed):
            raise TokenRejected(Reason.CLAIM, "groups is no list of names")
        found.update(listed)
    return frozenset(found)
