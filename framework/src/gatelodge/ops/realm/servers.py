"""Client scopes as Keycloak wants them, and those that a server brings (RFC 8707 by audience mapper).

The audience of a server's scope is the public address plus the server's path, byte by byte what a client types.
Pure but for ``server_scopes``, which reads the files.
"""

from pathlib import Path
from typing import Any

from gatelodge.ops.realm.files import ClientScope, Server, read_servers
from gatelodge.ops.realm.mappers import attribute, audience, protocol_mapper

__all__ = ["MANAGED", "client_scope", "scopes_of", "server_scopes"]

# Marks the client scopes that these files made, so that `sync` can tell them from a person's.
MANAGED = "gatelodge.managed"

# A server names its caller in logs and rules; many clients ask for its scopes only and never for `profile`.
_USERNAME = attribute("username", claim="preferred_username")


def server_scopes(folder: Path) -> tuple[str, ...]:
    """Every ``<server>:<scope>`` that the files of ``folder`` declare, in order. Raises: RealmFilesInvalid."""
    return tuple(f"{server.name}:{part}" for server in read_servers(folder) for part in server.scopes)


def scopes_of(server: Server, *, public_base: str) -> dict[str, ClientScope]:
    """The client scopes of one server: optional, consented, each with the server's exact URL as audience."""
    mappers = {"audience": audience(public_base + server.path), "username": _USERNAME}
    mappers |= {claim: attribute(claim, claim=claim) for claim in server.claims}
    return {
        f"{server.name}:{part}": ClientScope(assigned="optional", consent=text, mappers=mappers)
        for part, text in server.scopes.items()
    }


def client_scope(name: str, scope: ClientScope) -> dict[str, Any]:
    """One client scope as a Keycloak ClientScopeRepresentation."""
    return {
        "name": name,
        "description": scope.consent or "",
        "protocol": "openid-connect",
        "attributes": {
            "include.in.token.scope": _flag(scope.in_claim),
            "include.in.openid.provider.metadata": _flag(scope.advertised),
            "display.on.consent.screen": _flag(scope.consent is not None),
            "consent.screen.text": scope.consent or "",
            MANAGED: "true",
        },
        "protocolMappers": [protocol_mapper(key, mapper) for key, mapper in scope.mappers.items()],
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"
