"""The browser's sign-in at the authorization server as a confidential client, and its sign-out.

OpenID Connect Core 1.0, section 3.1, with PKCE (RFC 7636), ``iss`` in the answer (RFC 9207) and RP-Initiated Logout.
Invariants: what a sign-in began with is sealed in the browser's own cookie, so strangers fill no memory here and an
answer counts only in the browser that asked; endpoints are those of the issuer's own host.
Not here: sessions, routes.
"""

import hmac
import json
import secrets
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote_plus, urlencode

from gatelodge.connections.id_token import IdTokens
from gatelodge.connections.place import Place
from gatelodge.connections.sessions import SignedIn
from gatelodge.connections.web_errors import SignInRefused
from gatelodge.core.clock import Clock
from gatelodge.core.secret import Secret
from gatelodge.core.urls import origin_of
from gatelodge.issuer.config import IssuerConfig
from gatelodge.issuer.metadata import MetadataSource
from gatelodge.outbound.client import Outbound
from gatelodge.resource_server.signature import KeyFinder
from gatelodge.vault.current_keys import CurrentKeys
from gatelodge.vault.keyring import Keyring
from gatelodge.vault.sealed import NotAuthentic, SealedBox

__all__ = ["CLIENT_ID", "LIFE", "SignIn", "challenge"]

# The confidential client that infra/keycloak makes for these pages.
CLIENT_ID = "gatelodge-web"
LIFE = 600.0  # seconds
_MAX_ANSWER = 1 << 16
# The longest cookie that every browser keeps is 4096 bytes.
_MAX_COOKIE = 3600


@dataclass(frozen=True, slots=True)
class WebClient:
    """Our client at the authorization server."""

    secret: Secret
    id: str = CLIENT_ID


class SignIn:
    """Sign-ins of one server's pages."""

    def __init__(
        self,
        place: Place,
        issuer: IssuerConfig,
        secret: Secret,
        *,
        outbound: Outbound,
        metadata: MetadataSource,
        keys: KeyFinder,
        keyring: Keyring | CurrentKeys,
        clock: Clock,
        client_id: str = CLIENT_ID,
    ) -> None:
        self._place, self._issuer, self._clock = place, issuer, clock
        self._client = WebClient(secret, client_id)
        self._outbound, self._metadata = outbound, metadata
        self._tokens = IdTokens(issuer.issuer, client_id, keys, clock)
        self._box = SealedBox(keyring, "sign-in")

    async def begin(self, resume: str) -> tuple[str, str]:
        """Where the browser goes, and the cookie it keeps; ``resume`` is the path and query it comes back to.

        Raises: SignInRefused when ``resume`` is too long to keep; IssuerUnavailable, IssuerMismatch.
        """
        endpoint = await self._endpoint("authorization_endpoint", internal=False)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        content = json.dumps([state, nonce, verifier, resume, self._clock.now() + LIFE])
        sealed = await self._box.sealed(content.encode(), self._place.public_url)
        cookie = urlsafe_b64encode(sealed).decode()
        if len(cookie) > _MAX_COOKIE:
            raise SignInRefused("what to come back to is too long for a cookie")
        query = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": self._place.sign_in_callback,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}?{urlencode(query)}", cookie

    async def finish(self, answer: Mapping[str, str], cookie: str | None) -> tuple[SignedIn, str]:
        """Who signed in, and where the browser goes on. Raises: SignInRefused, and what the issuer's faults raise."""
        state, nonce, verifier, resume = await self._begun(cookie)
        if not hmac.compare_digest(answer.get("state", "").encode("utf-8", "replace"), state.encode()):
            raise SignInRefused("state is not that of this browser's sign-in")
        metadata = await self._metadata.raw()
        sends_iss = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", None if sends_iss else self._issuer.issuer) != self._issuer.issuer:
            raise SignInRefused("iss of the answer is missing or another issuer's")
        code = answer.get("code")
        if "error" in answer or not code:
            raise SignInRefused("the authorization server answered with an error, or without a code")
        return await self._tokens.check(await self._exchange(code, verifier), nonce), resume

    async def sign_out_url(self, who: SignedIn) -> str | None:
        """Where the sign-out at the authorization server is; None when it has none."""
        if (await self._metadata.raw()).get("end_session_endpoint") is None:
            return None
        query = {
            "id_token_hint": who.id_token.reveal(),
            "client_id": self._client.id,
            "post_logout_redirect_uri": self._place.signed_out,
        }
        return f"{await self._endpoint('end_session_endpoint', internal=False)}?{urlencode(query)}"

    async def _begun(self, cookie: str | None) -> tuple[str, str, str, str]:
        try:
            sealed = urlsafe_b64decode(cookie or "")
            content = json.loads(await self._box.opened(sealed, self._place.public_url))
            state, nonce, verifier, resume, until = content
        except (NotAuthentic, ValueError) as error:
            raise SignInRefused("this browser began no sign-in, or with another key") from error
        if until <= self._clock.now():
            raise SignInRefused("this browser's sign-in began too long ago")
        return state, nonce, verifier, resume

    async def _exchange(self, code: str, verifier: str) -> str:
        """The ID token for a code (RFC 6749, section 4.1.3), by HTTP Basic as section 2.3.1 writes it."""
        pair = f"{quote_plus(self._client.id)}:{quote_plus(self._client.secret.reveal())}"
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._place.sign_in_callback,
            "code_verifier": verifier,
        }
        headers = {
            "accept": "application/json",
            "authorization": f"Basic {b64encode(pair.encode()).decode()}",
            "content-type": "application/x-www-form-urlencoded",
        }
        url = await self._endpoint("token_endpoint", internal=True)
        content = urlencode(fields).encode()
        answer = await self._outbound.request("POST", url, headers=headers, content=content, max_bytes=_MAX_ANSWER)
        token = answer.json_object().get("id_token") if answer.status == 200 else None
        if not isinstance(token, str):
            raise SignInRefused(
                f"the token endpoint answered {answer.status} without an ID token",
                hint="Sign in again. For operators: compare GATELODGE_WEB_CLIENT_SECRET with the realm's client.",
            )
        return token

    async def _endpoint(self, name: str, *, internal: bool) -> str:
        named = (await self._metadata.raw()).get(name)
        url = named if isinstance(named, str) and named.isascii() and named.isprintable() else ""
        issuer = self._issuer.issuer
        # A host of its own would get the client's secret, or the person.
        if not url.startswith(f"{origin_of(issuer)}/"):
            raise SignInRefused(f"{name} is not on the host of {issuer}")
        if internal and self._issuer.internal_url is not None and url.startswith(f"{issuer}/"):
            return self._issuer.internal_url + url.removeprefix(issuer)
        return url


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
