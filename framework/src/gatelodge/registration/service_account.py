"""The desk's account at Keycloak: an access token by client credentials, kept as long as it is good (RFC 6749, 4.4).

Invariants: the secret signs (client_secret_jwt; RFC 7523, section 2.2) and is never sent; neither secret nor token is in
a log or an error. One request is under way at a time, however many wait for the token.
"""

import asyncio
import hmac
import json
import uuid
from base64 import urlsafe_b64encode
from urllib.parse import urlencode

from gatelodge.core.clock import Clock
from gatelodge.core.codes import Code
from gatelodge.core.secret import Secret
from gatelodge.outbound.client import Answer, Outbound, UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.registration.errors import RegistrarUnavailable, RegistrationError

__all__ = ["RegistrarRefused", "ServiceAccount", "unavailable"]

_AWAY = "The authorization server does not answer. Try again later."
_REFUSED = "The authorization server does not accept the desk's request. Its operator finds the reason in the log."
# Seconds before its end at which a token is not used any more: a request must arrive while it is good.
_MARGIN = 20.0
# Seconds that a proof is good for; clocks may differ by a little.
_PROOF_LIFE = 30


class RegistrarRefused(RegistrationError):
    """Keycloak does not let the desk do what it is there for."""

    code = Code.REALM_REFUSED
    error = "temporarily_unavailable"

    def __init__(self, detail: str, *, hint: str | None = None) -> None:
        super().__init__(_REFUSED, detail=detail, hint=hint)


def unavailable(detail: str) -> RegistrarUnavailable:
    """The error for a Keycloak that does not answer, or not with anything usable."""
    return RegistrarUnavailable(_AWAY, detail=detail)


class ServiceAccount:
    """Access tokens of one confidential client; ``realm_url`` is the realm's internal URL."""

    def __init__(self, outbound: Outbound, *, realm_url: str, client_id: str, secret: Secret, clock: Clock) -> None:
        self._outbound = outbound
        self._metadata = f"{realm_url}/.well-known/openid-configuration"
        self._endpoint = f"{realm_url}/protocol/openid-connect/token"
        self._client_id = client_id
        self._secret = secret
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Secret | None = None
        self._good_until = 0.0

    async def token(self) -> Secret:
        """A token that is still good for a while. Raises: RegistrarUnavailable, RegistrarRefused."""
        async with self._lock:
            if self._token is None or self._clock.monotonic() >= self._good_until:
                asked_at = self._clock.monotonic()
                token, life = _granted(await self._ask())
                self._token, self._good_until = token, asked_at + life - _MARGIN
            return self._token

    def forget(self, token: Secret) -> None:
        """Drop a token that Keycloak did not accept; the next call asks for another one."""
        if self._token == token:
            self._token = None

    async def _ask(self) -> Answer:
        try:
            # A proof must be made out to the public issuer, which only Keycloak itself knows for sure.
            issuer = str((await self._outbound.get_json(self._metadata)).get("issuer", ""))
            return await self._token_request(self._assertion(issuer))
        except (UpstreamUnreachable, UpstreamAnswerUnusable) as error:
            raise unavailable(error.detail) from error

    async def _token_request(self, assertion: str) -> Answer:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return await self._outbound.request("POST", self._endpoint, headers=headers, content=urlencode(form).encode())

    def _assertion(self, issuer: str) -> str:
        """The proof that we know the secret (RFC 7523, section 2.2)."""
        now = int(self._clock.now())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": issuer,
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + _PROOF_LIFE,
        }
        parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        signed = b".".join(map(_base64url, parts))
        key = self._secret.reveal().encode()
        return (signed + b"." + _base64url(hmac.digest(key, signed, "sha256"))).decode()


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _granted(answer: Answer) -> tuple[Secret, float]:
    """Token and life in seconds."""
    if answer.status >= 500:
        raise unavailable(f"Keycloak's token endpoint answered {answer.status}")
    if answer.status != 200:
        raise RegistrarRefused(
            f"Keycloak's token endpoint answered the desk's account with {answer.status}",
            hint="Is GATELODGE_DESK_SECRET the secret that the realm has for gatelodge-desk? Sync the realm again.",
        )
    try:
        granted = answer.json_object()
    except UpstreamAnswerUnusable as error:
        raise unavailable(error.detail) from error
    token, life = granted.get("access_token"), granted.get("expires_in")
    if not isinstance(token, str) or not isinstance(life, int | float):
        raise unavailable("Keycloak's token answer lacks access_token or expires_in")
    return Secret(token), float(life)
