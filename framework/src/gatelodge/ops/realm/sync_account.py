"""The desk's account made what the files say, in a realm that is already there: rights added and rights taken away.

Not here: what the account is (``account``).
"""

from collections.abc import Mapping
from typing import Any

from keycloak import KeycloakAdmin

from gatelodge.ops.realm.account import REALM_MANAGEMENT

__all__ = ["sync_account"]

_Json = dict[str, Any]


def sync_account(admin: KeycloakAdmin, realm: Mapping[str, Any]) -> None:
    """Every client of the rendered realm with mappers, scopes and exactly its rights. Raises: RealmRefused."""
    management = _identifier(admin, REALM_MANAGEMENT)
    for client in realm["clients"]:
        client_id = client["clientId"]
        found = admin.get_client_id(client_id)
        identifier = admin.create_client(client) if found is None else found
        if found is not None:
            admin.update_client(identifier, {**client, "id": identifier})
            _sync_scopes(admin, identifier, client)
        mappings = realm["clientScopeMappings"][REALM_MANAGEMENT]
        wanted = next(mapping["roles"] for mapping in mappings if mapping["client"] == client_id)
        roles = [admin.get_client_role(management, name) for name in wanted]
        _sync_rights(admin, identifier, management, roles)


def _sync_scopes(admin: KeycloakAdmin, identifier: str, client: _Json) -> None:
    # A client's scopes are not part of its update.
    known = {scope["name"]: scope["id"] for scope in admin.get_client_scopes()}
    present = {scope["name"]: scope["id"] for scope in admin.get_client_default_client_scopes(identifier)}
    for name in set(client["defaultClientScopes"]) - present.keys():
        admin.add_client_default_client_scope(identifier, known[name], {})
    for name in present.keys() - set(client["defaultClientScopes"]):
        admin.delete_client_default_client_scope(identifier, present[name])
    for scope in admin.get_client_optional_client_scopes(identifier):
        admin.delete_client_optional_client_scope(identifier, scope["id"])


def _sync_rights(admin: KeycloakAdmin, identifier: str, management: str, roles: list[_Json]) -> None:
    user = admin.get_client_service_account_user(identifier)["id"]
    wanted = {role["name"] for role in roles}
    surplus = [role for role in admin.get_client_roles_of_user(user, management) if role["name"] not in wanted]
    if surplus:
        admin.delete_client_roles_of_user(user, management, surplus)
    admin.assign_client_role(user, management, roles)
    admin.assign_client_roles_to_client_scope(identifier, management, roles)


def _identifier(admin: KeycloakAdmin, client_id: str) -> str:
    identifier = admin.get_client_id(client_id)
    assert identifier is not None, f"every realm has {client_id}"  # noqa: S101
    return identifier
