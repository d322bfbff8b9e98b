"""A registered client's own entry: read, changed and removed with its registration token (RFC 7592, section 2).

Invariants: the token goes to Keycloak and nowhere else, is not kept and not logged; only a registration token is passed
on, so that no other credential of this realm works here; a change is held to what a registration may say; a client
that was given to more than one party (``folding``) can be managed by none. An unknown client and a wrong token are
told apart by nobody.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from gatelodge.outbound.client import Answer, Outbound, UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.registration.answers import NO_STORE, RegistrationAnswer, accepted
from gatelodge.registration.body import acceptable
from gatelodge.registration.config import RegistrationPolicy
from gatelodge.registration.errors import InvalidClientMetadata, RegistrarUnavailable, RegistrationTokenInvalid
from gatelodge.registration.forward import AWAY, ENDPOINT, refusal
from gatelodge.registration.redirects import any_port

__all__ = ["change", "checked_change", "read", "registration_token", "remove", "usable_id"]

# Keycloak makes UUIDs. What would need encoding in a path is no id of a registered client.
_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,255}")
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
_KIND = "RegistrationAccessToken"


def usable_id(client_id: str) -> bool:
    """Whether a path segment can be the id of a registered client."""
    return _CLIENT_ID.fullmatch(client_id) is not None and client_id.strip(".") != ""


def registration_token(authorization: list[str]) -> str:
    """The token of the request's Authorization headers. Raises: RegistrationTokenInvalid.

    Only its kind is looked at; whether it is genuine and for this client is Keycloak's to say.
    """
    found = _BEARER.fullmatch(authorization[0]) if len(authorization) == 1 else None
    if found is None:
        raise RegistrationTokenInvalid("no single bearer token that is a JWT")
    payload = found[1].split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise RegistrationTokenInvalid("the bearer token cannot be read") from error
    if not isinstance(claims, dict) or claims.get("typ") != _KIND:
        raise RegistrationTokenInvalid("the bearer token is of another kind")
    return found[1]


def checked_change(raw: bytes, client_id: str, policy: RegistrationPolicy) -> dict[str, Any]:
    """The body of a change, held to the rules of a registration. Raises: InvalidClientMetadata, InvalidRedirectUri.

    RFC 7592, section 2.2: the whole metadata is sent, with the ``client_id``.
    """
    body = acceptable(raw, policy)
    if json.loads(raw).get("client_id") != client_id:
        raise InvalidClientMetadata("client_id is missing or is not the one of this client.")
    return {**body, "client_id": client_id}


async def read(outbound: Outbound, keycloak_url: str, client_id: str, token: str) -> RegistrationAnswer:
    """The client as it is. Raises: RegistrationError."""
    stored = _stored(await _ask(outbound, "GET", f"{keycloak_url}{ENDPOINT}/{client_id}", token))
    return accepted(stored, _own(stored["redirect_uris"]), status=200)


async def change(
    outbound: Outbound, keycloak_url: str, client_id: str, token: str, body: Mapping[str, Any]
) -> RegistrationAnswer:
    """The client changed to ``body`` of ``checked_change``. Raises: RegistrationError."""
    requested: list[str] = body["redirect_uris"]
    content = json.dumps({**body, "redirect_uris": any_port(requested)}).encode()
    stored = _stored(await _ask(outbound, "PUT", f"{keycloak_url}{ENDPOINT}/{client_id}", token, content=content))
    return accepted(stored, requested, status=200)


async def remove(outbound: Outbound, keycloak_url: str, client_id: str, token: str) -> RegistrationAnswer:
    """The client removed, and every link by it. Raises: RegistrationError."""
    await _ask(outbound, "DELETE", f"{keycloak_url}{ENDPOINT}/{client_id}", token)
    return RegistrationAnswer(204, {}, NO_STORE)


def _own(redirects: list[str]) -> list[str]:
    """The redirects without those that stand for another one's free choice of port."""
    implied = {uri for each in redirects for uri in any_port([each])[1:]}
    return [uri for uri in redirects if uri not in implied]


async def _ask(outbound: Outbound, method: str, url: str, token: str, *, content: bytes | None = None) -> Answer:
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    if content is not None:
        headers["content-type"] = "application/json"
    try:
        answer = await outbound.request(method, url, headers=headers, content=content)
        if answer.status == (204 if method == "DELETE" else 200):
            return answer
        if answer.status in {401, 404} or (answer.status == 403 and not _of_policy(answer)):
            raise RegistrationTokenInvalid(f"Keycloak answered {method} with {answer.status}")
        raise refusal(answer)
    except (UpstreamUnreachable, UpstreamAnswerUnusable) as error:
        raise RegistrarUnavailable(AWAY, detail=error.detail) from error


def _of_policy(answer: Answer) -> bool:
    """Whether a refusal is about what was sent, not about who sent it."""
    return b"olicy" in answer.body


def _stored(answer: Answer) -> dict[str, Any]:
    try:
        stored = answer.json_object()
    except UpstreamAnswerUnusable as error:
        raise RegistrarUnavailable(AWAY, detail=error.detail) from error
    if not stored.get("client_id") or not isinstance(stored.get("redirect_uris"), list):
        raise RegistrarUnavailable(AWAY, detail="Keycloak's answer lacks client_id or redirect_uris")
    return stored
