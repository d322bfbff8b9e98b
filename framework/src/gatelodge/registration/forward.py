"""Registration at Keycloak's own endpoint, and its refusals put into the words of RFC 7591, section 3.2.

Invariants: nothing of the client's request but the checked body goes on (a foreign ``Origin`` would make Keycloak refuse
it); a request is sent once, because a second one would make a second client; secrets of the answer are not logged.
"""

import json
from typing import Any

from gatelodge.outbound.client import Answer, Outbound, UpstreamAnswerUnusable, UpstreamUnreachable
from gatelodge.registration.answers import RegistrationAnswer, accepted
from gatelodge.registration.errors import (
    InvalidClientMetadata,
    InvalidRedirectUri,
    RegistrarUnavailable,
    RegistrationError,
    RegistrationRefused,
)
from gatelodge.registration.redirects import any_port

__all__ = ["AWAY", "ENDPOINT", "refusal", "register"]

# Below the realm, on Keycloak and in public alike.
ENDPOINT = "/clients-registrations/openid-connect"

AWAY = "The authorization server does not answer. Try again later."


async def register(outbound: Outbound, keycloak_url: str, body: dict[str, Any]) -> RegistrationAnswer:
    """Register ``body`` at the realm ``keycloak_url`` (its direct URL, not the proxy's). Raises: RegistrationError."""
    requested: list[str] = body["redirect_uris"]
    content = json.dumps({**body, "redirect_uris": any_port(requested)}).encode()
    headers = {"content-type": "application/json", "accept": "application/json"}
    try:
        answer = await outbound.request("POST", keycloak_url + ENDPOINT, headers=headers, content=content)
        if answer.status != 201:
            raise refusal(answer)
        stored = answer.json_object()
    except (UpstreamUnreachable, UpstreamAnswerUnusable) as error:
        raise RegistrarUnavailable(AWAY, detail=error.detail) from error
    if not stored.get("client_id") or not isinstance(stored.get("redirect_uris"), list):
        raise RegistrarUnavailable(AWAY, detail="Keycloak's 201 lacks client_id or redirect_uris")
    return accepted(stored, requested)


def refusal(answer: Answer) -> RegistrationError:
    """The error that says what a refusal of Keycloak means for the client."""
    refusal = answer.json_object()
    reason = str(refusal.get("error_description", refusal.get("error", "")))
    detail = f"Keycloak answered {answer.status}: {reason[:300]!r}"
    if answer.status == 400 and refusal.get("error") == InvalidRedirectUri.error:
        return InvalidRedirectUri("The authorization server does not accept a redirect URI.", detail=detail)
    if answer.status == 400:
        return InvalidClientMetadata("The authorization server does not accept this client metadata.", detail=detail)
    if answer.status != 403:
        return RegistrarUnavailable(AWAY, detail=detail)
    # Keycloak names the policy that said no in its text only.
    if "trusted host" in reason:
        return InvalidRedirectUri(
            "The authorization server does not accept the host of a redirect URI.",
            detail=detail,
            hint="Add the host to the trusted hosts of the realm; the desk's list and the realm's have to agree.",
        )
    if "clients per realm" in reason:
        return RegistrationRefused(
            "The authorization server has reached its limit of clients. Its operator has to remove unused ones.",
            detail=detail,
            hint="Remove unused clients of the realm, or raise max-clients in its registration policies.",
        )
    return RegistrationRefused("The authorization server's policy refuses this registration.", detail=detail)
