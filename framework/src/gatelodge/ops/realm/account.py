"""The desk's account as Keycloak wants it: a client, its service account user, and the rights of both.

Invariant: the account's tokens hold the rights of ``desk.yaml`` at the realm's clients and no scope of a server. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatelodge.core.secret import Secret
from gatelodge.ops.realm.files import DeskAccount
from gatelodge.ops.realm.servers import MANAGED

__all__ = ["REALM_MANAGEMENT", "SECRET_PLACEHOLDER", "SERVICE_ACCOUNT", "Account", "account", "account_of"]

# Keycloak's client whose roles are the rights at its Admin API.
REALM_MANAGEMENT = "realm-management"
# Member of a user that is a client's own.
SERVICE_ACCOUNT = "serviceAccountClientId"
# Filled in by an import, from Keycloak's environment.
SECRET_PLACEHOLDER = "${GATELODGE_DESK_SECRET}"  # noqa: S105 - stands for a secret


@dataclass(frozen=True, slots=True)
class Account:
    """Members of a realm: ``clients`` with their scope mappings, and the ``user``."""

    clients: Mapping[str, Any]
    user: Mapping[str, Any]


def account(file: DeskAccount, secret: Secret | None) -> Account:
    """The account of ``file``; without ``secret`` with the placeholder of an import."""
    rights = list(file.rights)
    client = {
        "clientId": file.client_id,
        "name": "gatelodge desk",
        "description": file.description,
        "protocol": "openid-connect",
        "enabled": True,
        "publicClient": False,
        # The policies of client-policies.yaml know the desk by it.
        "clientAuthenticatorType": "client-secret-jwt",
        "secret": SECRET_PLACEHOLDER if secret is None else secret.reveal(),
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "fullScopeAllowed": False,
        "redirectUris": [],
        "webOrigins": [],
        "defaultClientScopes": [],
        "optionalClientScopes": [],
        "attributes": {
            "access.token.lifespan": str(file.token_life),
            "token.endpoint.auth.signing.alg": "HS256",
            MANAGED: "true",
        },
        "protocolMappers": [_rights_mapper()],
    }
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


def _rights_mapper() -> dict[str, Any]:
    """Writes the account's rights into its token, where the Admin API looks for them; no scope of ours does."""
    return {
        "name": "rights",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-usermodel-client-role-mapper",
        "config": {
            "usermodel.clientRoleMapping.clientId": REALM_MANAGEMENT,
            "claim.name": f"resource_access.{REALM_MANAGEMENT}.roles",
            "jsonType.label": "String",
            "multivalued": "true",
            "access.token.claim": "true",
            "id.token.claim": "false",
            "userinfo.token.claim": "false",
            "introspection.token.claim": "true",
        },
    }
