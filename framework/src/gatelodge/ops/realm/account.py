"""The desk's account as Keycloak wants it: a client, its service account user, and the rights of both.

Invariant: the account's tokens hold the rights of ``desk.yaml`` at the realm's clients and no scope of a server. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.confidential import signing_client
from gatelodge.ops.realm.files import DeskAccount, Mapper

__all__ = ["REALM_MANAGEMENT", "SECRET_PLACEHOLDER", "SERVICE_ACCOUNT", "Account", "account", "account_of"]

# Keycloak's client whose roles are the rights at its Admin API.
REALM_MANAGEMENT = "realm-management"
# Member of a user that is a client's own.
SERVICE_ACCOUNT = "serviceAccountClientId"
# Filled in by an import, from Keycloak's environment.
SECRET_PLACEHOLDER = "${GATELODGE_DESK_SECRET}"  # noqa: S105 - stands for a secret
# Writes the account's rights into its token, where the Admin API looks for them; no scope of ours does.
_RIGHTS = Mapper(
    type="oidc-usermodel-client-role-mapper",
    into=("access", "introspection"),
    config={
        "usermodel.clientRoleMapping.clientId": REALM_MANAGEMENT,
        "claim.name": f"resource_access.{REALM_MANAGEMENT}.roles",
        "jsonType.label": "String",
        "multivalued": "true",
    },
)


@dataclass(frozen=True, slots=True)
class Account:
    """Members of a realm: ``clients`` with their scope mappings, and the ``user``."""

    clients: Mapping[str, Any]
    user: Mapping[str, Any]


def account(file: DeskAccount, secret: Secret | None) -> Account:
    """The account of ``file``; without ``secret`` with the placeholder of an import."""
    rights = list(file.rights)
    client = signing_client(
        file.client_id,
        name="gatelodge desk",
        description=file.description,
        secret=SECRET_PLACEHOLDER if secret is None else secret.reveal(),
        life=file.token_life,
        scopes=(),
        mappers={"rights": _RIGHTS},
    )
    return Account(
        clients={
            "clients": [client],
            "clientScopeMappings": {REALM_MANAGEMENT: [{"client": file.client_id, "roles": rights}]},
        },
        user={
            "username": f"service-account-{file.client_id}",
            "enabled": True,
            SERVICE_ACCOUNT: file.client_id,
            "clientRoles": {REALM_MANAGEMENT: rights},
        },
    )


def account_of(realm: Mapping[str, Any]) -> str:
    """The client id of the desk's account in a rendered realm; empty when it has none."""
    return next((str(user[SERVICE_ACCOUNT]) for user in realm.get("users", ()) if SERVICE_ACCOUNT in user), "")
