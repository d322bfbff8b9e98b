"""A realm as it is in Keycloak, read into the same form as a rendered one (RealmRepresentation). Reads only.

Users are left out, but for the desk's own: people are nobody's configuration.
"""

import json
from collections.abc import Mapping
from typing import Any

from keycloak import KeycloakAdmin

from gatelodge.ops.realm.account import REALM_MANAGEMENT, SERVICE_ACCOUNT
from gatelodge.ops.realm.connection import RealmRefused
from gatelodge.ops.realm.things import REGISTRATION, USER_PROFILE, USER_PROFILE_MEMBER

__all__ = ["find_realm", "read_profile", "read_realm"]

_Json = dict[str, Any]


def find_realm(admin: KeycloakAdmin, name: str) -> _Json | None:
    """The realm's settings and attributes; None when it is not there. Raises: RealmRefused."""
    try:
        found: _Json = admin.get_realm(name)
    except RealmRefused as refusal:
        if refusal.answered == 404:
            return None
        raise
    return found


def read_realm(admin: KeycloakAdmin, name: str, *, account: str) -> _Json | None:
    """The whole realm, with the rights of the desk's ``account``; None when it is not there. Raises: RealmRefused."""
    realm = find_realm(admin, name)
    if realm is None:
        return None
    scopes = admin.get_client_scopes()
    providers = admin.get_idps()
    clients = admin.get_clients()
    return {
        **realm,
        "clientScopes": scopes,
        "defaultDefaultClientScopes": [scope["name"] for scope in admin.get_default_default_client_scopes()],
        "defaultOptionalClientScopes": [scope["name"] for scope in admin.get_default_optional_client_scopes()],
        "scopeMappings": [_scope_roles(admin, name, scope) for scope in scopes],
        "components": {
            REGISTRATION: admin.get_components({"type": REGISTRATION, "parent": realm["id"]}),
            USER_PROFILE: [{"config": {USER_PROFILE_MEMBER: [json.dumps(read_profile(admin, name))]}}],
        },
        "clients": clients,
        "identityProviders": providers,
        "identityProviderMappers": [
            mapper for provider in providers for mapper in admin.get_idp_mappers(provider["alias"])
        ],
        **_account(admin, account, {client["clientId"]: client["id"] for client in clients}),
    }


def read_profile(admin: KeycloakAdmin, realm: str) -> _Json:
    """The user profile. Raises: RealmRefused."""
    # python-keycloak has no call for it.
    found: _Json = admin.connection.raw_get(f"admin/realms/{realm}/users/profile").json()
    return found


def _scope_roles(admin: KeycloakAdmin, realm: str, scope: Mapping[str, Any]) -> _Json:
    # python-keycloak's get_realm_roles_of_client_scope means the scope of a client, not a client scope.
    path = f"admin/realms/{realm}/client-scopes/{scope['id']}/scope-mappings/realm"
    return {"clientScope": scope["name"], "roles": [role["name"] for role in admin.connection.raw_get(path).json()]}


def _account(admin: KeycloakAdmin, account: str, identifiers: Mapping[str, str]) -> _Json:
    itself, management = identifiers.get(account), identifiers.get(REALM_MANAGEMENT)
    if itself is None or management is None or not admin.get_client(itself).get("serviceAccountsEnabled"):
        return {"users": []}
    user = admin.get_client_service_account_user(itself)["id"]
    held = [role["name"] for role in admin.get_client_roles_of_user(user, management)]
    carried = [role["name"] for role in admin.get_client_roles_of_client_scope(itself, management)]
    return {
        "clientScopeMappings": {REALM_MANAGEMENT: [{"client": account, "roles": carried}]},
        "users": [{"id": user, SERVICE_ACCOUNT: account, "clientRoles": {REALM_MANAGEMENT: held}}],
    }
