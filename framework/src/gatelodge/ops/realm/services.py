"""Services that may fetch users' access tokens from a server: one confidential client each, by ``service-clients.yaml``.

Invariants: their scope is no default and no optional scope of the realm, so that no registered client can ask for it and
no person can be made to give it; each client has one server's audience, signs with its secret and never sends it
(``client_secret_jwt``), which client-policies.yaml demands of client credentials. Pure but for reading the file.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gatelodge.ops.realm.confidential import signing_client
from gatelodge.ops.realm.files import ClientScope, Mapper, RealmFilesInvalid, Server, ServiceClient, read_named
from gatelodge.ops.realm.mappers import audience
from gatelodge.ops.realm.placeholders import placeholder
from gatelodge.resource_server.claims import SERVICE_CLAIM

__all__ = ["TOKENS_SCOPE", "service_clients"]

TOKENS_SCOPE = "gatelodge:tokens"
_LIFE = 300  # seconds
# Keycloak writes this note where a client signs in as itself; a person's session has none, whoever gets the scope.
_SERVICE = Mapper(
    type="oidc-usersessionmodel-note-mapper",
    into=("access", "introspection"),
    config={
        "user.session.note": "clientId",
        "claim.name": SERVICE_CLAIM,
        "jsonType.label": "String",
        "lightweight.claim": "true",
    },
)


def service_clients(
    file: Path, servers: Iterable[Server], *, public_base: str
) -> tuple[dict[str, ClientScope], list[dict[str, Any]]]:
    """The scope, where somebody has it, and the clients. Raises: RealmFilesInvalid."""
    audiences = {server.name: public_base + server.path for server in servers}
    clients = [
        _client(file, name, entry, audiences.get(entry.server))
        for name, entry in read_named(file, ServiceClient).items()
    ]
    return (
        {TOKENS_SCOPE: ClientScope(assigned="none", advertised=False, mappers={"service": _SERVICE})} if clients else {}
    ), clients


def _client(file: Path, client_id: str, entry: ServiceClient, url: str | None) -> dict[str, Any]:
    if url is None:
        raise RealmFilesInvalid(f"{file}: {client_id}: there is no server {entry.server!r} in servers/")
    return signing_client(
        client_id,
        name=client_id,
        description=entry.description or "",
        secret=placeholder(entry.secret),
        life=_LIFE,
        scopes=["basic", TOKENS_SCOPE],
        mappers={"audience": audience(url)},
    )
