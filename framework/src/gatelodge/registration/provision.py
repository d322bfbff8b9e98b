"""A client id metadata document made a client of the realm, kept like it, and taken back with it.

draft-ietf-oauth-client-id-metadata-document: the client's ``client_id`` is the document's URL. Invariants: a client that
a person made is never touched; only what the document determines is changed, so that what a person set beside it
stays; keys are read from the desk, never from a URL of the document.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from gatelodge.registration.documents.model import ClientDocument
from gatelodge.registration.keycloak_clients import ClientExists, KeycloakClients
from gatelodge.registration.marks import (
    DISABLED_AT,
    FINGERPRINT,
    MADE_AT,
    MADE_BY,
    WITHDRAWN_AT,
    made_by,
    mark,
    moment,
    stamp,
)
from gatelodge.registration.redirects import any_port

__all__ = ["BASE", "Outcome", "Withdrawal", "provision", "withdraw"]

Outcome = Literal["created", "updated", "unchanged", "foreign"]
Withdrawal = Literal["marked", "disabled", "waiting", "foreign", "absent"]

# Keycloak keeps each mark as text; an empty one removes it.
_REMOVED = ""


async def provision(clients: KeycloakClients, document: ClientDocument, *, keys_url: str | None, now: float) -> Outcome:
    """Make or update the client of ``document``. Raises: RegistrarUnavailable, RegistrarRefused.

    ``keys_url`` is where Keycloak reads the client's keys; needed for ``private_key_jwt``.
    """
    found = await clients.find(document.client_id)
    if found is None:
        made = _determined(document, keys_url)
        marks = {**made["attributes"], MADE_BY: "cimd", MADE_AT: stamp(now)}
        try:
            await clients.create({**BASE, **made, "clientId": document.client_id, "attributes": marks})
        except ClientExists:
            # Two people at once at the first try: the other request has just made it.
            found = await clients.find(document.client_id)
            if found is None:
                raise
        else:
            return "created"
    return await _kept(clients, found, _determined(document, keys_url))


async def _kept(clients: KeycloakClients, found: dict[str, Any], wanted: dict[str, Any]) -> Outcome:
    if made_by(found) != "cimd":
        return "foreign"
    withdrawn = mark(found, WITHDRAWN_AT) is not None
    if not withdrawn and mark(found, FINGERPRINT) == wanted["attributes"][FINGERPRINT]:
        return "unchanged"
    if withdrawn:
        wanted["attributes"] |= {WITHDRAWN_AT: _REMOVED, DISABLED_AT: _REMOVED}
    if mark(found, DISABLED_AT) is not None:
        wanted["enabled"] = True
    # Left out, Keycloak would make it from the redirect URIs.
    await _write(clients, found, {**wanted, "webOrigins": found.get("webOrigins", [])})
    return "updated"


async def withdraw(clients: KeycloakClients, client_id: str, *, now: float, grace: float) -> Withdrawal:
    """Note that the document is gone; disable the client when that was ``grace`` seconds ago.

    A client that a person disabled counts as disabled, and stays so when its document comes back.
    """
    found = await clients.find(client_id)
    if found is None:
        return "absent"
    if made_by(found) != "cimd":
        return "foreign"
    since = moment(found, WITHDRAWN_AT)
    if since is None:
        await _write(clients, found, {"attributes": {WITHDRAWN_AT: stamp(now)}})
        return "marked"
    if now - since < grace:
        return "waiting"
    if found.get("enabled", True):
        await _write(clients, found, {"enabled": False, "attributes": {DISABLED_AT: stamp(now)}})
    return "disabled"


async def _write(clients: KeycloakClients, found: Mapping[str, Any], change: Mapping[str, Any]) -> None:
    await clients.update(found["id"], {"clientId": found["clientId"], **change})


# What every client made here is, whatever asked for it. Default and optional scopes are the realm's: Keycloak gives
# them to a new client that names none.
BASE: Mapping[str, Any] = {
    "protocol": "openid-connect",
    "enabled": True,
    "consentRequired": True,
    "fullScopeAllowed": False,
    "standardFlowEnabled": True,
    "implicitFlowEnabled": False,
    "directAccessGrantsEnabled": False,
    "serviceAccountsEnabled": False,
    "bearerOnly": False,
    "webOrigins": [],
}


def _determined(document: ClientDocument, keys_url: str | None) -> dict[str, Any]:
    """The members of Keycloak's representation that the document decides on."""
    signed = document.method == "private_key_jwt"
    if signed and keys_url is None:
        raise ValueError("private_key_jwt needs the address of the keys")
    return {
        "name": _shown(document.name, document.host),
        "publicClient": not signed,
        "clientAuthenticatorType": "client-jwt" if signed else "client-secret",
        "redirectUris": any_port(document.redirect_uris),
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "use.jwks.url": "true" if signed else "false",
            "jwks.url": (keys_url or _REMOVED) if signed else _REMOVED,
            "token.endpoint.auth.signing.alg": (document.signing_alg or _REMOVED) if signed else _REMOVED,
            FINGERPRINT: _fingerprint(document, keys_url),
        },
    }


def _fingerprint(document: ClientDocument, keys_url: str | None) -> str:
    return hashlib.sha256(f"{document.fingerprint}\n{keys_url or ''}".encode()).hexdigest()


def _shown(name: str, host: str) -> str:
    """The name on the consent page: whatever a client calls itself, its host is there. Cleaned when it was read."""
    return host if name == host else f"{name} ({host})"
