"""Confidential clients that these files make: with a secret, with no scope but those named, with one flow. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gatelodge.ops.realm.files import Mapper
from gatelodge.ops.realm.mappers import protocol_mapper
from gatelodge.ops.realm.servers import MANAGED

__all__ = ["confidential_client", "signing_client"]


def signing_client(
    client_id: str,
    *,
    name: str,
    description: str,
    secret: str,
    life: int,
    scopes: Sequence[str],
    mappers: Mapping[str, Mapper],
) -> dict[str, Any]:
    """A client that signs in as itself, and signs with its secret instead of sending it; ``life`` of tokens in seconds."""
    return confidential_client(
        client_id,
        name=name,
        description=description,
        # The policies of client-policies.yaml know such clients by it.
        authenticator="client-secret-jwt",
        secret=secret,
        flow="serviceAccountsEnabled",
        scopes=scopes,
        attributes={"access.token.lifespan": str(life), "token.endpoint.auth.signing.alg": "HS256"},
        mappers=mappers,
    )


def confidential_client(
    client_id: str,
    *,
    name: str,
    description: str,
    authenticator: Literal["client-secret", "client-secret-jwt"],
    secret: str,
    flow: Literal["serviceAccountsEnabled", "standardFlowEnabled"],
    scopes: Sequence[str],
    attributes: Mapping[str, str],
    mappers: Mapping[str, Mapper],
    redirects: Sequence[str] = (),
) -> dict[str, Any]:
    """A Keycloak ClientRepresentation with that one ``flow``; ``scopes`` are its default ones."""
    return {
        "clientId": client_id,
        "name": name,
        "description": description,
        "protocol": "openid-connect",
        "enabled": True,
        "publicClient": False,
        "clientAuthenticatorType": authenticator,
        "secret": secret,
        "serviceAccountsEnabled": flow == "serviceAccountsEnabled",
        "standardFlowEnabled": flow == "standardFlowEnabled",
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "fullScopeAllowed": False,
        "redirectUris": list(redirects),
        "webOrigins": [],
        "defaultClientScopes": list(scopes),
        "optionalClientScopes": [],
        "attributes": {**attributes, MANAGED: "true"},
        "protocolMappers": [protocol_mapper(key, mapper) for key, mapper in mappers.items()],
    }
